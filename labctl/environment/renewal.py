"""Putting a cluster back to how it was before its lab's setup: quicker than a new one.

`mark` keeps what the cluster is like when its add-ons work: its whole database, which images its
nodes have, and the state of their files. `renew` puts database and images back. Where that would
not be all (a node's own files have changed, etcd does not answer), a new cluster is due.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.environment import containers, stored
from labctl.environment.etcd import Etcd
from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker

_SECONDS = 30
# Every file of a node: its mode, its size and its last change (of folders, the mode alone), and
# after an empty line its images. Of what the node's programs write all the time only what the
# kubelet is told. In /root/.kube kubectl notes what it has seen.
_STATE = r"""
busy='/root/.kube /var/lib/cni /var/lib/containerd /var/lib/etcd /var/lib/kubelet /var/log'
told='/var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env'
find / /var $told -xdev \( -false $(printf ' -o -path %s' $busy) \) -prune \
  -o -type d -printf '%m - - %p\n' -o -printf '%m %s %C@ %p\n'
echo
ctr --namespace k8s.io images ls | sed 1d | tr -s ' ' | cut -d ' ' -f 1,3
"""
# Their pods are gone from the database, and the kubelet would give them half a minute.
_KILL = """
find /sys/fs/cgroup -name cgroup.procs | grep -E "$1" | xargs -r cat | sort -u | xargs -r kill -9
"""
_RM = ("rm", "-rf", "--one-file-system", "--")
_UNTAG = ("ctr", "--namespace", "k8s.io", "images", "rm")


@dataclass(frozen=True)
class Node:
    """The state of one node: a line for each file, and a line for each name of an image."""

    files: Sequence[str]
    images: Sequence[str]

    def since(self, earlier: Node) -> tuple[list[str] | None, list[str] | None]:
        """The paths and the names that came; None for what would have to be brought back."""
        files, images = set(self.files), set(self.images)
        paths = [line.split(" ", 3)[-1] for line in files - set(earlier.files)]
        names = [line.split(" ")[0] for line in images - set(earlier.images)]
        return (
            paths if files >= set(earlier.files) else None,
            names if images >= set(earlier.images) else None,
        )


@dataclass(frozen=True)
class Mark:
    """What a cluster was like. `made_from` is a digest of what went into it.

    `nodes` are by container id, `database` has values in base64 by key.
    """

    made_from: str
    kubeconfig: str
    nodes: Mapping[str, Node]
    database: Mapping[str, str]


class Cluster:
    """A kind cluster as renewal sees it: the containers of its nodes, the control plane first."""

    def __init__(self, client: docker.DockerClient, nodes: Sequence[str]) -> None:
        self._client = client
        self.nodes = nodes
        self._etcd = Etcd(lambda argv, data: self._run(nodes[0], argv, data))

    def mark(self, made_from: str, kubeconfig: Path, file: Path) -> None:
        """Keep in `file` what the cluster is like. Raises EnvironmentFailure."""
        with ThreadPoolExecutor() as pool:
            reading = pool.submit(self._etcd.read)
            nodes = self._states(pool)
        database = {k: base64.b64encode(v).decode() for k, v in reading.result().items()}
        mark = Mark(made_from, kubeconfig.read_text(), nodes, database)
        file.touch(mode=0o600)  # the database has Secrets
        file.write_text(json.dumps(asdict(mark)))

    def renew(self, mark: Mark, kubeconfig: Path, *, fresh: Collection[str]) -> bool:
        """Put the cluster back to how it was, with new pods in the namespaces `fresh`.

        False when it cannot be put back whole. Raises EnvironmentFailure when somebody of the
        cluster does not answer.
        """
        came = {}
        with ThreadPoolExecutor() as pool:
            states = self._states(pool)
        for node, state in states.items():
            files, images = state.since(mark.nodes[node])
            if files is None or images is None:
                return False
            came[node] = files, images
        before = {key: base64.b64decode(value) for key, value in mark.database.items()}
        changes = stored.changes(before, self._etcd.read(), fresh)
        self._etcd.change(changes.put, changes.delete)
        self._kill(changes.pods)
        # Whatever was still being made of what is gone.
        late = stored.late(before, self._etcd.read(), changes)
        self._etcd.change({}, late.delete)
        self._kill(late.pods)
        self._etcd.forget()
        for node, (files, images) in came.items():
            for clean, them in ((_RM, files), (_UNTAG, images)):
                if them and self._run(node, [*clean, *them]).status != 0:
                    return False
        kubeconfig.write_text(mark.kubeconfig)
        return True

    def _states(self, pool: ThreadPoolExecutor) -> dict[str, Node]:
        return dict(zip(self.nodes, pool.map(self._state, self.nodes), strict=True))

    def _state(self, node: str) -> Node:
        done = self._run(node, ["sh", "-euc", _STATE])
        files, _, images = done.text.partition("\n\n")
        if done.status != 0:
            raise EnvironmentFailure("A node does not tell its state", details=str(done.stderr))
        return Node(files.splitlines(), images.splitlines())

    def _run(self, node: str, argv: Sequence[str], stdin: bytes | None = None) -> ExecResult:
        return containers.run(self._client, node, argv, stdin=stdin, timeout=_SECONDS)

    def _kill(self, pods: Collection[str]) -> None:
        """End the processes of pods, by the pods' uids: systemd's names have "_" for "-"."""
        if not pods:
            return
        pattern = "|".join("pod" + uid.replace("-", "[-_]") for uid in pods)
        for node in self.nodes:
            self._run(node, ["sh", "-uc", _KILL, "sh", pattern])


def load(file: Path) -> Mark | None:
    """The mark in a file; None when there is none, or none that can be read."""
    try:
        told = json.loads(file.read_text())
        nodes = {node: Node(**state) for node, state in told.pop("nodes").items()}
        return Mark(**told, nodes=nodes)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
