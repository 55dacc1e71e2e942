"""What all machines share, because each of them is a container of the engine."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from labctl.environment import wait
from labctl.environment.direct import DirectClient, Refused, is_engine_error, status_of
from labctl.environment.model import (
    LABEL_SESSION,
    ExecResult,
    Found,
    MachineState,
    Place,
    session_of,
)
from labctl.errors import EnvironmentFailure, NotFound, WaitTimeout

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

_STATES: dict[str, MachineState] = {
    "running": "running",
    "paused": "paused",
    "created": "starting",
    "restarting": "starting",
}

# bash where the machine has it; a login shell, so that the prompt and completion are there.
_SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash -l || exec sh -l")

# kind's own label on its node containers: it cannot be told to add others.
LABEL_CLUSTER = "io.x-k8s.kind.cluster"

# How the engine says that it could not end a container.
_UNKILLED = "did not receive an exit event"

# What the engine says, and what the user can do about it.
_CURES = (
    (
        "no space left",
        "The disk is full: `docker system df` shows by what; `labctl gc` helps.",
    ),
    ("non-overlapping", "The engine has no address range left: `labctl gc`, or remove networks."),
    ("pool overlaps", "Another network has that address range: `labctl doctor` names it."),
    ("port is already allocated", "Another program has the port: `docker ps` shows which."),
    (
        "has active endpoints",
        "If nothing uses that network, the engine has lost count: restart it.",
    ),
    ("already in use by container", "Something of that name is left over: run `labctl gc`."),
)


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn whatever docker-py raises into one EnvironmentFailure that says what failed."""
    try:
        yield
    except Exception as e:
        if not is_engine_error(e):
            raise
        text = str(getattr(e, "explanation", None) or e)
        cure = next((c for sign, c in _CURES if sign in text.lower()), None)
        raise EnvironmentFailure(
            f"The engine failed to {doing}",
            details=text,
            resolution=cure or "`labctl doctor` shows whether the engine is well.",
        ) from e


def inspect(client: docker.DockerClient, name: str) -> dict[str, Any] | None:
    """What the engine knows of the container of that name, or None."""
    if not isinstance(client, DirectClient):
        there = get(client, name)
        return None if there is None else dict(there.attrs)
    with engine_errors(f"look up `{name}`"):
        try:
            return client.inspect(name)
        except Refused as e:
            if e.status == 404:
                return None
            raise


def get(client: docker.DockerClient, name: str) -> Container | None:
    """The container of that name, or None."""
    import docker.errors

    with engine_errors(f"look up `{name}`"):
        try:
            return client.containers.get(name)
        except docker.errors.NotFound:
            return None


def found(
    place: Place, machine: str, provider: str, told: Mapping[str, Any] | None
) -> Found | None:
    """A container in labctl's words; `told` is what the engine knows of it, if there is one."""
    if told is None:
        return None
    state = told["State"]
    networks = told["NetworkSettings"]["Networks"]
    addresses = {
        name: networks[place.network(name)]["IPAddress"]
        for name in place.lab.networks
        if place.network(name) in networks
    }
    return Found(
        name=machine,
        provider=provider,
        state=_STATES.get(state["Status"], "stopped"),
        container=told["Id"],
        pid=state["Pid"],
        created=told["Created"],
        addresses=addresses,
    )


def remove(client: docker.DockerClient, name: str) -> None:
    """Remove a container with its anonymous volumes; fine when it is not there."""
    with engine_errors(f"remove `{name}`"):
        try:
            client.api.remove_container(name, force=True, v=True)
        except Exception as e:
            status = status_of(e)
            if status is None:
                raise
            if status == 404:
                return
            if _UNKILLED in str(e):
                _thaw_from_outside(client, name)
                client.api.remove_container(name, force=True, v=True)
            elif "already in progress" not in str(e):
                raise
            else:
                wait.until(f"`{name}` to be gone", lambda: get(client, name) is None, seconds=10)


def _thaw_from_outside(client: docker.DockerClient, name: str) -> None:
    """Wake what is frozen in a machine that was killed: on cgroup v1 it could never end.

    A node's own runc freezes a container for a moment to change its limits; if the node is killed
    in that moment, nobody in it thaws what is frozen.
    """
    told = inspect(client, name)
    if told is None or client.info().get("CgroupVersion") != "1":
        return
    labels = told["Config"]["Labels"]
    session = labels.get(LABEL_SESSION) or session_of(labels.get(LABEL_CLUSTER, ""))
    states = f"find /freezer -path '*/{told['Id']}/*' -name freezer.state"
    client.containers.run(
        told["Image"],
        ["-c", f'{states} -exec sh -c "echo THAWED >{{}}" ";"'],
        entrypoint="sh",
        labels={LABEL_SESSION: session},
        volumes={"/sys/fs/cgroup/freezer": {"bind": "/freezer", "mode": "rw"}},
        network_mode="none",
        remove=True,
    )


