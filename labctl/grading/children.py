"""Children that run checks: started without secrets, heard line by line, always ended.

This module loads nothing heavy, so that a child can be started first thing and load pytest
while its parent gets ready.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import labctl
from labctl import process

START_SECONDS = 30.0
_LONGEST_EVENT = 1 << 20


class Late(Exception):
    """No event came in time, or the child has ended."""


class Child(ABC):
    """One child: what it is told, the events that it tells, its wire on which it asks the probe."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self._task: dict[str, Any] | None = None

    def collect(self, task: dict[str, Any]) -> None:
        """Tell it which checks to load: once, however often it is told the same."""
        if self._task is None:
            self._tell(task)
            self._task = task
        assert self._task == task, "a child serves one purpose"

    def begin(self, scene: dict[str, Any]) -> None:
        """Tell it what the checks are about, and so to run them: once."""
        self._tell(scene)

    @abstractmethod
    def next(self, seconds: float) -> dict[str, Any]:
        """The next event. Raises Late after `seconds`, or when no more will come."""

    @property
    @abstractmethod
    def output(self) -> str:
        """The end of what it printed: for the message when it breaks."""

    @abstractmethod
    def _tell(self, message: dict[str, Any]) -> None:
        """Send one message."""


class _Plain(Child):
    """A process beside this one, which may do what the user may."""

    def __init__(self, running: process.Running, events: int, wire: socket.socket) -> None:
        super().__init__(wire)
        self._running = running
        self._events = events
        self._rest = b""

    def next(self, seconds: float) -> dict[str, Any]:
        """See Child."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._events], [], [], left)[0]:
                raise Late("it did not answer in time")
            chunk = os.read(self._events, 1 << 16)
            if not chunk or len(self._rest) > _LONGEST_EVENT:
                raise Late("it ended")
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        event: dict[str, Any] = json.loads(line)
        return event

    def _tell(self, message: dict[str, Any]) -> None:
        self._running.write(json.dumps(message).encode() + b"\n")

    @property
    def output(self) -> str:
        """See Child."""
        return self._running.output


def task(
    lab: Path, kind: str = "check", only: list[str] | None = None, *, run: bool = True
) -> dict[str, Any]:
    """What a child is asked to load from the lab's folder; without `run` it only lists."""
    return {"checks": str(lab / "checks"), "kind": kind, "only": only, "collect": not run}


@contextmanager
def start() -> Iterator[Child]:
    """Start a child that may do what the user may: for checks that are trusted, and no others.

    It waits for what to do. Leaving ends it. Raises ProcessError.
    """
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="labctl-check-"))
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        try:
            arguments = [str(writing), str(theirs.fileno())]
            running = stack.enter_context(
                process.stream(
                    [sys.executable, "-sP", "-m", "labctl.grading.child", *arguments],
                    cwd=Path(home),
                    env=_environment(home),
                    pass_fds=(writing, theirs.fileno()),
                )
            )
        finally:
            os.close(writing)
            theirs.close()
        yield _Plain(running, reading, ours)


def _environment(home: str) -> dict[str, str]:
    """Nothing of the user's own: no secrets, no settings of Python or pytest, no proxies."""
    return {
        "PATH": os.defpath,
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(labctl.__file__).parent.parent),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
