"""The program `labctl`: its commands."""

from __future__ import annotations

import sys

import typer

from labctl import __version__
from labctl.cli.index import Index

app = typer.Typer(
    name="labctl",
    cls=Index,
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
