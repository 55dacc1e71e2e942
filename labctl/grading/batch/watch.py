"""Whether the engine stayed up: a verdict from while it did not is worth nothing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from labctl.environment.containers import engine_errors
from labctl.errors import EnvironmentFailure
from labctl.host.model import Host

_PAUSE = 0.5


class Watch:
    """Keeps a stream open that breaks in the moment in which the engine goes down.

    `losses` counts how often that happened. A restart stops all machines, which looks just
    like a learner's doing to a check: so whoever compares the count before and after knows.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ending = threading.Event()
        self._stream: Any = None
        self._up = threading.Event()
        self.losses = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; returns when the engine has answered. Raises EnvironmentFailure."""
        self._host.client()
        self._thread.start()
        self._up.wait(10)

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._stream is not None:
            with suppress(OSError):  # the engine may have been faster
                self._stream.close()
        self._thread.join(timeout=2)

    def answers(self) -> bool:
        """Whether the engine answers right now; one that hangs does not."""
        try:
            self._host.client()
        except EnvironmentFailure:
            return False
        return self._up.is_set()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                # Nothing of this type ever comes: the stream only lives and ends.
                with engine_errors("tell events"):
                    self._stream = self._host.client().events(filters={"type": ["daemon"]})
                    self._up.set()
                    for _ in self._stream:
                        pass
            except EnvironmentFailure:
                pass  # told by `losses`
            if self._up.is_set():
                self.losses += 1
                self._up.clear()
            if not self._ending.is_set():
                time.sleep(_PAUSE)
