"""Why a cluster's API server is silent: the learner's doing, or nobody's until shown otherwise."""

from __future__ import annotations

from labctl.environment.outside import Outage, Process
from labctl.grading.evidence import Kernel

# What has to run on a control plane's node for the API to answer, as the kernel names it.
_SERVERS = ("kube-apiserver", "etcd")
_KEEPER = "kubelet"
_MANIFESTS = "/etc/kubernetes/manifests"
_STOPPED = ("T", "t")  # stopped by a signal, stopped by a tracer


def examine(kernel: Kernel, cluster: str) -> None:
    """Raise Outage when the API of a cluster (a machine's name) is silent because it was stopped.

    The cluster worked when its lab was handed out. Since then a server can have crashed or been
    starved, and then the kubelet starts it again: that is not held against anybody. But
    nothing other than a hand in the cluster pauses the node, stops or freezes the servers, ends the
    kubelet, or removes the files that it starts them from.
    """
    if kernel.cgroup(cluster).frozen:
        raise Outage(f"the machine `{cluster}` is paused")
    running: dict[str, list[Process]] = {}
    for process in kernel.processes(cluster):
        running.setdefault(process.comm, []).append(process)
    for name in _SERVERS:
        found = running.get(name, [])
        if any(p.state in _STOPPED or kernel.cgroup(p).frozen for p in found):
            raise Outage(f"{name} of `{cluster}` was stopped")
        if not found and _KEEPER not in running:
            raise Outage(f"{name} of `{cluster}` does not run, nor does the {_KEEPER}")
        if not found and kernel.stat(cluster, f"{_MANIFESTS}/{name}.yaml") is None:
            raise Outage(f"{name} of `{cluster}` was taken away")
