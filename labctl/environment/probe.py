"""The probe's container: grader-owned, one a session, the engine's view from outside."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.environment import containers
from labctl.environment.direct import DirectClient, Refused
from labctl.environment.model import LABEL_FACTS, Found, Place
from labctl.environment.probe_client import ProbeClient, Wire

if TYPE_CHECKING:
    import docker

NAME = "probe"
IMAGE = "probe"

# What the probe needs, each for one thing: entering namespaces and copying mounts,
# looking into processes of others, entering mounts, reading files of others, and giving up for
# a command what the machine itself may not do.
_CAPABILITIES = (
    "SYS_ADMIN",
    "SYS_PTRACE",
    "SYS_CHROOT",
    "DAC_OVERRIDE",
    "SETPCAP",
)
_CGROUPS = {"/sys/fs/cgroup": {"bind": "/host/cgroup", "mode": "ro"}}


class Probe:
    """Makes, finds, removes and opens the probe's container of one session."""

    def __init__(self, client: docker.DockerClient, place: Place) -> None:
        self._client = client
        self._place = place
        self.container = place.container(NAME)

    def create(self) -> None:
        """Make the container, or make it anew when it does not run or is of another image.

        Raises EnvironmentFailure.
        """
        image = self._place.images[IMAGE]
        told = containers.inspect(self._client, self.container)
        if told and told["State"]["Status"] == "running" and told["Config"]["Image"] == image:
            return
        containers.remove(self._client, self.container)
        with containers.engine_errors(f"start `{self.container}`"):
            self._client.containers.run(
                image,
                ["idle"],
                name=self.container,
                labels={**self._place.labels(NAME, NAME), LABEL_FACTS: self._facts()},
                detach=True,
                pid_mode="host",
                cgroupns="host",
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                cap_add=list(_CAPABILITIES),
                security_opt=["apparmor=unconfined", "seccomp=unconfined"],
                volumes=_CGROUPS,
                userns_mode="host",
                # A learner's program that a check runs is in here, too.
                pids_limit=1024,
                mem_limit="512m",
            )

    def find(self) -> Found | None:
        """The container as the engine sees it now, or None."""
        told = containers.inspect(self._client, self.container)
        return containers.found(self._place, NAME, NAME, told)

    def knows_other_facts(self) -> bool:
        """Whether the machines were made with other seeded facts than the session has now."""
        told = containers.inspect(self._client, self.container)
        labels = told["Config"]["Labels"] if told else {}
        return bool(labels.get(LABEL_FACTS, self._facts()) != self._facts())

    def _facts(self) -> str:
        return hashlib.sha256(json.dumps(dict(self._place.facts)).encode()).hexdigest()

    def remove(self) -> None:
        """Remove the container; fine when it is not there."""
        containers.remove(self._client, self.container)

    def open(self, within: Sequence[int] | None = None) -> Wire:
        """Start a run of the probe and return the wire to it; a lost container is made anew.

        With `within` it answers only about what runs in the machines whose first processes have
        these numbers. The run ends with the wire, however this process ends. Raises
        EnvironmentFailure.
        """
        argv = ["/probe", "serve"]
        if within is not None:
            argv += ["--within", ",".join(map(str, within))]
        running = f"run the probe in `{self.container}`"
        with containers.engine_errors(running):
            try:
                return self._attach(argv)
            except Exception as e:
                if not _absent(e):
                    raise
        self.create()
        with containers.engine_errors(running):
            return self._attach(argv)

    def client(self) -> ProbeClient:
        """Open the probe and speak with it."""
        return ProbeClient(self.open())

    def _attach(self, argv: list[str]) -> Wire:
        if isinstance(self._client, DirectClient):
            return _ExecWire(self._client.attach(self.container, argv))
        api = self._client.api
        made = api.exec_create(self.container, argv, stdin=True)
        attached: Any = api.exec_start(made["Id"], socket=True)
        return _ExecWire(attached)


def _absent(error: Exception) -> bool:
    """Whether the engine says that the container is not there, or does not run."""
    status = error.status if isinstance(error, Refused) else getattr(error, "status_code", 0)
    return status in (404, 409)


class _ExecWire:
    """The stream of an exec: plain bytes to the program, framed ones from it."""

    def __init__(self, attached: Any) -> None:
        self._attached = attached
        # What docker-py hands out is a file around the socket, or on TLS the socket itself.
        self._wire: socket.socket = getattr(attached, "_sock", attached)
        self._wire.settimeout(None)

    def send(self, data: bytes) -> None:
        self._wire.sendall(data)

    def receive(self) -> bytes:
        """The next piece of standard output; what comes on standard error is dropped."""
        try:
            while header := self._exactly(8):
                number, size = struct.unpack(">BxxxL", header)
                data = self._exactly(size)
                if number == 1:
                    return data
        except OSError:
            pass  # closed from this side, or lost: the end, either way
        return b""

    def close(self) -> None:
        try:
            self._wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was faster
        self._attached.close()
        self._wire.close()

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._wire.recv(size - len(data))
            if not chunk:
                return b""
            data += chunk
        return bytes(data)
