"""The database of a kind machine, over etcd's HTTP gateway, from the cluster's own node.

For putting a cluster back, never for a grade: what runs in the node may be the learner's. The
calls are those of etcd's API version 3, whose gateway has keys and values in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure

# Runs a command in the control plane's node: arguments and standard input.
Run = Callable[[Sequence[str], bytes], ExecResult]

_PKI = "/etc/kubernetes/pki/etcd"
# kubectl is the one program of every node that speaks HTTPS, with whatever server.
_POST = [
    *(
        "kubectl",
        "--server=https://127.0.0.1:2379",
        "--request-timeout=20s",
        "--kubeconfig=/dev/null",
    ),
    *(f"--certificate-authority={_PKI}/ca.crt", f"--client-certificate={_PKI}/server.crt"),
    *(f"--client-key={_PKI}/server.key", "create", "--filename=-", "--raw"),
]
# Everything of the API server. A range ends before a key: "0" comes after "/".
FIRST, END = "/registry/", "/registry0"
# What etcd takes in one transaction: 128 changes, 1.5 MiB.
_CHANGES, _BYTES = 100, 1 << 20


class Etcd:
    """Reads and changes what the API server stores. Raises EnvironmentFailure."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self) -> dict[str, bytes]:
        """All that the API server has stored: values by key, as they are."""
        found = self._ask("kv/range", {"key": _coded(FIRST), "range_end": _coded(END)})
        return {
            base64.b64decode(item["key"]).decode(): base64.b64decode(item["value"])
            for item in found.get("kvs", [])
        }

    def change(self, put: Mapping[str, bytes], delete: Collection[str]) -> None:
        """Delete keys, then put others; those who watch see it as any other change."""
        changes = [{"requestDeleteRange": {"key": _coded(key)}} for key in delete]
        changes += [
            {"requestPut": {"key": _coded(key), "value": base64.b64encode(value).decode()}}
            for key, value in put.items()
        ]
        for batch in _batches(changes):
            self._ask("kv/txn", {"success": batch})

    def forget(self) -> None:
        """Leave nothing of what was in the database's file."""
        revision = self._ask("kv/range", {"key": _coded(FIRST)})["header"]["revision"]
        self._ask("kv/compaction", {"revision": revision, "physical": True})
        self._ask("maintenance/defragment", {})

    def _ask(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        done = self._run([*_POST, f"/v3/{call}"], json.dumps(body).encode())
        if done.status != 0:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            raise EnvironmentFailure(f"etcd did not do `{call}`", details=said)
        try:
            return dict(json.loads(done.stdout))
        except ValueError as e:
            raise EnvironmentFailure(f"etcd's answer to `{call}` is damaged") from e


def _coded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


def _batches(changes: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for change in changes:
        more = len(str(change))
        if batch and (len(batch) == _CHANGES or size + more > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += more
    if batch:
        yield batch
