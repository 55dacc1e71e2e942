"""Waiting for a Deployment to be what it was last told to be: for checks about what runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from labctl.environment.kubeapi import KubeAPI, Pod

_SECONDS = 12.0
_PAUSE = 0.3


def rolled_out(
    kube: KubeAPI, namespace: str, name: str, seconds: float = _SECONDS
) -> tuple[dict[str, Any], Sequence[Pod]]:
    """A Deployment and its pods, once all run and are of its newest version.

    Raises AssertionError with why they are not, after `seconds`.
    """
    until = time.monotonic() + seconds
    while True:
        deployment = kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        assert deployment, f"the Deployment {namespace}/{name} is gone"
        spec, status = deployment["spec"], deployment.get("status", {})
        wanted = spec.get("replicas", 1)
        assert wanted, f"{name} is shut down: it is to run in {namespace}"
        counts = [status.get(k, 0) for k in ("replicas", "updatedReplicas", "readyReplicas")]
        newest = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        pods = kube.pods(namespace, spec["selector"]["matchLabels"])
        if newest and counts == [wanted] * 3 and len(pods) == wanted:
            return deployment, pods
        if time.monotonic() > until:
            failing = (c for c in status.get("conditions", []) if c["status"] == "False")
            why = "; ".join(c["message"] for c in failing)
            raise AssertionError(f"{name} has pods that do not run: {why}")
        time.sleep(_PAUSE)
