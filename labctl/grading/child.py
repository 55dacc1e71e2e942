"""The process that runs a lab's checks. It holds no secrets, and cannot write a report.

`python -m labctl.grading.child EVENTS PROBE`: two open file descriptors. Two lines of JSON come on
standard input: which checks to load, and, when its parent is ready, what they are about. It tells
events as JSON lines on EVENTS, and speaks with the probe through PROBE.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from labctl.environment.probe_client import SocketWire

if TYPE_CHECKING:
    from labctl.grading.fixtures import Fixtures
    from labctl.grading.plugin import Emit

# Built-in plugins of pytest that a check has no use for, some of which write files.
_WITHOUT = (
    "cacheprovider",
    "debugging",
    "doctest",
    "faulthandler",
    "junitxml",
    "legacypath",
    "logging",
    "nose",
    "pastebin",
    "setuponly",
    "setupplan",
    "stepwise",
    "terminal",
    "terminalprogress",
    "unittest",
)


def main() -> int:
    """Run or collect, as standard input asks. Returns pytest's exit status."""
    # Its parent waits: looking for garbage would take a tenth of what loading pytest takes.
    gc.set_threshold(100_000)
    from labctl.grading.fixtures import Fixtures

    events, probe = int(sys.argv[1]), int(sys.argv[2])

    def told() -> dict[str, Any]:
        message: dict[str, Any] = json.loads(sys.stdin.readline())
        return message

    def emit(event: dict[str, Any]) -> None:
        os.write(events, json.dumps(event).encode() + b"\n")

    task = told()
    return run(task, emit, Fixtures(told, SocketWire(socket.socket(fileno=probe))))


def run(task: dict[str, Any], emit: Emit, fixtures: Fixtures) -> int:
    """Run or collect the checks of a task (see children.py). Returns pytest's exit status."""
    import pytest

    from labctl.grading.plugin import Judge

    judge = Judge(emit, task["kind"], task["only"], collect=task["collect"])
    checks = task["checks"]
    arguments = [
        # No configuration but this: none of the folders above the lab, none of the user's.
        f"--config-file={os.devnull}",
        f"--rootdir={checks}",
        f"--confcutdir={checks}",
        "--import-mode=importlib",
        "--assert=plain",
        "--capture=no",
        *(f"-pno:{name}" for name in _WITHOUT),
        checks,
    ]
    return int(pytest.main(arguments, [judge, fixtures]))


if __name__ == "__main__":
    sys.exit(main())
