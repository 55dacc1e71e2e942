"""The only place where labctl starts programs."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import ProcessError

_TAIL = 4000

# File descriptors that every program started from here keeps open. A session's lock is one:
# when labctl is killed, the lock stays held until the last program it started has ended.
kept_open: set[int] = set()

_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Result:
    """What a program left: its argv, exit status and output."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode("utf-8", "replace")


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Run a program to its end.

    `env` replaces the whole environment when given; `timeout` is in seconds and ends the
    program's whole process group; `on_line` is called with each line of either stream.
    Raises ProcessError when the program cannot be started, times out, or (unless `check`
    is false) exits with anything but 0.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(kept_open),
        )
    except OSError as e:
        raise ProcessError(argv, f"could not be started: {e.strerror}", "") from e
    _running.add(child)
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        _end(child)

    timer = threading.Timer(timeout, expire) if timeout else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        out, err = _drain(child, stdin, on_line)
    except BaseException:
        # Ctrl-C must not leave the program behind: it has a process group of its own.
        _end(child)
        child.wait()
        raise
    finally:
        _running.discard(child)
        if timer:
            timer.cancel()
    result = Result(tuple(argv), child.returncode, out, err)
    if timed_out.is_set():
        raise ProcessError(argv, f"did not end within {timeout:.0f} s", _tail(result))
    if check and result.returncode != 0:
        raise ProcessError(argv, f"failed with exit status {result.returncode}", _tail(result))
    return result


class Running:
    """A program that runs while its caller goes on; see `stream`."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._tail = b""
        self._pump = threading.Thread(target=self._drain, daemon=True)
        self._pump.start()

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # the program ended without reading; its exit status tells

    def close_input(self) -> None:
        """End its standard input: what it takes as a sign to finish."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()

    def end(self) -> None:
        """Kill its whole process group, if it still runs, and see it off."""
        _end(self._child)
        self._child.wait()
        if self._child.stdin:
            with suppress(BrokenPipeError):
                self._child.stdin.close()
        self._pump.join(timeout=1)
        if self._child.stdout and not self._pump.is_alive():
            self._child.stdout.close()

    @property
    def output(self) -> str:
        """The end of what it wrote on both streams, so far."""
        return self._tail.decode("utf-8", "replace")

    def _drain(self) -> None:
        assert self._child.stdout is not None
        output = self._child.stdout.fileno()
        while chunk := os.read(output, 1 << 16):
            self._tail = (self._tail + chunk)[-_TAIL:]


@contextmanager
def stream(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], pass_fds: Sequence[int]
) -> Iterator[Running]:
    """Start a program that speaks over file descriptors of its caller's; leaving ends it.

    `env` is its whole environment; `pass_fds` keep their numbers in it. Of its output only
    the end is kept. Raises ProcessError when it cannot be started.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(*kept_open, *pass_fds),
        )
    except OSError as e:
        raise ProcessError(argv, f"could not be started: {e.strerror}", "") from e
    _running.add(child)
    running = Running(child)
    try:
        yield running
    finally:
        running.end()
        _running.discard(child)


def end_all() -> None:
    """End every program that `run` has started and not seen the end of (on Ctrl-C)."""
    for child in list(_running):
        _end(child)


def replace(argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Become another program (for interactive shells); does not return."""
    try:
        os.execvpe(argv[0], list(argv), dict(os.environ if env is None else env))
    except OSError as e:
        raise ProcessError(argv, f"could not be started: {e.strerror}", "") from e


def _drain(
    child: subprocess.Popen[bytes], stdin: bytes | None, on_line: Callable[[str], None] | None
) -> tuple[bytes, bytes]:
    if on_line is None:
        out, err = child.communicate(stdin)
        return out, err
    kept: dict[str, list[bytes]] = {"out": [], "err": []}

    def pump(name: str, stream: object) -> None:
        for line in iter(stream.readline, b""):  # type: ignore[attr-defined]
            kept[name].append(line)
            on_line(line.decode("utf-8", "replace").rstrip())

    pumps = [
        threading.Thread(target=pump, args=pair, daemon=True)
        for pair in (("out", child.stdout), ("err", child.stderr))
    ]
    for thread in pumps:
        thread.start()
    if stdin is not None and child.stdin is not None:
        try:
            child.stdin.write(stdin)
            child.stdin.close()
        except BrokenPipeError:
            pass  # the program ended without reading; its exit status tells
    child.wait()
    for thread in pumps:
        thread.join()
    return b"".join(kept["out"]), b"".join(kept["err"])


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _tail(result: Result) -> str:
    text = (result.stderr or result.stdout).decode("utf-8", "replace")
    return text if len(text) <= _TAIL else "…" + text[-_TAIL:]
