"""What runs in production: what it may do, as the kernel has it, and that it does its work."""

from __future__ import annotations

from conftest import ADMITTED, told

from labctl.grading import check, weakness


@weakness("signer-holds-the-node", seconds=60)
def test_signer_holds_the_node(kernel, workloads):
    "signer may do anything on its node"
    process = kernel.process(workloads["signer"].whole().pods[0])
    assert process.ns.pid == kernel.process("cluster").ns.pid, "it sees only itself"
    assert {"CAP_SYS_ADMIN", "CAP_SYS_MODULE"} <= process.capabilities, "it has few capabilities"


@weakness("all-work", seconds=60)
def test_all_work(workloads, page, facts):
    "The three workloads do their work"
    for name, work in (("till", _till), ("signer", _signer), ("parcels", _parcels)):
        for pod in workloads[name].whole().pods:
            work(pod, page, facts)


@check(
    "till",
    points=2,
    hint="`kubectl -n shop logs deploy/till` tells why it does not start. Who is not root cannot "
    "make folders just anywhere: give it one, an emptyDir, where it keeps its ledger.",
)
def test_till(workloads, gate, sins, page, facts):
    "till does its work under Restricted"
    _under_restricted(workloads["till"], gate, sins)
    for pod in workloads["till"].pods:
        _till(pod, page, facts)


@check(
    "signer",
    points=3,
    hint="All that signer needs of the node is one file, and the same rate is in a ConfigMap of "
    "its namespace. A volume can be made of that. READ tells where signer looks.",
)
def test_signer(workloads, gate, sins, page, facts):
    "signer does its work under Restricted, with nothing of the node"
    _under_restricted(workloads["signer"], gate, sins)
    for pod in workloads["signer"].pods:
        _signer(pod, page, facts)


@check(
    "parcels",
    points=3,
    hint="A container's own settings win over those of its pod. Go through all three containers. "
    "An emptyDir may be written by anybody, so a folder in it needs no root to make it.",
)
def test_parcels(workloads, gate, sins, page, facts):
    "parcels does its work under Restricted, and so do its init container and labels beside it"
    _under_restricted(workloads["parcels"], gate, sins)
    for pod in workloads["parcels"].pods:
        _parcels(pod, page, facts)


@check(
    "running-pods",
    points=3,
    hint="A level is asked when a pod is made. What ran before goes on as it was: `kubectl get "
    "pods` in each production namespace, and look at AGE.",
)
def test_running_pods(kube, workloads, sins, production):
    "No pod of production, however old, is more than Restricted lets it be"
    for workload in workloads.values():
        workload.whole()
    pods = [pod for place in production for pod in kube.pods(place)]
    found = [words for pod in pods for words in sins(pod)]
    assert not found, f"the kernel says: {told(found)}"


@check(
    "read-only-root",
    points=3,
    hint="readOnlyRootFilesystem is a setting of each container. Whatever a program has to write "
    "goes to a volume; `kubectl logs` shows what it could not write.",
)
def test_read_only_root(kube, workloads, containers, production, page, facts):
    "No container of production can change its own root file system, and all still write"
    for workload in workloads.values():
        workload.whole()
    pods = [pod for place in production for pod in kube.pods(place)]
    inside = [one for pod in pods for one in containers(pod)]
    found = [one.name for one in inside if "ro" not in one.root_options]
    assert not found, f"the root file system is writable: {told(found)}"
    _till(workloads["till"].pods[0], page, facts)
    _parcels(workloads["parcels"].pods[0], page, facts)


def _under_restricted(workload, gate, sins) -> None:
    """Its pods run, are no more than Restricted lets them be, and will be made again."""
    found = [words for pod in workload.whole().pods for words in sins(pod)]
    assert not found, f"the kernel says: {told(found)}"
    got = gate.verdict(workload.namespace, workload.template, "replicaset-controller")
    assert got == ADMITTED, f"{workload.name} runs, but would not be admitted again: {got}"


def _till(pod, page, facts) -> None:
    page(pod, facts["till-key"], keeps=True)


def _signer(pod, page, facts) -> None:
    text = page(pod, facts["signer-key"])
    assert f"read ok {facts['rate']}\n" in text, f"signer does not read the rate: {text.strip()}"


def _parcels(pod, page, facts) -> None:
    page(pod, facts["parcels-key"], keeps=True)
    page(pod, facts["labels-key"], port=8081, keeps=True)
