"""A confined child that does not keep to the rules is ended by what it did, and believed nothing.

The other end of the engine's stream is a script here: it says what a hostile container might.
"""

from __future__ import annotations

import io
import json
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from labctl.environment.kubeapi import Answer, Unanswered
from labctl.errors import EnvironmentFailure
from labctl.grading import confined_child, frames, parcel
from labctl.grading.children import Late, task
from labctl.grading.confined_child import ConfinedChild

OUT, ERR = 1, 2
ABOUT = {"id": "a", "kind": "check", "points": 1, "hint": "h", "seconds": 30, "statement": "s"}
COLLECTED = {"event": "collected", "checks": [ABOUT]}
START = {"event": "start", "id": "a"}


class Peer:
    """The container: takes what it is sent apart, and says what a test has it say."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._taken = frames.Frames(1 << 30)
        self._waiting: list[tuple[bytes, bytes]] = []

    def code(self) -> bytes:
        """What the child is to become, which comes before all frames."""
        return self._exactly(int.from_bytes(self._exactly(8), "big"))

    def frame(self) -> tuple[bytes, bytes]:
        """The next frame of the parent's."""
        while not self._waiting:
            data = self._wire.recv(1 << 16)
            assert data, "the parent has ended the stream"
            self._waiting += self._taken.feed(data)
        return self._waiting.pop(0)

    def say(self, data: bytes, channel: int = OUT) -> None:
        """As the engine would carry it."""
        self._wire.sendall(struct.pack(">BxxxL", channel, len(data)) + data)

    def tell(self, event: Any) -> None:
        self.say(frames.pack(frames.EVENT, json.dumps(event).encode()))

    def ask(self, **request: Any) -> dict[str, Any]:
        """A request to a cluster, and what came back."""
        known = {"id": 7, "cluster": "k", "method": "GET", "path": "/"}
        self.say(frames.pack(frames.ASK, json.dumps({**known, **request}).encode()))
        kind, payload = self.frame()
        assert kind == frames.ASK
        answer: dict[str, Any] = json.loads(payload)
        return answer

    def end(self) -> None:
        self._wire.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self._wire.recv(size - len(data))
        return data


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "door"
    (folder / "checks" / "__pycache__").mkdir(parents=True)
    (folder / "checks" / "test_a.py").write_text("pass")
    (folder / "checks" / "__pycache__" / "test_a.pyc").write_text("")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("")
    return folder


@pytest.fixture
def started(lab, monkeypatch):
    monkeypatch.setattr(parcel, "code", lambda: b"the code")

    @contextmanager
    def start(**clusters: Any) -> Iterator[tuple[ConfinedChild, Peer]]:
        ours, theirs = socket.socketpair()
        theirs.settimeout(10)
        with ours, theirs, ConfinedChild(ours, lab, clusters) as child:
            peer = Peer(theirs)
            assert peer.code() == b"the code"
            yield child, peer

    return start


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def why(child: ConfinedChild, seconds: float = 5) -> str:
    with pytest.raises(Late) as error:
        child.next(seconds)
    return str(error.value)


def test_an_honest_child_is_given_the_lab_and_heard(started, lab):
    with started() as (child, peer):
        child.collect(task(lab))
        kind, archive = peer.frame()
        assert (kind, names(archive)) == (
            frames.FILES,
            ["lab", "lab/checks", "lab/checks/test_a.py"],
        )
        kind, line = peer.frame()
        assert (kind, json.loads(line)["checks"]) == (frames.LINE, "/tmp/lab/checks")
        peer.tell(COLLECTED)
        assert child.next(5) == COLLECTED
        peer.tell(START)
        assert child.next(5) == START


def test_checks_of_a_course_lie_beside_the_lab(started, lab, tmp_path):
    hidden = tmp_path / "course"
    (hidden / "checks").mkdir(parents=True)
    (hidden / "checks" / "test_b.py").write_text("pass")
    with started() as (child, peer):
        child.collect(task(hidden))
        peer.frame()
        assert names(peer.frame()[1]) == ["checks", "checks/test_b.py"]
        assert json.loads(peer.frame()[1])["checks"] == "/tmp/checks"


def test_it_is_told_no_place_of_the_users_and_no_key(started, lab, tmp_path):
    workspace = tmp_path / "store" / "workspace"
    workspace.mkdir(parents=True)
    (workspace / "answer").write_text("42")
    scene = {
        "workspace": str(workspace),
        "lab": {"id": "door", "folder": str(lab)},
        "kubeconfigs": {"k": str(tmp_path / "store" / "k.kubeconfig")},
    }
    with started() as (child, peer):
        child.begin(scene)
        assert names(peer.frame()[1]) == ["workspace", "workspace/answer"]
        _, line = peer.frame()
        assert str(tmp_path) not in line.decode()
        assert json.loads(line)["kubeconfigs"] == {"k": ""}


def test_silence_is_late_and_not_forever(started):
    with started() as (child, _):
        began = time.monotonic()
        assert why(child, 0.2) == "it did not answer in time"
        assert time.monotonic() - began < 2