def remove_all(client: docker.DockerClient, names: Sequence[str]) -> None:
    """Remove several containers side by side: each takes the engine a while."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(remove, client, name) for name in names]:
            done.result()


def run(
    client: docker.DockerClient,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    environment: dict[str, str] | None = None,
    timeout: float = 60,
) -> ExecResult:
    """Run a command in a container through the engine's API, with a deadline in seconds.

    Raises NotFound when the container is gone or does not run, WaitTimeout when the
    command does not end (it may go on in the container: nothing can end it from here).
    """
    import docker.errors

    with engine_errors(f"run `{argv[0]}` in `{container}`"):
        try:
            made = client.api.exec_create(
                container, list(argv), stdin=stdin is not None, environment=environment
            )
            attached: Any = client.api.exec_start(made["Id"], socket=True)
        except docker.errors.APIError as e:
            if e.status_code in (404, 409):
                raise NotFound(
                    f"`{container}` is not running",
                    details=str(e.explanation),
                    resolution="`labctl status` shows the machines; `labctl reset` renews them.",
                ) from e
            raise
        wire: socket.socket = getattr(attached, "_sock", attached)
        try:
            out, err = _talk(wire, stdin, timeout)
        except TimeoutError as e:
            raise WaitTimeout(
                f"`{argv[0]}` in `{container}` did not end within {timeout:.0f} s"
            ) from e
        finally:
            attached.close()
            wire.close()
        status = _status(client, made["Id"])
    return ExecResult(status, out, err)


def _status(client: docker.DockerClient, exec_id: str) -> int:
    """The exit status; the engine learns of it a moment after the streams have ended."""
    for _ in range(50):
        told = client.api.exec_inspect(exec_id)
        if not told["Running"] and told["ExitCode"] is not None:
            return int(told["ExitCode"])
        time.sleep(0.02)
    return -1


def _talk(wire: socket.socket, stdin: bytes | None, timeout: float) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + timeout
    if stdin is None:
        return _read(wire, deadline)

    def feed() -> None:
        # A command that stops reading, or has ended, is no error of ours.
        with contextlib.suppress(OSError):
            wire.sendall(stdin)
            wire.shutdown(socket.SHUT_WR)

    # Reads go on meanwhile: a command that answers as it reads would else block both sides.
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    return _read(wire, deadline)


def _read(wire: socket.socket, deadline: float) -> tuple[bytes, bytes]:
    """Both output streams, out of the engine's frames: one byte stream number, 4 bytes size."""
    streams = {1: bytearray(), 2: bytearray()}
    while header := _exactly(wire, 8, deadline):
        number, size = struct.unpack(">BxxxL", header)
        streams.get(number, bytearray()).extend(_exactly(wire, size, deadline))
    return bytes(streams[1]), bytes(streams[2])


def _exactly(wire: socket.socket, size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wire.settimeout(left)
        chunk = wire.recv(min(size - len(data), 1 << 16))
        if not chunk:
            return b""
        data += chunk
    return bytes(data)


def clusters(client: docker.DockerClient) -> dict[str, list[str]]:
    """The ids of all node containers of labctl's clusters, by cluster name."""
    with engine_errors("list kind's nodes"):
        nodes = client.api.containers(all=True, filters={"label": LABEL_CLUSTER})
    found: dict[str, list[str]] = {}
    for node in nodes:
        name = node["Labels"][LABEL_CLUSTER]
        if session_of(name):
            found.setdefault(name, []).append(node["Id"])
    return found


def thaw(client: docker.DockerClient, container: str) -> None:
    """Wake what a learner paused inside: on cgroup v1 the engine cannot kill what is frozen."""
    files = "find /sys/fs/cgroup/freezer -name freezer.state"
    script = f'[ ! -d /sys/fs/cgroup/freezer ] || {files} -exec sh -c "echo THAWED >{{}}" ";"'
    # A machine that is gone, stopped or broken needs none of it.
    with contextlib.suppress(EnvironmentFailure):
        run(client, container, ["sh", "-c", script], timeout=10)


class ContainerProvider:
    """The part of the provider protocol that is the same for every single container."""

    kind = "docker"

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client

    def main(self, place: Place, machine: str) -> str:
        """The engine's name of the machine's (first) container."""
        return place.container(machine)

    def find(self, place: Place, machine: str) -> Found | None:
        """See Provider."""
        told = inspect(self.client, self.main(place, machine))
        return found(place, machine, self.kind, told)

    def exec(
        self,
        place: Place,
        machine: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> ExecResult:
        """See Provider."""
        return run(
            self.client,
            self.main(place, machine),
            argv,
            stdin=stdin,
            environment=environment,
            timeout=timeout,
        )

    def shell(self) -> list[str]:
        """See Provider."""
        return list(_SHELL)

    def command(self, argv: Sequence[str], *, stdin: bool) -> list[str]:
        """See Provider."""
        return list(argv)

    def logs(self, place: Place, machine: str, lines: int) -> str:
        """See Provider."""
        name = self.main(place, machine)
        container = get(self.client, name)
        if container is None:
            raise NotFound(f"`{name}` is not there", resolution="`labctl status` shows what is.")
        with engine_errors(f"read the logs of `{name}`"):
            return container.logs(tail=lines).decode("utf-8", "replace")

    def remove(self, place: Place, machine: str) -> None:
        """See Provider."""
        remove(self.client, self.main(place, machine))
