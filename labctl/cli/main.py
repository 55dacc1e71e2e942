"""Where the program begins and ends: signals, errors, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import Any

from labctl.errors import LabctlError

INTERRUPTED = 130


def main() -> None:
    """Run one command; end with its exit code (ARCHITECTURE.md lists them)."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run()
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


def _run() -> None:
    with ExitStack() as stack:
        ahead: Any = None
        if sys.argv[1:2] == ["check"]:
            # Loading pytest takes as long as loading all the rest: it is done side by side.
            from labctl.grading import children

            ahead = stack.enter_context(children.start())
        from labctl.cli.app import app

        app(obj=ahead)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
