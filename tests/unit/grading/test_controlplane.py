"""A silent API server: stopped by the learner, or by nobody that can be named."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.environment.outside import Outage
from labctl.grading.controlplane import examine

HEALTHY = {"kubelet": "S", "kube-apiserver": "S", "etcd": "S", "systemd": "S"}


class FakeKernel:
    """A node: its processes by name with their state, what is frozen, which files are there."""

    def __init__(self, running, frozen=(), files=("kube-apiserver", "etcd")):
        self._running = [SimpleNamespace(comm=c, state=s) for c, s in running.items()]
        self._frozen = frozen
        self._files = [f"/etc/kubernetes/manifests/{name}.yaml" for name in files]

    def processes(self, machine):
        return self._running

    def cgroup(self, where):
        return SimpleNamespace(frozen=getattr(where, "comm", where) in self._frozen)

    def stat(self, machine, path):
        return path if path in self._files else None


def without(*names):
    return {name: state for name, state in HEALTHY.items() if name not in names}


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (FakeKernel(HEALTHY, frozen=["cluster"]), "`cluster` is paused"),
        (FakeKernel(HEALTHY | {"kube-apiserver": "T"}), "kube-apiserver of `cluster` was stopped"),
        (FakeKernel(HEALTHY | {"etcd": "t"}), "etcd of `cluster` was stopped"),
        (FakeKernel(HEALTHY, frozen=["etcd"]), "etcd of `cluster` was stopped"),
        (FakeKernel(without("kube-apiserver", "kubelet")), "nor does the kubelet"),
        (FakeKernel(without("kube-apiserver"), files=["etcd"]), "was taken away"),
        (FakeKernel(without("etcd"), files=["kube-apiserver"]), "etcd of `cluster` was taken away"),
    ],
)
def test_what_was_stopped_from_inside_is_an_outage(kernel, told):
    with pytest.raises(Outage, match=told):
        examine(kernel, "cluster")


@pytest.mark.parametrize(
    "running", [HEALTHY, without("kube-apiserver"), without("etcd"), without("kubelet")]
)
def test_what_may_be_a_crash_or_a_slow_computer_is_not(running):
    assert examine(FakeKernel(running), "cluster") is None
