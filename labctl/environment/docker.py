"""Machines that are plain containers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from labctl.environment import tls, wait
from labctl.environment.containers import ContainerProvider, engine_errors
from labctl.environment.model import Place
from labctl.errors import WaitTimeout
from labctl.lab.model import DockerMachine, KindMachine, MachineBase

WORKSPACE = "/workspace"
CONTROL = "/control"


class DockerProvider(ContainerProvider):
    """Containers on the host's engine. Never privileged, never with the engine's socket."""

    kind = "docker"

    def create(self, place: Place, machine: str) -> None:
        """See Provider."""
        spec = place.lab.machines[machine]
        assert isinstance(spec, DockerMachine)
        options = common(place, machine, self.kind, spec)
        options["environment"] = {**_trust(place, options), **spec.environment}
        if spec.certificate:
            options["volumes"] += [f"{tls.own(place, machine)}:{tls.OWN}:ro"]
        options["cap_add"] = spec.capabilities
        options["pids_limit"] = spec.pids
        if spec.command:
            options["command"] = spec.command
        if spec.workspace:
            options["volumes"] += [f"{place.workspace}:{WORKSPACE}"]
            options["working_dir"] = WORKSPACE
            # What the learner writes belongs to the user who runs labctl, not to root.
            options["user"] = f"{os.getuid()}:{os.getgid()}"
        if spec.user:
            options["user"] = spec.user
        if spec.kubeconfig:
            options["volumes"] += [f"{kube_folder(place, spec.kubeconfig)}:/home/learner/.kube"]
        if spec.operator:
            # The image's own folder would make the volume the operator's.
            options["volumes"] += [f"{one}:ro,nocopy" for one in control(self, place)]
        start(self, place, machine, place.images[spec.image], spec, options)
        if spec.ready:
            self._await(place, machine, spec)

    def _await(self, place: Place, machine: str, spec: DockerMachine) -> None:
        assert spec.ready is not None
        command = spec.ready.command

        def answers() -> bool:
            return self.exec(place, machine, command, timeout=10).status == 0

        try:
            wait.until(f"`{machine}`", answers, seconds=spec.ready.seconds)
        except WaitTimeout as e:
            e.details = self.logs(place, machine, 20)
            raise


def _trust(place: Place, options: dict[str, Any]) -> dict[str, str]:
    """Mount the session's authority, if it has one; returns what makes programs look there.

    OpenSSL and Go take it beside the system's own, which they find in a folder.
    """
    folder = tls.trust(place)
    if folder is None:
        return {}
    options["volumes"] += [f"{folder}:{tls.TRUST}:ro"]
    return {"SSL_CERT_FILE": tls.AUTHORITY}


def control(provider: ContainerProvider, place: Place) -> list[str]:
    """The volume through which virtual machines are operated, in a lab with an operator."""
    machines = place.lab.machines.values()
    if not any(isinstance(spec, DockerMachine) and spec.operator for spec in machines):
        return []
    name = place.container("vol-control")
    with engine_errors(f"create the volume `{name}`"):
        provider.client.volumes.create(name, labels=place.labels("control", "volume"))
    return [f"{name}:{CONTROL}"]


def kube_folder(place: Place, cluster: str) -> Path:
    """Where machines on a cluster's network find its kubeconfig, as the file `config`."""
    folder = place.folder / "kube" / cluster
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def common(place: Place, machine: str, kind: str, spec: MachineBase) -> dict[str, Any]:
    """The container options that every kind of container machine has."""
    options: dict[str, Any] = {
        "name": place.container(machine),
        "hostname": machine,
        "labels": place.labels(machine, kind),
        "volumes": [],
        "init": True,
        "mem_limit": spec.memory,
    }
    if spec.memory:
        options["memswap_limit"] = spec.memory
    if place.sealed:
        # The engine's name server asks the machine itself for names outside; nobody listens.
        options["dns"] = ["127.0.0.1"]
    if spec.cpus:
        options["nano_cpus"] = int(spec.cpus * 1e9)
    return options


def start(
    provider: ContainerProvider,
    place: Place,
    machine: str,
    image: str,
    spec: MachineBase,
    options: dict[str, Any],
) -> None:
    """Create the container, attach it to its networks under its own name, start it."""
    client = provider.client
    first, *others = [place.network(name) for name in spec.networks] or [""]
    with engine_errors(f"create `{machine}`"):
        if first:
            links = _clusters(place, spec.networks[0])
            alias = client.api.create_endpoint_config(aliases=[machine], links=links)
            options |= {"network": first, "networking_config": {first: alias}}
        else:
            options["network_mode"] = "none"
        container = client.containers.create(image, **options)
        for name, network in zip(spec.networks[1:], others, strict=True):
            links = _clusters(place, name)
            client.networks.get(network).connect(container, aliases=[machine], links=links)
        container.start()


def _clusters(place: Place, network: str) -> dict[str, str]:
    """Nodes by the names of their clusters, as kind gives them no name but its own.

    The engine looks for them when it is asked: they need not be there yet.
    """
    return {
        f"{place.container(name)}-control-plane": name
        for name, spec in place.lab.machines.items()
        if isinstance(spec, KindMachine) and spec.networks[0] == network
    }
