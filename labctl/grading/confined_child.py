"""A confined child, as its parent has it: nothing that it says is believed before it is looked at.

The engine's stream has what it prints on one channel and its frames on the other. A frame that is
none, an event at the wrong time or of the wrong shape, a request that it may not make: each ends
it, and the check that ran ends as an error.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Self

from labctl.environment.kubeapi import Ask, Unanswered
from labctl.errors import LabctlError
from labctl.grading import frames, parcel, script
from labctl.grading.children import Child, Late
from labctl.grading.frames import Breach, Frames
from labctl.grading.report import clean

_HOME = "/tmp"  # noqa: S108 - the container's own
_LONGEST = 1 << 20  # bytes of a frame
_TAIL = 4000
_UNHEARD = 16  # events that wait to be read
_REQUESTS = 4  # requests to clusters at a time
_SECONDS = 20.0  # how long it may take to read what it is sent
_NOT_OURS = {".git", "__pycache__"}


class ConfinedChild(Child):
    """A context manager, entered once.

    `attached` is the stream to the container, `lab` the lab's folder; `clusters` answer for those
    that the session has, by name.
    """

    def __init__(
        self, attached: socket.socket, lab: Path, clusters: Mapping[str, Ask] | None = None
    ) -> None:
        ours, self._inner = socket.socketpair()
        super().__init__(ours)
        self._attached = attached
        self._attached.settimeout(_SECONDS)
        self._sending = threading.Lock()
        self._lab = lab
        self._clusters = clusters or {}
        self._requests = threading.BoundedSemaphore(_REQUESTS)
        self._script = script.Script()
        self._events: Queue[bytes | None] = Queue(_UNHEARD)
        self._printed = b""
        self._why = "it ended"
        self._closed = False

    def __enter__(self) -> Self:
        for work in (self._listen, self._carry):
            threading.Thread(target=work, daemon=True).start()
        code = parcel.code()
        self._write(len(code).to_bytes(8, "big") + code)
        return self

    def __exit__(self, *raised: object) -> None:
        self._closed = True
        for end in (self._inner, self.wire):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def collect(self, task: dict[str, Any]) -> None:
        """See Child."""
        checks = Path(task["checks"])
        own = checks == self._lab / "checks"
        if self._task is None:
            self._give(self._lab, "lab", "The lab")
            if not own:
                self._give(checks, "checks", "The folder of checks")
        super().collect({**task, "checks": f"{_HOME}/lab/checks" if own else f"{_HOME}/checks"})

    def begin(self, scene: dict[str, Any]) -> None:
        """See Child."""
        # Of the workspace all is there, also what the lab's own folder may not hold.
        archive = parcel.tree(Path(scene["workspace"]), "workspace", "The workspace")
        self._send(frames.FILES, archive)
        here = {
            "workspace": f"{_HOME}/workspace",
            "lab": {**scene["lab"], "folder": f"{_HOME}/lab"},
            "kubeconfigs": dict.fromkeys(scene["kubeconfigs"], ""),
        }
        super().begin({**scene, **here})

    def next(self, seconds: float) -> dict[str, Any]:
        """See Child."""
        try:
            event = self._events.get(timeout=max(0.0, seconds))
        except Empty:
            raise Late("it did not answer in time") from None
        if event is None:
            self._events.put(None)
            raise Late(self._why)
        try:
            return self._script.read(event)
        except Breach as e:
            raise Late(str(e)) from e

    @property
    def output(self) -> str:
        """See Child."""
        lines = self._printed.decode("utf-8", "replace").splitlines()
        return "\n".join(clean(line) for line in lines)

    def _tell(self, message: dict[str, Any]) -> None:
        self._send(frames.LINE, json.dumps(message).encode())

    def _give(self, folder: Path, name: str, what: str) -> None:
        self._send(frames.FILES, parcel.tree(folder, name, what, _NOT_OURS))

    def _send(self, kind: bytes, payload: bytes) -> None:
        self._write(frames.pack(kind, payload))

    def _write(self, data: bytes) -> None:
        # One that has ended, or does not read, shows by its silence.
        with self._sending, suppress(OSError):
            self._attached.sendall(data)

    def _carry(self) -> None:
        """From the probe to the child."""
        with suppress(OSError):
            while data := self._inner.recv(1 << 16):
                self._send(frames.WIRE, data)

    def _listen(self) -> None:
        taken = Frames(_LONGEST)
        try:
            for channel, data in self._streams():
                if channel == 1:
                    for kind, payload in taken.feed(data):
                        self._take(kind, payload)
                else:
                    self._printed = (self._printed + data)[-_TAIL:]
        except Breach as e:
            self._why = str(e)
        except OSError:
            pass  # closed from this side, or the engine is gone
        self._hear(None)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == frames.EVENT:
            self._hear(payload)
        elif kind == frames.WIRE:
            with suppress(OSError):
                self._inner.sendall(payload)
        elif kind == frames.ASK:
            request = script.request(payload)
            self._requests.acquire()
            threading.Thread(target=self._answer, args=(request,), daemon=True).start()
        else:
            raise Breach(f"it sent a frame {kind!r}")

    def _hear(self, event: bytes | None) -> None:
        while not self._closed:
            with suppress(Full):
                self._events.put(event, timeout=0.5)
                return

    def _answer(self, request: script.Request) -> None:
        """Ask a cluster of the session, and no other server, for the child."""
        try:
            ask = self._clusters.get(request.cluster)
            if ask is None:
                raise Unanswered(f"the lab has no cluster `{request.cluster}`")
            answer = ask(request.method, request.path, **request.arguments)
            told = {"status": answer.status, "body": answer.body}
        except Unanswered as e:
            told = {"trouble": str(e)}
        except LabctlError as e:
            told = {"trouble": e.message}
        except Exception as e:
            told = {"trouble": f"the request cannot be made: {type(e).__name__}"}
        finally:
            self._requests.release()
        self._send(frames.ASK, json.dumps({"id": request.id, **told}).encode())

    def _streams(self) -> Iterator[tuple[int, bytes]]:
        """What comes from the container: 1, its standard output, or 2, its standard error."""
        while header := self._exactly(8):
            channel, size = struct.unpack(">BxxxL", header)
            yield channel, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and not self._closed:
            with suppress(TimeoutError):
                chunk = self._attached.recv(min(size - len(data), 1 << 16))
                if not chunk:
                    return b""
                data += chunk
        return bytes(data)
