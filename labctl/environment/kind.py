"""Machines that are Kubernetes clusters, made by kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import yaml

from labctl import paths, process
from labctl.environment import kind_config, tls, wait
from labctl.environment.containers import (
    LABEL_CLUSTER,
    ContainerProvider,
    engine_errors,
    remove_all,
)
from labctl.environment.docker import kube_folder
from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure
from labctl.lab.model import KindMachine

CREATE_SECONDS = 600
READY_SECONDS = 180
KUBECONFIG = "/etc/kubernetes/admin.conf"
KUBECTL = ["kubectl", f"--kubeconfig={KUBECONFIG}"]


class KindProvider(ContainerProvider):
    """One kind cluster a machine, on the session's own network."""

    kind = "kind"

    def main(self, place: Place, machine: str) -> str:
        """The control plane's container."""
        return f"{place.container(machine)}-control-plane"

    def create(self, place: Place, machine: str) -> None:
        """See Provider. Ready means: every node is Ready and the API gives out accounts."""
        from labctl.environment.images import recipe

        spec = place.lab.machines[machine]
        assert isinstance(spec, KindMachine)
        program = shutil.which("kind", path=f"{paths.bin_dir()}:{os.environ.get('PATH', '')}")
        if program is None:
            raise EnvironmentFailure("kind is not installed", resolution="Run `labctl setup`.")
        config = kind_config.cluster(
            nodes=spec.nodes,
            image=place.images[recipe.node_with(spec.addons)],
            cgroup_v1=self._cgroup_version() == "1",
            trust=tls.trust(place),
            audit=_audit(place) if spec.audit else None,
        )
        process.run(
            [
                *(program, "create", "cluster", "--name", place.container(machine)),
                *("--config", "-", "--kubeconfig", str(place.kubeconfig(machine))),
            ],
            env={
                **os.environ,
                "KIND_EXPERIMENTAL_PROVIDER": "docker",
                "KIND_EXPERIMENTAL_DOCKER_NETWORK": place.network(spec.networks[0]),
            },
            stdin=yaml.safe_dump(config).encode(),
            timeout=CREATE_SECONDS,
        )
        self._publish(place, machine)
        wait.until(
            f"the nodes of `{machine}`",
            lambda: self._ready(place, machine, spec.nodes),
            seconds=READY_SECONDS,
        )

    def remove(self, place: Place, machine: str) -> None:
        """See Provider. Does what `kind delete cluster` does, and cannot be fooled by its state."""
        cluster = place.container(machine)
        with engine_errors(f"look up the nodes of `{machine}`"):
            nodes = self.client.api.containers(
                all=True, filters={"label": f"{LABEL_CLUSTER}={cluster}"}
            )
        remove_all(self.client, [node["Id"] for node in nodes])
        place.kubeconfig(machine).unlink(missing_ok=True)

    def apply(self, place: Place, machine: str, manifests: str) -> str:
        """Apply YAML documents with server-side apply. Raises EnvironmentFailure."""
        result = self.exec(
            place,
            machine,
            [*KUBECTL, "apply", "--server-side", "--force-conflicts", "-f", "-"],
            stdin=manifests.encode(),
        )
        if result.status != 0:
            raise EnvironmentFailure(
                f"The manifests could not be applied to `{machine}`",
                details=result.stderr.decode("utf-8", "replace"),
            )
        return result.text

    def _publish(self, place: Place, machine: str) -> None:
        """Put the kubeconfig that works on the cluster's network where machines find it."""
        config = self.exec(place, machine, ["cat", "/etc/kubernetes/admin.conf"]).stdout
        file = kube_folder(place, machine) / "config"
        file.touch(mode=0o600)
        file.write_bytes(config)

    def _ready(self, place: Place, machine: str, nodes: int) -> bool:
        path = "{range .items[*]}{.status.conditions[?(@.type=='Ready')].status} {end}"
        result = self.exec(place, machine, [*KUBECTL, "get", "nodes", "-o", f"jsonpath={path}"])
        if result.text.split() != ["True"] * nodes:
            return False
        account = [*KUBECTL, "get", "serviceaccount", "default"]
        return self.exec(place, machine, account).status == 0

    def _cgroup_version(self) -> str:
        with engine_errors("tell its cgroup version"):
            return str(self.client.info().get("CgroupVersion", "2"))


def _audit(place: Place) -> Path:
    """The policy of audit logs, where the engine may mount it from."""
    folder = place.folder / "audit"
    shutil.copytree(paths.clusters_dir() / "audit", folder, dirs_exist_ok=True)
    return folder
