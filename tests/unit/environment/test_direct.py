"""The engine's API without docker-py, against a socket that answers as an engine does."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from types import SimpleNamespace
from urllib.parse import parse_qs

import docker
import pytest

from labctl.environment.direct import DirectClient, Refused, _Api, status_of


@pytest.fixture
def engine(tmp_path):
    """Serves the given answers, one a connection; `asked` holds the requests."""
    path = tmp_path / "engine.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    asked: list[bytes] = []

    def serve(*answers: list[bytes]) -> DirectClient:
        def run() -> None:
            for pieces in answers:
                wire, _ = listener.accept()
                with wire:
                    asked.append(wire.recv(1 << 16))
                    for piece in pieces:
                        wire.sendall(piece)

        threading.Thread(target=run, daemon=True).start()
        return DirectClient(path, lambda: pytest.fail("docker-py was loaded"), 5)

    serve.asked = asked
    yield serve
    listener.close()


def answer(status: str, body: object) -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{json.dumps(body)}".encode()


def test_inspect_gives_what_the_engine_says(engine):
    client = engine([answer("200 OK", {"Id": "abc"})])
    assert client.inspect("box") == {"Id": "abc"}
    assert engine.asked[0].startswith(b"GET /containers/box/json HTTP/1.0\r\n")


def test_an_answer_may_come_in_pieces(engine):
    whole = answer("200 OK", {"Id": "x" * 3000})
    client = engine([whole[i : i + 7] for i in range(0, len(whole), 7)])
    assert client.inspect("box")["Id"] == "x" * 3000


def test_a_refusal_tells_its_status_and_message(engine):
    client = engine([answer("404 Not Found", {"message": "No such container: box"})])
    with pytest.raises(Refused, match="No such container") as refused:
        client.inspect("box")
    assert refused.value.status == 404


def test_attach_gives_the_stream_and_loses_nothing_of_it(engine):
    client = engine(
        [answer("201 Created", {"Id": "run1"})],
        [b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nfirst", b" second"],
    )
    with client.attach("box", ["/probe", "serve"]) as wire:
        assert b"".join(iter(lambda: wire.recv(64), b"")) == b"first second"
    assert b'"Cmd": ["/probe", "serve"]' in engine.asked[0]
    assert engine.asked[1].startswith(b"POST /exec/run1/start HTTP/1.1\r\n")


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.0 200 OK\r\n"], [b"nonsense\r\n\r\n"]])
def test_what_is_no_engine_is_an_error(engine, pieces):
    with pytest.raises(OSError):
        engine(pieces).ping()


def test_nobody_listens(tmp_path):
    client = DirectClient(tmp_path / "none", lambda: pytest.fail("docker-py was loaded"), 1)
    with pytest.raises(OSError):
        client.ping()


def test_lists_are_filtered_as_docker_py_filters_them(engine):
    client = engine([answer("200 OK", [{"Id": "abc"}])])
    assert client.api.containers(all=True, filters={"label": "a=b"}) == [{"Id": "abc"}]
    path = engine.asked[0].split()[1].decode()
    query = parse_qs(path.removeprefix("/containers/json?"))
    assert query == {"all": ["1"], "filters": ['{"label": ["a=b"]}']}


@pytest.mark.parametrize("name", [name for name in vars(_Api) if not name.startswith("_")])
def test_its_calls_take_what_docker_py_s_take(name):
    theirs = inspect.signature(getattr(docker.APIClient, name)).parameters
    ours = inspect.signature(getattr(_Api, name)).parameters
    assert {n: p.default for n, p in ours.items()}.items() <= {
        n: p.default for n, p in theirs.items()
    }.items()


def test_a_removal_has_no_answer_to_read(engine):
    client = engine([b"HTTP/1.0 204 No Content\r\n\r\n"[i : i + 9] for i in range(0, 27, 9)])
    assert client.api.remove_container("box", force=True, v=True) is None
    assert engine.asked[0].startswith(b"DELETE /containers/box?force=1&v=1 HTTP/1.0\r\n")


def test_the_status_of_an_error_is_known_for_both_clients():
    class OfDockerPy(Exception):
        status_code = 409

    assert status_of(Refused(404, "No such container")) == 404
    assert status_of(OfDockerPy()) == 409
    assert status_of(ConnectionError("nobody listens")) is None


def test_the_low_level_client_is_docker_pys_for_anything_else(tmp_path):
    real = SimpleNamespace(api=SimpleNamespace(version=lambda: "29"))
    client = DirectClient(tmp_path / "none", lambda: real, 1)
    assert client.api.version() == "29"


def test_anything_else_is_asked_of_docker_py(tmp_path):
    loads = []

    class Real:
        answer = 42

    client = DirectClient(tmp_path / "none", lambda: loads.append(1) or Real(), 1)
    assert (client.answer, client.answer) == (42, 42)
    assert loads == [1]
