"""Where the program begins and ends: signals, errors, exit codes."""

from __future__ import annotations

import gc
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
    # A command lives for seconds: looking for garbage often, and tidying up memory at the end,
    # would take a quick one a tenth of its time.
    gc.set_threshold(100_000)
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = 1  # the reader of our output (head, say) has left
    sys.stderr.flush()
    os._exit(code)


def _run() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _command()
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except LabctlError as e:
        from labctl.cli.output import print_error

        print_error(e)
        return e.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    return 0


def _command() -> None:
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
