"""What a confined child may say: the right things, in the right order, fit to be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labctl.grading import script
from labctl.grading.frames import Breach
from labctl.grading.script import Script


def about(id: str = "a", **more: Any) -> dict[str, Any]:
    known = {"id": id, "kind": "check", "points": 2, "hint": "h", "seconds": 30, "statement": "s"}
    return {**known, **more}


def collected(*ids: str) -> dict[str, Any]:
    return {"event": "collected", "checks": [about(each) for each in ids]}


def start(id: str = "a") -> dict[str, Any]:
    return {"event": "start", "id": id}


def result(id: str = "a", **more: Any) -> dict[str, Any]:
    known = {"outcome": "passed", "message": "m", "seconds": 0.1, "again": False}
    return {"event": "result", "id": id, **known, **more}


def broken(message: str = "no") -> dict[str, Any]:
    return {"event": "broken", "message": message}


def read(*events: Any) -> dict[str, Any]:
    """What the last of some events reads as."""
    reader = Script()
    for event in events:
        told = reader.read(event if isinstance(event, bytes) else json.dumps(event).encode())
    return told


def test_an_honest_run_is_read_as_it_was_told():
    reader = Script()
    for event in (collected("a", "b"), start("b"), result("b"), start("a"), result("a")):
        assert reader.read(json.dumps(event).encode()) == event


@pytest.mark.parametrize(
    "events",
    [
        [start()],
        [result()],
        [collected("a"), collected("a")],
        [broken(), collected("a")],
        [broken(), start()],
        [collected("a"), result()],
        [collected("a"), start("b")],
        [collected("a", "b"), start("a"), start("b")],
        [collected("a", "b"), start("a"), result("b")],
        [collected("a"), start("a"), collected("a")],
        [collected("a"), start("a"), result("a"), result("a", outcome="failed")],
        [collected("a"), start("a"), result("a"), start("a")],
    ],
)
def test_what_is_out_of_turn_is_a_breach(events):
    with pytest.raises(Breach, match="out of turn"):
        read(*events)


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b"null",
        {"event": "report", "earned": 99},
        {**start(), "more": 1},
        {"event": "start"},
        start("x" * 101),
        start("\x1b[2J"),
        {"event": "collected", "checks": [about(points=-1)]},
        {"event": "collected", "checks": [about(points=10_000)]},
        {"event": "collected", "checks": [about(points=True)]},
        {"event": "collected", "checks": [about(seconds=0)]},
        {"event": "collected", "checks": [about(seconds=100_000)]},
        {"event": "collected", "checks": [about(kind="bonus")]},
        {"event": "collected", "checks": [about(str(n)) for n in range(501)]},
        result(outcome="excellent"),
        result(seconds=-1.0),
        result(again="yes"),
        json.dumps(result(seconds=float("nan"))).encode(),
        json.dumps(result(seconds=float("inf"))).encode(),
    ],
)
def test_what_is_no_event_is_a_breach(event):
    with pytest.raises(Breach):
        read(collected("a"), start("a"), event)


def test_nothing_reaches_a_terminal_that_it_would_act_upon():
    evil = "\x1b]0;title\x07\u202eab"
    told = read({"event": "collected", "checks": [about(hint=evil, statement=evil)]})
    assert (told["checks"][0]["hint"], told["checks"][0]["statement"]) == ("ab", "ab")
    assert read(broken(f"{evil}\nb"))["message"] == "ab\nb"
    assert len(read(broken("line\n" * 1000))["message"].splitlines()) < 100


def request(**more: Any) -> script.Request:
    known = {"id": 1, "cluster": "k", "method": "GET", "path": "/api/v1/pods"}
    return script.request(json.dumps({**known, **more}).encode())


def test_a_request_is_taken_apart_into_what_requests_takes():
    made = request(
        method="PATCH",
        params={"dryRun": "All", "limit": 1},
        json={"a": 1},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert (made.cluster, made.method, made.path) == ("k", "PATCH", "/api/v1/pods")
    assert made.arguments == {
        "params": {"dryRun": "All", "limit": 1},
        "headers": {"Content-Type": "application/merge-patch+json"},
        "json": {"a": 1},
        "data": None,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"method": "CONNECT"},
        {"path": "https://example.org/"},
        {"path": "@example.org/"},
        {"path": "/a b"},
        {"path": "/a\r\nHost: b"},
        {"path": "/" + "a" * 5000},
        {"headers": {"Host": "example.org"}},
        {"headers": {"Accept": "a\r\nHost: b"}},
        {"proxies": {"https": "http://example.org"}},
        {"allow_redirects": True},
        {"verify": False},
        {"timeout": 9999},
        {"files": {"a": "/etc/passwd"}},
        {"id": "1"},
    ],
)
def test_a_request_may_say_no_more(more):
    with pytest.raises(Breach, match="may not have"):
        request(**more)
