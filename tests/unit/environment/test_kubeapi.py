"""Whose doing it is when the Kubernetes API does not answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from labctl.environment import kubeapi
from labctl.environment.kubeapi import KubeAPI
from labctl.environment.outside import Outage
from labctl.errors import EnvironmentFailure

HOOKED = (
    'Internal error occurred: failed calling webhook "deny.example.com": failed to call webhook: '
    'Post "https://x.y.svc:443/": context deadline exceeded'
)


@pytest.fixture
def server():
    """A server that gives the prepared answers in turn, the last one for good."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            served.asked.append((self.command, self.path))
            status, body = served.answers[0] if len(served.answers) == 1 else served.answers.pop(0)
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = answer  # noqa: N815 - the library's names

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.asked, served.answers = [], []
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def api(server, monkeypatch):
    monkeypatch.setattr(kubeapi, "_PAUSE", 0)
    with requests.Session() as session:
        api = KubeAPI(Path("none"))
        api._open = (session, f"http://127.0.0.1:{server.server_port}")
        yield api


def status(message):
    return {"kind": "Status", "message": message}


def test_a_server_that_recovers_costs_nothing(api, server):
    server.answers = [(503, "starting"), (429, status("slow down")), (200, {"items": [{"a": 1}]})]
    assert api.list("/x") == [{"a": 1}]


def test_a_webhook_in_the_way_is_the_learners_doing(api, server):
    server.answers = [(500, status(HOOKED))]
    with pytest.raises(Outage, match=r"webhook.*deny\.example\.com"):
        api.create("/api/v1/namespaces", {})
    assert len(server.asked) == 3


def test_a_change_that_hangs_beside_a_webhook_is_the_learners_doing(api, server):
    hooks = {"items": [{"metadata": {"name": "red"}}]}
    server.answers = [(504, "x"), (504, "x"), (504, "x"), (200, hooks), (200, {"items": []})]
    with pytest.raises(Outage, match=r"nothing be created or changed.*red"):
        api.create("/x", {})


def test_a_change_that_hangs_without_one_is_nobodys_fault(api, server):
    server.answers = [(504, "x"), (504, "x"), (504, "x"), (200, {"items": []})]
    with pytest.raises(EnvironmentFailure, match="did not answer POST /x"):
        api.create("/x", {})


@pytest.mark.parametrize("code", [401, 403])
def test_rights_taken_from_the_grader_are_the_learners_doing(api, server, code):
    server.answers = [(code, status("forbidden: nobody may"))]
    with pytest.raises(Outage, match="nobody may"):
        api.get("/x")


def test_a_broken_server_is_nobodys_fault_until_shown_otherwise(api, server):
    server.answers = [(500, status("etcdserver: request timed out"))]
    with pytest.raises(EnvironmentFailure, match="did not answer GET /x") as caught:
        api.get("/x")
    assert "etcdserver" in caught.value.details


def test_a_silent_server_is_looked_at_from_outside(api):
    def examine():
        raise Outage("etcd was stopped")

    api._examine = examine
    api._open = (api._open[0], "http://127.0.0.1:1")
    with pytest.raises(Outage, match="etcd was stopped"):
        api.get("/x")


@pytest.mark.parametrize("body", ["not json", "[1]", "null"])
def test_an_answer_that_is_no_object_is_kept_as_text(api, server, body):
    server.answers = [(200, body)]
    assert api.request("GET", "/x").body == {"message": body}
