"""The program `labctl`: its commands, and the one place where errors end it."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer

from labctl import __version__
from labctl.cli import demo, grading, labs, machines, sessions, setup, traffic
from labctl.errors import LabctlError

INTERRUPTED = 130

app = typer.Typer(
    name="labctl",
    help="Hands-on labs for container, Kubernetes and virtualization security.",
    epilog="Begin with: labctl setup, then labctl list, then labctl start LAB.",
    no_args_is_help=True,
    # Rich help would cost every command its import.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"labctl {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


for module in (labs, sessions, machines, grading, traffic, setup, demo):
    module.register(app)


def main() -> None:
    """Run one command; end with its exit code (ARCHITECTURE.md lists them)."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except LabctlError as e:
        from labctl.cli.output import print_error

        print_error(e)
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, say) has left; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
