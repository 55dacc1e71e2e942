"""Checks of labs from elsewhere: a child that can do nothing but check.

Their checks are a stranger's code. They run in the same kind of child as all others, but in a
container of the grader's own on the host's engine: without network, capabilities and privileges, as
nobody, on a read-only file system, with limits on memory, processes, processors and disk. An engine
is what every labctl has, on any system, near or far; so nothing is mounted, and all that the child
works with is sent to it: code, the lab's files, a copy of the workspace.

What it wants to know, it asks this process (confined_child.py): the probe, which here answers only
about processes of the session's own machines, and the APIs of the session's own clusters. What
remains to it is to lie in its own report, which is its author's right.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from labctl import host as hosts
from labctl.environment import containers
from labctl.environment.containers import engine_errors
from labctl.environment.images import build
from labctl.environment.kubeapi import KubeAPI
from labctl.environment.model import LABEL_LAB, LABEL_MACHINE, LABEL_SESSION, LABEL_STORE
from labctl.environment.probe_client import Wire
from labctl.grading.children import Child
from labctl.grading.confined_child import ConfinedChild
from labctl.lab.model import Lab
from labctl.session.opened import CHECKER, Session
from labctl.session.store import Store

if TYPE_CHECKING:
    import docker

# Whose containers belong to no session: a name that none can have, so that `gc` finds them.
_ALONE = "checks--"
_MEMORY = "512m"
_PROCESSES = 128
_OPTIONS: Mapping[str, Any] = {
    "network_mode": "none",
    "ipc_mode": "none",
    "read_only": True,
    "tmpfs": {"/tmp": "size=256m,mode=1777,nosuid,nodev"},  # noqa: S108 - the container's own
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "user": "65534:65534",
    "pids_limit": _PROCESSES,
    "mem_limit": _MEMORY,
    "memswap_limit": _MEMORY,
    "nano_cpus": 1_000_000_000,
    "init": True,
    "stdin_open": True,
    # The engine would keep all that is printed on its disk.
    "log_config": {"Type": "none"},
}


@contextmanager
def start(session: Session) -> Iterator[Child]:
    """Start a child for a session's lab; leaving ends it. Raises EnvironmentFailure."""
    place = session.place
    clusters = {
        name: KubeAPI(place.kubeconfig(name)).ask
        for name, machine in place.lab.machines.items()
        if machine.provider == "kind"
    }
    labels = place.labels(CHECKER, CHECKER)
    with (
        _container(session.client, labels) as wire,
        ConfinedChild(wire, place.lab.folder, clusters) as child,
    ):
        yield child


@contextmanager
def alone(lab: Lab) -> Iterator[Child]:
    """Start a child that only lists what a lab checks. Raises EnvironmentFailure."""
    client, store = hosts.find("local").client(), Store()
    with store.lock(_ALONE, shared=True):
        labels = {
            LABEL_SESSION: _ALONE,
            LABEL_STORE: store.id,
            LABEL_LAB: lab.id,
            LABEL_MACHINE: CHECKER,
        }
        with _container(client, labels) as wire, ConfinedChild(wire, lab.folder) as child:
            yield child


class Within:
    """The probe of a session, as the checks of its lab may ask it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self) -> Wire:
        """Start a run of it. Raises EnvironmentFailure."""
        return self._session.probe.open(within=self._first_processes())

    def _first_processes(self) -> list[int]:
        session, found = self._session, []
        clusters = containers.clusters(session.client)
        for name, machine in session.lab.machines.items():
            if machine.provider == "kind":
                nodes = clusters.get(session.place.container(name), [])
                told = [containers.inspect(session.client, node) for node in nodes]
                found += [node["State"]["Pid"] for node in told if node]
            elif there := session.find(name):
                found.append(there.pid)
        return [pid for pid in found if pid]


@contextmanager
def _container(client: docker.DockerClient, labels: Mapping[str, str]) -> Iterator[socket.socket]:
    """A container that waits for the child's code, and the connection to it."""
    image = build.ensure(client, [CHECKER], lambda text: None)[CHECKER]
    with engine_errors("make the container of the checks"):
        made = client.containers.create(image, labels=dict(labels), **_OPTIONS)
    try:
        streams = dict.fromkeys(("stdin", "stdout", "stderr", "stream"), 1)
        with engine_errors("start the container of the checks"):
            attached: Any = client.api.attach_socket(str(made.id), params=streams)
            made.start()
        wire: socket.socket = getattr(attached, "_sock", attached)
        try:
            yield wire
        finally:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            attached.close()
            wire.close()
    finally:
        containers.remove(client, str(made.id))
