"""Children that run checks: started without secrets, heard line by line, always ended."""

from __future__ import annotations

import json
import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import labctl
from labctl import process
from labctl.errors import DefinitionError, EnvironmentFailure
from labctl.lab.model import Lab

START_SECONDS = 30.0
_LONGEST_EVENT = 1 << 20


class Late(Exception):
    """No event came in time, or the child has ended."""


class Child:
    """One child and the events that it tells."""

    def __init__(self, running: process.Running, events: int, lab: Lab) -> None:
        self._running = running
        self._events = events
        self._lab = lab
        self._rest = b""

    def begin(self, spec: dict[str, Any]) -> None:
        """Tell it what to do."""
        self._running.feed(json.dumps(spec).encode())

    def next(self, seconds: float) -> dict[str, Any]:
        """The next event. Raises Late after `seconds`, or when no more will come.

        Raises DefinitionError when the lab's checks cannot be loaded.
        """
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
        if event["event"] == "broken":
            raise DefinitionError(
                f"The checks of lab `{self._lab.id}` cannot be loaded", details=event["message"]
            )
        return event

    @property
    def output(self) -> str:
        """The end of what it printed: for the message when it breaks."""
        return self._running.output


@contextmanager
def start(lab: Lab, probe: int = -1) -> Iterator[Child]:
    """Start a child for a lab's checks; `probe` is its end of the wire to the probe.

    It loads pytest while its caller gets ready to `begin`. Leaving ends it.
    """
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="labctl-check-"))
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        fds: Sequence[int] = (writing, probe) if probe >= 0 else (writing,)
        try:
            running = stack.enter_context(
                process.stream(
                    [sys.executable, "-sP", "-m", "labctl.grading.child", str(writing), str(probe)],
                    cwd=Path(home),
                    env=_environment(home),
                    pass_fds=fds,
                )
            )
        finally:
            os.close(writing)
        yield Child(running, reading, lab)


def spec(lab: Lab) -> dict[str, Any]:
    """What every child is told. Raises EnvironmentFailure when the lab has no checks."""
    checks = lab.folder / "checks"
    if not checks.is_dir():
        raise EnvironmentFailure(f"The lab `{lab.id}` has no checks")
    return {"checks": str(checks), "kind": "check", "only": None, "collect": False}


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
