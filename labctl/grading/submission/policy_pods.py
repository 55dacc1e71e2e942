"""What pods a clean room does not run: those beyond the Baseline of the Pod Security Standards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Resources that run pods, and where in an object the pod is described.
RESOURCES = {
    *("v1/pods", "v1/replicationcontrollers", "apps/v1/deployments", "apps/v1/daemonsets"),
    *("apps/v1/statefulsets", "apps/v1/replicasets", "batch/v1/jobs", "batch/v1/cronjobs"),
}
_RUNNING = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        (
            *("ReplicationController", "Deployment", "DaemonSet", "StatefulSet"),
            *("ReplicaSet", "Job"),
        ),
        ("spec", "template", "spec"),
    ),
}
_VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "persistentVolumeClaim"}
_CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}


def reasons(value: Mapping[str, Any]) -> Iterator[str]:
    """Why an object is not replayed. Odd data in it is left to the API server to refuse."""
    path = _RUNNING.get(value["kind"])
    if path is None:
        return
    spec: Any = value
    for key in path:
        spec = _map(spec).get(key)
    spec = _map(spec)
    for key in ("hostPID", "hostIPC", "hostNetwork"):
        if spec.get(key):
            yield key
    if "nodeName" in spec:
        yield "nodeName"  # goes past the scheduler
    for volume in _maps(spec.get("volumes")):
        for kind in sorted(volume.keys() - {"name"} - _VOLUMES):
            yield f"a volume of the kind {kind!r:.40}"
    yield from _context(_map(spec.get("securityContext")))
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for container in _maps(spec.get(group)):
            yield from _context(_map(container.get("securityContext")))
            if any(port.get("hostPort") for port in _maps(container.get("ports"))):
                yield "hostPort"


def _context(context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("privileged"):
        yield "privileged"
    added = _map(context.get("capabilities")).get("add")
    for capability in added if isinstance(added, list) else ():
        if capability not in _CAPABILITIES:
            yield f"the capability {capability!r:.40}"
    if context.get("procMount", "Default") != "Default":
        yield "procMount"
    for key in ("seccompProfile", "appArmorProfile"):
        if _map(context.get(key)).get("type", "RuntimeDefault") != "RuntimeDefault":
            yield key
    if context.get("sysctls"):
        yield "sysctls"
    if context.get("windowsOptions") or context.get("seLinuxOptions"):
        yield "seLinuxOptions or windowsOptions"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
