"""Speaking with the probe: JSON lines with request numbers, from several threads at a time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from labctl.errors import EnvironmentFailure, LabctlError, WaitTimeout

# How much longer than the probe's own deadline an answer may take to get here, in seconds.
_SLACK = 4.0
# The probe says something every second. After this long without a word it is gone: the engine
# does not end the wire when the container ends.
_SILENCE = 8.0
_BLAMED_ON_THE_MACHINE = ("gone", "paused", "tampered")


class Outage(LabctlError):
    """A machine is down, hangs or was tampered with. The learner did that: a check has failed."""


class Wire(Protocol):
    """A byte stream to the probe and back."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the other end is gone."""

    def receive(self) -> bytes:
        """Whatever came, at least one byte; nothing at the end."""

    def close(self) -> None:
        """End it; a waiting `receive` returns."""


class SocketWire:
    """A wire over a plain socket."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    def send(self, data: bytes) -> None:
        """See Wire."""
        self._wire.sendall(data)

    def receive(self) -> bytes:
        """See Wire."""
        try:
            return self._wire.recv(1 << 16)
        except OSError:
            return b""

    def close(self) -> None:
        """See Wire."""
        try:
            self._wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was faster
        self._wire.close()


class _Pending:
    """One request that waits for its answer."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.answer: Mapping[str, Any] | None = None


class ProbeClient:
    """Asks the probe; a context manager. Any thread may ask at any time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._last = 0
        self._heard = time.monotonic()
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True, name="probe")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation, and with it whatever the probe still runs for it."""
        self._wire.close()
        self._reader.join(timeout=1)

    def request(self, op: str, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
        """Ask for one operation and wait for the answer; `timeout` is in seconds.

        Raises Outage when the machine that was asked about is down or was tampered with,
        WaitTimeout when there is no answer in time, EnvironmentFailure when the probe or the
        engine is not there.
        """
        waiting = _Pending()
        with self._lock:
            if self._closed:
                raise _lost()
            self._last += 1
            number = self._last
            self._pending[number] = waiting
            line = json.dumps({"id": number, "op": op, "timeout": timeout, "args": args})
            try:
                self._wire.send(line.encode() + b"\n")
            except OSError as e:
                raise _lost() from e
        try:
            self._wait(waiting, op, timeout)
        finally:
            with self._lock:
                self._pending.pop(number, None)
        if waiting.answer is None:
            raise _lost()
        return _unpack(op, timeout, waiting.answer)

    def _wait(self, waiting: _Pending, op: str, timeout: float) -> None:
        began = time.monotonic()
        while not waiting.arrived.wait(0.5):
            now = time.monotonic()
            if now - began > timeout + _SLACK:
                raise WaitTimeout(f"The probe did not answer `{op}` within {timeout:g} s")
            if now - max(began, self._heard) > _SILENCE:
                self._wire.close()
                raise _lost()

    def _read(self) -> None:
        rest = b""
        while chunk := self._wire.receive():
            self._heard = time.monotonic()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._deliver(json.loads(line))
        with self._lock:
            self._closed = True
            for waiting in self._pending.values():
                waiting.arrived.set()

    def _deliver(self, answer: Mapping[str, Any]) -> None:
        with self._lock:
            waiting = self._pending.get(answer["id"])
        if waiting:
            waiting.answer = answer
            waiting.arrived.set()


def _unpack(op: str, timeout: float, answer: Mapping[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is None:
        ok = answer.get("ok")
        return ok if isinstance(ok, dict) else {}
    if error["kind"] in _BLAMED_ON_THE_MACHINE:
        raise Outage(error["message"])
    if error["kind"] == "timeout":
        raise WaitTimeout(f"`{op}` did not end within {timeout:g} s")
    raise EnvironmentFailure(f"The probe could not do `{op}`: {error['message']}")


def _lost() -> EnvironmentFailure:
    return EnvironmentFailure(
        "The probe's container stopped answering",
        resolution="Try again; `labctl doctor` shows whether the engine is well.",
    )
