"""What kind is told: the configuration of one cluster, to be passed to it as YAML.

With labctl's node image `kind create cluster --wait` alone gives a working cluster: the pod
network and the agent that enforces NetworkPolicy come with the image, where kind looks for its
default ones, and so does the kubelet setting for cgroup v1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from labctl.environment import tls

SERVICE_SUBNET = "10.96.0.0/16"
AUDIT_LOG = "/var/log/kubernetes/audit.log"
_AUDIT_POLICY = "/etc/kubernetes/audit"
_KUBEADM = "kubeadm.k8s.io/v1beta4"


def cluster(
    *,
    image: str,
    nodes: int = 1,
    api_port: int | None = None,
    api_address: str = "127.0.0.1",
    pod_subnet: str = "10.244.0.0/16",
    service_subnet: str = SERVICE_SUBNET,
    cgroup_v1: bool = False,
    trust: Path | None = None,
    audit: Path | None = None,
) -> dict[str, Any]:
    """A cluster of `nodes` nodes, the first of which is its control plane.

    Without `api_port`, kind picks a free one. Clusters may share subnets unless one runs
    inside a pod of the other. `cgroup_v1` says what the engine's host has; it only matters
    for node images that are not labctl's own. `trust` is a folder that tells containerd which
    authorities registries may have. `audit` is a folder with the policy of the audit log, which
    is at AUDIT_LOG of the control plane's node then.
    """
    networking: dict[str, Any] = {
        "apiServerAddress": api_address,
        "podSubnet": pod_subnet,
        "serviceSubnet": service_subnet,
    }
    if api_port is not None:
        networking["apiServerPort"] = api_port
    patches = [_quick_control_plane()]
    if cgroup_v1:
        patches.append({"kind": "KubeletConfiguration", "failCgroupV1": False})
    shared, first = [], []
    if trust is not None:
        shared.append(_mount(trust, tls.CONTAINERD))
    if audit is not None:
        patches[0]["apiServer"] = _audited()
        first.append(_mount(audit, _AUDIT_POLICY))
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [
            {
                "role": "worker" if index else "control-plane",
                "image": image,
                "extraMounts": [*shared, *(() if index else first)],
            }
            for index in range(nodes)
        ],
        # kind takes each patch as a text of its own.
        "kubeadmConfigPatches": [yaml.safe_dump(patch) for patch in patches],
    }


def _mount(folder: Path, place: str) -> dict[str, Any]:
    return {"hostPath": str(folder), "containerPath": place, "readOnly": True}


def _audited() -> dict[str, Any]:
    """Settings of an API server that keeps an audit log."""
    logs = str(Path(AUDIT_LOG).parent)
    arguments = {
        # A patch replaces lists, so what kind itself sets is repeated.
        "runtime-config": "",
        "audit-policy-file": f"{_AUDIT_POLICY}/policy.yaml",
        "audit-log-path": AUDIT_LOG,
        "audit-log-maxsize": "50",  # megabytes
        "audit-log-maxbackup": "1",
    }
    places = {"audit-policy": (_AUDIT_POLICY, True), "audit-log": (logs, False)}
    return {
        "extraArgs": [{"name": name, "value": value} for name, value in arguments.items()],
        "extraVolumes": [
            {
                "name": name,
                "hostPath": place,
                "mountPath": place,
                "readOnly": fixed,
                "pathType": "DirectoryOrCreate",
            }
            for name, (place, fixed) in places.items()
        ],
    }


def _quick_control_plane() -> dict[str, Any]:
    """Settings for a cluster that has one control plane and lives for an afternoon."""
    alone = {"name": "leader-elect", "value": "false"}
    return {
        "apiVersion": _KUBEADM,
        "kind": "ClusterConfiguration",
        # Making a dozen RSA keys costs more than a second of CPU time.
        "encryptionAlgorithm": "ECDSA-P256",
        # Safe against a crash of etcd, not against one of the machine: that ends the lab too.
        "etcd": {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}},
        # A patch replaces lists, so what kind itself sets is repeated. There is no other
        # leader to wait for.
        "controllerManager": {
            "extraArgs": [{"name": "enable-hostpath-provisioner", "value": "true"}, alone]
        },
        "scheduler": {"extraArgs": [alone]},
    }
