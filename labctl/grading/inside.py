"""The process that runs the checks of a lab from elsewhere, in a container without anything.

`python -m labctl.grading.inside` speaks with its parent (confined.py) in frames, on what were
its standard input and output. Files that it is given are unpacked into the folder it was
started in. The checks are not kept from anything in this process, nor from saying what they
like in its name: what must hold, the container and the parent make sure of.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import tarfile
import threading
from itertools import count
from queue import SimpleQueue
from typing import Any

from labctl.environment.kubeapi import Answer, Unanswered
from labctl.environment.probe_client import SocketWire
from labctl.grading import child, frames
from labctl.grading.fixtures import Fixtures

_LONGEST = 1 << 30
_PATIENCE = 60.0  # seconds until an answer of a cluster's API is given up


class Channel:
    """The way to the parent. Several threads may send."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._answers: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._ours, theirs = socket.socketpair()
        self.wire = SocketWire(theirs)
        for work in (self._listen, self._carry):
            threading.Thread(target=work, daemon=True).start()

    def told(self) -> dict[str, Any]:
        """The next line: the task, then the scene."""
        message: dict[str, Any] = json.loads(self._lines.get())
        return message

    def emit(self, event: dict[str, Any]) -> None:
        """Tell an event."""
        self._send(frames.EVENT, json.dumps(event).encode())

    def ask(self, cluster: str, method: str, path: str, **kwargs: Any) -> Answer:
        """One try of a request to a cluster's API, as KubeAPI.ask. Raises Unanswered."""
        number, arrived = next(self._numbers), SimpleQueue[dict[str, Any]]()
        self._answers[number] = arrived
        request = {"id": number, "cluster": cluster, "method": method, "path": path, **kwargs}
        self._send(frames.ASK, json.dumps(request).encode())
        try:
            answer = arrived.get(timeout=_PATIENCE)
        finally:
            del self._answers[number]
        if "trouble" in answer:
            raise Unanswered(answer["trouble"])
        return Answer(answer["status"], answer["body"])

    def _send(self, kind: bytes, payload: bytes) -> None:
        data = frames.pack(kind, payload)
        with self._lock:
            while data:
                data = data[os.write(self._writing, data) :]

    def _carry(self) -> None:
        while data := self._ours.recv(1 << 16):
            self._send(frames.WIRE, data)

    def _listen(self) -> None:
        taken = frames.Frames(_LONGEST)
        while data := os.read(self._reading, 1 << 20):
            for kind, payload in taken.feed(data):
                self._take(kind, payload)
        os._exit(1)  # the parent is gone

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == frames.FILES:
            unpack(payload)
        elif kind == frames.LINE:
            self._lines.put(payload)
        elif kind == frames.WIRE:
            self._ours.sendall(payload)
        elif kind == frames.ASK:
            answer = json.loads(payload)
            waiting = self._answers.get(answer["id"])
            if waiting:
                waiting.put(answer)


def unpack(archive: bytes) -> None:
    """Unpack an archive of the parent's into the current folder."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        # Links of the learner's stay what they are; there is nothing here that they could reach.
        tar.extraction_filter = staticmethod(lambda member, path: member)
        tar.extractall()  # noqa: S202 - from the parent


def main() -> int:
    """Do one task. Returns pytest's exit status."""
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what checks print is no frame
    channel = Channel(reading, writing)
    task = channel.told()
    return child.run(task, channel.emit, Fixtures(channel.told, channel.wire, channel.ask))


if __name__ == "__main__":
    sys.exit(main())