def test_an_end_is_told_at_once_and_again(started):
    with started() as (child, peer):
        peer.end()
        assert why(child) == why(child) == "it ended"


Breaching = tuple[Callable[[Peer], None], str]
STREAM: dict[str, Breaching] = {
    "no frame": (lambda p: p.say(b"<html>404"), "it sent a frame b'<'"),
    "a frame that is too long": (
        lambda p: p.say(frames.EVENT + struct.pack(">L", (1 << 20) + 1)),
        "of 1048577 bytes",
    ),
    "files for the parent": (lambda p: p.say(frames.pack(frames.FILES, b"")), "frame b'F'"),
    "a line for the parent": (lambda p: p.say(frames.pack(frames.LINE, b"{}")), "frame b'L'"),
    "a request to the world": (
        lambda p: p.say(frames.pack(frames.ASK, b'{"url": "https://example.org"}')),
        "may not have",
    ),
}
EVENTS: dict[str, Breaching] = {
    "no JSON": (lambda p: p.say(frames.pack(frames.EVENT, b"\xff")), "no event"),
    "no event": (lambda p: p.tell({"event": "report", "earned": 99}), "no event"),
    "an event out of turn": (lambda p: p.tell(START), "out of turn"),
}


@pytest.mark.parametrize("name", [*STREAM, *EVENTS])
def test_each_breach_ends_it(started, name):
    breach, told = {**STREAM, **EVENTS}[name]
    with started() as (child, peer):
        breach(peer)
        assert told in why(child)


@pytest.mark.parametrize("name", STREAM)
def test_what_comes_behind_a_breach_is_not_heard(started, name):
    breach, told = STREAM[name]
    with started() as (child, peer):
        breach(peer)
        peer.tell(COLLECTED)
        assert told in why(child)
        assert told in why(child)


def test_a_breach_while_a_check_runs_ends_that_check(started):
    with started() as (child, peer):
        peer.tell(COLLECTED)
        peer.tell(START)
        peer.say(b"garbage")
        assert child.next(5) == COLLECTED
        assert child.next(5) == START
        assert "it sent a frame" in why(child)


def test_a_flood_of_output_is_only_output_and_only_its_end_is_kept(started):
    with started() as (child, peer):
        for _ in range(200):
            peer.say(b"x" * 10_000, ERR)
        peer.say(b"\n\x1b[2Jthe end", ERR)
        peer.tell(COLLECTED)
        assert child.next(5) == COLLECTED
        assert child.output.endswith("the end")
        assert len(child.output) < 5000


def test_a_flood_of_events_makes_the_child_wait_and_not_the_parent_swell(started):
    event = frames.pack(frames.EVENT, json.dumps(COLLECTED).encode())
    with started() as (child, peer):
        flood = threading.Thread(target=_say_until_closed, args=(peer, event * 1000), daemon=True)
        flood.start()
        assert child.next(5) == COLLECTED
        assert "out of turn" in why(child)
        assert child._events.qsize() <= 16
    flood.join(5)
    assert not flood.is_alive()


def _say_until_closed(peer: Peer, data: bytes) -> None:
    try:
        while True:
            peer.say(data)
    except OSError:
        pass  # the parent has had enough


def test_a_child_that_does_not_read_cannot_hold_its_parent(started, lab, monkeypatch):
    monkeypatch.setattr(confined_child, "_SECONDS", 0.3)
    (lab / "large").write_bytes(b"x" * (8 << 20))
    with started() as (child, _):
        began = time.monotonic()
        child.collect(task(lab))
        assert time.monotonic() - began < 5
        assert why(child, 0.1)


def test_bytes_go_between_the_probe_and_the_child(started):
    with started() as (child, peer):
        peer.say(frames.pack(frames.WIRE, b"question"))
        child.wire.settimeout(5)
        assert child.wire.recv(100) == b"question"
        child.wire.sendall(b"answer")
        assert peer.frame() == (frames.WIRE, b"answer")


def test_a_cluster_of_the_session_answers_and_no_other(started):
    def ask(method: str, path: str, **more: Any) -> Answer:
        return Answer(200, {"asked": [method, path, more["params"]]})

    with started(k=ask) as (_, peer):
        assert peer.ask(path="/api/v1/pods", params={"limit": 1}) == {
            "id": 7,
            "status": 200,
            "body": {"asked": ["GET", "/api/v1/pods", {"limit": 1}]},
        }
        assert "no cluster `other`" in peer.ask(cluster="other")["trouble"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unanswered("timed out"), "timed out"),
        (EnvironmentFailure("The kubeconfig is missing"), "The kubeconfig is missing"),
        (TypeError("/home/me/secret"), "the request cannot be made: TypeError"),
    ],
)
def test_a_request_that_fails_is_told_and_the_next_is_answered(started, error, told):
    def ask(*asked: Any, **more: Any) -> Answer:
        raise error

    with started(k=ask) as (_, peer):
        for _ in range(6):  # more than may be made at a time
            assert peer.ask() == {"id": 7, "trouble": told}
