"""Machines that are Kubernetes clusters, made by kind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from labctl import paths, process
from labctl.environment import kind_config, renewal, tls, wait
from labctl.environment.containers import (
    LABEL_CLUSTER,
    ContainerProvider,
    engine_errors,
    remove_all,
)
from labctl.environment.docker import kube_folder
from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure
from labctl.lab import addons
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
        spec = place.lab.machines[machine]
        assert isinstance(spec, KindMachine)
        program = shutil.which("kind", path=f"{paths.bin_dir()}:{os.environ.get('PATH', '')}")
        if program is None:
            raise EnvironmentFailure("kind is not installed", resolution="Run `labctl setup`.")
        if spec.audit:
            shutil.copytree(paths.clusters_dir() / "audit", _audit(place), dirs_exist_ok=True)
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
            stdin=yaml.safe_dump(self._config(place, spec)).encode(),
            timeout=CREATE_SECONDS,
        )
        self._settle(place, machine, spec)

    def mark(self, place: Place, machine: str) -> None:
        """Keep what the cluster is like, for `renew`. Without a mark, a new one will be due."""
        made_from = self._made_from(place, machine)
        cluster = renewal.Cluster(self.client, self._nodes(place, machine))
        with contextlib.suppress(EnvironmentFailure):
            cluster.mark(made_from, place.kubeconfig(machine), _mark(place, machine))

    def marked(self, place: Place, machine: str) -> list[str]:
        """The nodes' containers of a cluster that may be renewed; none when a new one is due."""
        mark, nodes = renewal.load(_mark(place, machine)), self._nodes(place, machine)
        fits = mark is not None and (
            mark.made_from == self._made_from(place, machine) and set(mark.nodes) == set(nodes)
        )
        return nodes if fits else []

    def renew(self, place: Place, machine: str) -> bool:
        """Put the cluster back to how it was when it was marked.

        False, with nothing left of it, when that is not possible: a new one is due.
        """
        with contextlib.suppress(EnvironmentFailure):
            if self._put_back(place, machine):
                return True
        _mark(place, machine).unlink(missing_ok=True)
        self.remove(place, machine)
        return False

    def _put_back(self, place: Place, machine: str) -> bool:
        spec = place.lab.machines[machine]
        assert isinstance(spec, KindMachine)
        mark, nodes = renewal.load(_mark(place, machine)), self.marked(place, machine)
        if mark is None or not nodes:
            return False
        fresh = [space for name in spec.addons for space in addons.load(name).renew]
        cluster = renewal.Cluster(self.client, nodes)
        if not cluster.renew(mark, place.kubeconfig(machine), fresh=fresh):
            return False
        if spec.audit:
            self.exec(place, machine, ["truncate", "--size=0", kind_config.AUDIT_LOG])
        self._settle(place, machine, spec)
        return True

    def remove(self, place: Place, machine: str) -> None:
        """See Provider. Does what `kind delete cluster` does, and cannot be fooled by its state."""
        remove_all(self.client, self._nodes(place, machine))
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

    def _config(self, place: Place, spec: KindMachine) -> dict[str, Any]:
        from labctl.environment.images import recipe

        return kind_config.cluster(
            nodes=spec.nodes,
            image=place.images[recipe.node_with(spec.addons)],
            cgroup_v1=self._cgroup_version() == "1",
            trust=tls.trust(place),
            audit=_audit(place) if spec.audit else None,
        )

    def _made_from(self, place: Place, machine: str) -> str:
        """A digest of all that decides what a cluster is like before its lab's setup."""
        spec = place.lab.machines[machine]
        assert isinstance(spec, KindMachine)
        files = [file for name in spec.addons for file in addons.load(name).manifests]
        parts = [yaml.safe_dump(self._config(place, spec)), *(f.read_text() for f in files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _nodes(self, place: Place, machine: str) -> list[str]:
        """The containers of the nodes, the control plane's first."""
        cluster = place.container(machine)
        with engine_errors(f"look up the nodes of `{machine}`"):
            found = self.client.api.containers(
                all=True, filters={"label": f"{LABEL_CLUSTER}={cluster}"}
            )
        first = self.main(place, machine)
        return [n["Id"] for n in sorted(found, key=lambda n: f"/{first}" not in n["Names"])]

    def _settle(self, place: Place, machine: str, spec: KindMachine) -> None:
        self._publish(place, machine)
        wait.until(
            f"the nodes of `{machine}`",
            lambda: self._ready(place, machine, spec.nodes),
            seconds=READY_SECONDS,
        )

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
    """The folder with the policy of audit logs, where the engine may mount it from."""
    return place.folder / "audit"


def _mark(place: Place, machine: str) -> Path:
    return place.folder / f"{machine}.mark.json"
