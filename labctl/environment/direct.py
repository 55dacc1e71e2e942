"""What `check` and `stop` ask of the engine, asked without docker-py.

Loading docker-py takes as long as a dozen graded commands. So a client of an engine behind a Unix
socket is loaded when something first needs all of it, and what comes before that is put to the
socket itself: HTTP with one request a connection, as the engine's API reference has it
(https://docs.docker.com/reference/api/engine/).
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

if TYPE_CHECKING:
    import docker

_HEAD = 1 << 16


class Refused(OSError):
    """The engine answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def is_engine_error(error: Exception) -> bool:
    """Whether it says that the engine refused or did not answer. Does not load docker-py."""
    # Whoever raised one of docker-py's has loaded it; those of requests are OSErrors.
    errors = sys.modules.get("docker.errors")
    return isinstance(error, OSError) or (
        errors is not None and isinstance(error, errors.DockerException)
    )


def status_of(error: Exception) -> int | None:
    """HTTP's status, when the engine itself refused; None when it did not even answer."""
    status = error.status if isinstance(error, Refused) else getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


class DirectClient:
    """A DockerClient to be: `load` makes the real one when anything but the below is asked."""

    def __init__(self, path: Path, load: Callable[[], docker.DockerClient], timeout: float) -> None:
        self._path = path
        self._load = load
        self._timeout = timeout
        self._loading = threading.Lock()
        self._client: docker.DockerClient | None = None
        self.api = _Api(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loaded(), name)

    def loaded(self) -> docker.DockerClient:
        """The real client."""
        with self._loading:
            if self._client is None:
                self._client = self._load()
        return self._client

    def ping(self) -> None:
        """See that the engine answers. Raises OSError."""
        self._ask("GET", "/_ping").close()

    def ask(self, method: str, path: str, **query: str) -> Any:
        """A request without a body, and the answer. Raises OSError, Refused."""
        with self._ask(method, f"{path}?{urlencode(query)}" if query else path) as answer:
            data = _rest(answer)
        return json.loads(data) if data else None

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container. Raises OSError, Refused (404: there is none)."""
        return cast("dict[str, Any]", self.ask("GET", f"/containers/{container}/json"))

    def attach(self, container: str, argv: list[str]) -> socket.socket:
        """Run a program with its standard input open: the socket to it, with framed output.

        Raises OSError, Refused (404, 409: the container is not there, or does not run).
        """
        streams = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
        with self._ask("POST", f"/containers/{container}/exec", {**streams, "Cmd": argv}) as made:
            run = json.loads(_rest(made))["Id"]
        return self._ask("POST", f"/exec/{run}/start", {"Detach": False, "Tty": False}, raw=True)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, raw: bool = False
    ) -> socket.socket:
        """Send a request; the connection, read up to the body of the answer."""
        data = b"" if body is None else json.dumps(body).encode()
        # HTTP/1.0: the answer comes in one piece and ends with the connection.
        lines = [f"{method} {path} HTTP/{'1.1' if raw else '1.0'}", "Host: docker"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        if raw:
            lines += ["Connection: Upgrade", "Upgrade: tcp"]
        wire = socket.socket(socket.AF_UNIX)
        try:
            wire.settimeout(self._timeout)
            wire.connect(str(self._path))
            wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            status = _status(wire)
            if status >= 400:
                raise Refused(status, _message(_rest(wire)))
        except BaseException:
            wire.close()
            raise
        return wire


class _Api:
    """What removing a session takes of docker-py's low-level client; the rest is the real one's.

    The same calls with docker-py's names and defaults. What the engine refuses is a Refused here,
    and an APIError there: `status_of` reads both.
    """

    def __init__(self, client: DirectClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client.loaded().api, name)

    def containers(self, *, all: bool = False, filters: dict[str, Any] | None = None) -> Any:
        return self._list("/containers/json", filters, all=str(int(all)))

    def networks(self, *, filters: dict[str, Any] | None = None) -> Any:
        return self._list("/networks", filters)

    def volumes(self, *, filters: dict[str, Any] | None = None) -> Any:
        return self._list("/volumes", filters)

    def inspect_network(self, net_id: str) -> Any:
        return self._client.ask("GET", f"/networks/{net_id}")

    def remove_container(self, container: str, *, force: bool = False, v: bool = False) -> None:
        flags = {"force": str(int(force)), "v": str(int(v))}
        self._client.ask("DELETE", f"/containers/{container}", **flags)

    def remove_network(self, net_id: str) -> None:
        self._client.ask("DELETE", f"/networks/{net_id}")

    def remove_volume(self, name: str, *, force: bool = False) -> None:
        self._client.ask("DELETE", f"/volumes/{name}", force=str(int(force)))

    def _list(self, path: str, filters: dict[str, Any] | None, **query: str) -> Any:
        lists = {k: v if isinstance(v, list) else [v] for k, v in (filters or {}).items()}
        return self._client.ask("GET", path, filters=json.dumps(lists), **query)


def _status(wire: socket.socket) -> int:
    """The status of an answer; its headers are taken off the wire, and nothing after them."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        seen = wire.recv(_HEAD, socket.MSG_PEEK)
        if not seen or len(head) > _HEAD:
            raise ConnectionError("the engine ended the connection")
        end = (head + seen).find(b"\r\n\r\n", max(0, len(head) - 3))
        head += wire.recv(len(seen) if end < 0 else end + 4 - len(head))
    try:
        return int(head.split(b" ", 2)[1])
    except (IndexError, ValueError):
        raise ConnectionError("what answers at the engine's socket does not speak HTTP") from None


def _rest(wire: socket.socket) -> bytes:
    data = bytearray()
    while chunk := wire.recv(_HEAD):
        data += chunk
    return bytes(data)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()
