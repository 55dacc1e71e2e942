"""The protocol with the probe: answers find their questions, and silence is noticed."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from labctl.environment import probe_client
from labctl.environment.outside import Outage
from labctl.environment.probe_client import ProbeClient, SocketWire
from labctl.errors import EnvironmentFailure, WaitTimeout


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    theirs.close()


@pytest.fixture
def client(ends):
    with ProbeClient(SocketWire(ends[0])) as client:
        yield client


def serve(wire, answer, count=1):
    """Answer `count` requests, the last one first."""

    def loop():
        lines = wire.makefile("rb")
        asked = [json.loads(lines.readline()) for _ in range(count)]
        for request in reversed(asked):
            reply = {"id": request["id"], **answer(request)}
            wire.sendall(json.dumps(reply).encode() + b"\n")
        lines.close()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread


def test_answer_is_handed_back(ends, client):
    serve(ends[1], lambda request: {"ok": request["args"]})
    assert client.request("host", a=1) == {"a": 1}


def test_answers_out_of_order_find_their_questions(ends, client):
    serve(ends[1], lambda request: {"ok": request["args"]}, count=8)
    got = {}

    def ask(number):
        got[number] = client.request("host", n=number)["n"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
    assert got == {n: n for n in range(8)}


@pytest.mark.parametrize("kind", ["gone", "paused", "tampered"])
def test_state_of_the_machine_is_an_outage(ends, client, kind):
    serve(ends[1], lambda request: {"error": {"kind": kind, "message": "down"}})
    with pytest.raises(Outage, match="down"):
        client.request("exec")


@pytest.mark.parametrize("kind", ["failed", "invalid", "a new one"])
def test_trouble_of_the_probe_is_not_the_machines(ends, client, kind):
    serve(ends[1], lambda request: {"error": {"kind": kind, "message": "why"}})
    with pytest.raises(EnvironmentFailure, match="why"):
        client.request("exec")


def test_lost_probe_ends_what_waits_and_what_comes(ends, client):
    threading.Timer(0.1, ends[1].close).start()
    threading.Timer(0.05, ends[1].shutdown, args=(socket.SHUT_RDWR,)).start()
    for _ in range(2):
        with pytest.raises(EnvironmentFailure, match="stopped answering"):
            client.request("host")


def test_deadline(client, monkeypatch):
    monkeypatch.setattr(probe_client, "_SLACK", 0.0)
    with pytest.raises(WaitTimeout, match=r"within 0\.1 s"):
        client.request("host", 0.1)


def test_silent_probe_is_lost(client, monkeypatch):
    monkeypatch.setattr(probe_client, "_SILENCE", 0.1)
    with pytest.raises(EnvironmentFailure, match="stopped answering"):
        client.request("host", 60)
    with pytest.raises(EnvironmentFailure, match="stopped answering"):
        client.request("host", 60)
