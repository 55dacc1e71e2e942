"""Pods of the grader's own, which nobody could know before: for checks about what is to come."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labctl.environment.kubeapi import Answer, KubeAPI
from labctl.grading.dials import End
from labctl.grading.evidence import Kernel

# The mark on everything that the grader makes in the cluster. No policy can select by annotations.
_MARK = "labctl-grader"
PORT = 8080
_LEFT_BEHIND = 120  # seconds after which what has the mark is nobody's


@dataclass(frozen=True)
class Newcomers:
    """A pod in each namespace that was asked for, by namespace, and one in a new namespace."""

    settled: Mapping[str, End]
    visitor: End


@contextmanager
def newcomers(
    kube: KubeAPI, kernel: Kernel, namespaces: Sequence[str], app: str
) -> Iterator[Newcomers]:
    """Pods that keep to Restricted and listen on PORT, with names and labels that are new.

    Only the visitor wears a label of the lab's, `app`: anybody who may create pods somewhere can.
    All of it is removed at the end. What the cluster refuses is an AssertionError.
    """
    token = secrets.token_hex(3)
    visitors = f"{secrets.choice(('guest', 'trial', 'sandbox'))}-{token}"
    _sweep(kube, older=_LEFT_BEHIND)
    made = kube.create(
        "/api/v1/namespaces", {"metadata": {"name": visitors, "annotations": {_MARK: token}}}
    )
    assert made.ok, f"the cluster refuses a new namespace: {made.message}"
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(_create, kube, n, token, {}) for n in namespaces]
            jobs.append(pool.submit(_create, kube, visitors, token, {"app": app}))
            for job in jobs:
                job.result()
        wanted = len(namespaces) + 1
        pods = kube.wait(lambda: _running(kube, token, wanted), seconds=20)
        assert pods, "new pods do not start"
        ends = {
            pod.namespace: End(f"a new pod in {pod.namespace}", pod, pod.ip, PORT) for pod in pods
        }
        for pod in pods:
            kernel.process(pod)
        time.sleep(0.5)  # they run; give their program and the policies' agent a moment
        visitor = ends.pop(visitors)
        yield Newcomers(ends, End("a pod in another namespace", visitor.place, visitor.ip, PORT))
    finally:
        _sweep(kube, token)


def _create(kube: KubeAPI, namespace: str, token: str, labels: Mapping[str, str]) -> None:
    name = f"{secrets.choice(('batch', 'worker', 'agent', 'task'))}-{secrets.token_hex(4)}"
    pod = {
        "metadata": {
            "name": name,
            "labels": {"app": name, **labels},
            "annotations": {_MARK: token},
        },
        "spec": {
            # Should the grader be killed, they end by themselves.
            "activeDeadlineSeconds": 90,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "listen",
                    "image": "docker.io/labctl/probe:lab",
                    "imagePullPolicy": "Never",
                    "args": ["listen", "--tcp", str(PORT)],
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "8Mi"},
                        "limits": {"cpu": "1", "memory": "64Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                        "runAsNonRoot": True,
                        "runAsUser": 10002,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }
    told = ""

    def taken() -> Answer | None:
        nonlocal told
        got = kube.create(f"/api/v1/namespaces/{namespace}/pods", pod)
        told = got.message
        return got if got.ok else None

    # A namespace that was just made has no service account yet, and refuses pods until then.
    made = kube.wait(taken, seconds=5, every=0.1)
    assert made, f"the namespace {namespace} takes no new pods: {told[-200:]}"


def _running(kube: KubeAPI, token: str, count: int) -> list[Any] | None:
    mine = [p for p in kube.pods() if _mark(p.raw["metadata"]) == token]
    pods = [p for p in mine if p.ip and p.container_ids]
    return pods if len(pods) == count else None


def _sweep(kube: KubeAPI, token: str | None = None, older: float = 0) -> None:
    """Remove what the grader made: in this run, or (`older`, in seconds) in one that was killed."""

    def left(path: str) -> list[Mapping[str, Any]]:
        found = [item["metadata"] for item in kube.list(path)]
        mine = [m for m in found if _mark(m) and token in (None, _mark(m))]
        return [m for m in mine if "deletionTimestamp" not in m and _age(m) >= older]

    for meta in left("/api/v1/pods"):
        kube.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
    for meta in left("/api/v1/namespaces"):
        kube.delete(f"/api/v1/namespaces/{meta['name']}")


def _mark(meta: Mapping[str, Any]) -> str:
    return str((meta.get("annotations") or {}).get(_MARK, ""))


def _age(meta: Mapping[str, Any]) -> float:
    made = datetime.fromisoformat(meta["creationTimestamp"])
    return max(0.0, (datetime.now(UTC) - made).total_seconds())
