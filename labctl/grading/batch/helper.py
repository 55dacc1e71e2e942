"""Processes of labctl's own that work for the grader: told and heard in lines of JSON.

Each submission is read and graded in a process of its own, so that none can use up the
grader's memory, hold it up, or crash it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from select import select
from typing import Any

import labctl
from labctl import process

Event = dict[str, Any]
Tell = Callable[[Event], None]

_LONGEST = 64 << 20  # bytes of one event: far more than any report


class Helper:
    """One process. It ends when it is told to, or when its parent is gone."""

    def __init__(self, module: str, folder: Path) -> None:
        """Start `module`, which calls `serve`, in a folder. Raises ProcessError."""
        self._stack = ExitStack()
        self._events, writing = os.pipe()
        self._stack.callback(os.close, self._events)
        self._rest = b""
        self.ended = False
        try:
            self._running = self._stack.enter_context(
                process.stream(
                    [sys.executable, "-sP", "-m", module, str(writing)],
                    cwd=folder,
                    env={**os.environ, "PYTHONPATH": str(Path(labctl.__file__).parent.parent)},
                    pass_fds=(writing,),
                )
            )
        except BaseException:
            self._stack.close()
            raise
        finally:
            os.close(writing)

    def fileno(self) -> int:
        """Readable when there is something to hear."""
        return self._events

    def tell(self, message: Event) -> None:
        """Say one thing."""
        self._running.write(json.dumps(message).encode() + b"\n")

    def hear(self, seconds: float = 0.0) -> list[Event]:
        """What it has told by now, waiting up to `seconds` for the first of it."""
        events: list[Event] = []
        deadline = time.monotonic() + seconds
        while not self.ended and not events:
            if not select([self], [], [], max(0.0, deadline - time.monotonic()))[0]:
                break
            chunk = os.read(self._events, 1 << 16)
            self.ended = not chunk or len(self._rest) > _LONGEST
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            events = [json.loads(line) for line in lines]
        return events

    def hang_up(self) -> None:
        """Ask it to tidy up and end."""
        self._running.close_input()

    def close(self) -> None:
        """See it off; kills it if it still runs."""
        self._stack.close()

    @property
    def output(self) -> str:
        """The end of what it printed: for the message when it breaks."""
        return self._running.output.strip()


def serve(work: Callable[[Event, Tell], None], *, leave: Callable[[], None]) -> None:
    """The helper's side: call `work` for each line that the parent writes.

    `leave` is called, in a thread of its own, as soon as the parent hangs up or is gone.
    """
    events = int(sys.argv[1])

    def tell(event: Event) -> None:
        data = json.dumps(event).encode() + b"\n"
        try:
            while data:
                data = data[os.write(events, data) :]
        except OSError:
            pass  # the parent is gone; what was begun is still tidied up

    lines: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        leave()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        work(json.loads(lines.get()), tell)
