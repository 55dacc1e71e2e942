"""Items 2 and 4: what the cluster admits, and what runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import EXEMPT, ROLLOUT, answers, container, pod, told

from labctl.grading import check, weakness
from labctl.grading.rollout import rolled_out

_RESTRICTED = 'violates PodSecurity "restricted:'
_GATEKEEPER = 'admission webhook "validation.gatekeeper.sh" denied the request'
_HARMLESS = {"CAP_NET_BIND_SERVICE"}
_UNCONFINED = {"type": "Unconfined"}
_PRIVILEGED = {"privileged": True, "allowPrivilegeEscalation": None}

# None of them is root, so that item 4 has no say in it.
_TOO_MUCH = {
    "a privileged container": pod(container(**_PRIVILEGED)),
    "the node's network": pod(hostNetwork=True),
    "the node's files": pod(volumes=[{"name": "n", "hostPath": {"path": "/"}}]),
    "privilege escalation": pod(container(allowPrivilegeEscalation=True)),
    "default capabilities": pod(container(capabilities=None)),
    "the capability NET_RAW": pod(container(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]})),
    "no word about seccomp": pod(outer={"seccompProfile": None}),
    "an init container without seccomp": pod(
        initContainers=[container(seccompProfile=_UNCONFINED)]
    ),
}
_GOOD = {
    "a careful pod": pod(),
    "a pod with a careful init container": pod(container(), initContainers=[container()]),
}
# Careful but for root: at the pod, at one container among several, at an init container.
_NO_WORD = {"runAsNonRoot": None}
_ROOT = {
    "a pod of user 0": pod(outer={"runAsUser": 0}),
    "a pod that says nothing of root": pod(outer=_NO_WORD),
    "a container of user 0": pod(container(runAsUser=0)),
    "a container that says runAsNonRoot: false": pod(container(runAsNonRoot=False)),
    "a container that says nothing, beside one that does": {
        **pod(outer=_NO_WORD),
        "containers": [container(runAsNonRoot=True), container()],
    },
    "an init container of user 0": pod(initContainers=[container(runAsUser=0)]),
    "an init container that says runAsNonRoot: false": pod(
        initContainers=[container(runAsNonRoot=False)]
    ),
    "a sidecar of user 0": pod(
        initContainers=[{**container(runAsUser=0), "restartPolicy": "Always"}]
    ),
}


@weakness("anything-goes", seconds=60)
def test_anything_goes(court, production):
    "Production takes pods that are more than Restricted, and the cluster takes root"
    for place in production:
        assert not court.why_not(place, _TOO_MUCH["privilege escalation"]), f"{place} refuses it"
    assert not court.why_not("tools", _ROOT["a pod of user 0"]), "root is refused"


@weakness("faults-run", seconds=120)
def test_faults_run(shop, kernel, kube):
    "till and sweeper run as root, and web can write all its files"
    _, sweepers = rolled_out(kube, "tools", "sweeper", ROLLOUT)
    for one in (*shop.pods["till"], *sweepers):
        assert 0 in kernel.process(one).uids, f"{one.name} is not root"
    roots = [m for m in kernel.mounts(kernel.process(shop.pods["web"][0])) if m.place == "/"]
    assert "rw" in roots[-1].options, "web cannot write"


@check(
    "restricted",
    points=3,
    seconds=60,
    hint="The label pod-security.kubernetes.io/enforce decides; warn and audit only tell. The "
    "grader tries pods in every production namespace.",
)
def test_restricted(court, production):
    "Every production namespace refuses what Restricted refuses, and takes what it takes"
    found = court.odd(production, _TOO_MUCH, _RESTRICTED)
    found += court.odd(production, _GOOD, "")
    assert not found, told(found)


@check(
    "read-only-root",
    points=3,
    seconds=60,
    hint="`kubectl get events -A` tells why pods are not made any more. What ran before goes on "
    "as it was: look at AGE. readOnlyRootFilesystem is no part of Restricted, and is set at "
    "each container.",
)
def test_read_only_root(shop, kube, kernel, production):
    "What runs in production is no more than Restricted, and cannot write its root file system"
    assert shop.pods
    found = [sin for place in production for one in kube.pods(place) for sin in _sins(kernel, one)]
    assert not found, told(found)


@check(
    "shop-works",
    points=2,
    seconds=60,
    hint="`kubectl logs` tells what an app misses. Who may not write into the image's files gets "
    "an emptyDir where the ledger is, and one that is not root may write there, too.",
)
def test_shop_works(shop, kernel, probe, vault):
    "The shop works under Restricted: web answers, till keeps its ledger, both stamp"
    sins = [sin for one in (*shop.pods["web"], *shop.pods["till"]) for sin in _sins(kernel, one)]
    assert not sins, f"it works, but not under Restricted: {told(sins)}"
    for name, app in shop.apps.items():
        for one in shop.pods[name]:
            password = _password(probe, vault, app, one) if app.leaked else ""
            text = answers(probe, one, password)
            assert name != "till" or "ledger ok LINE" in text, "till keeps no ledger any more"


def _password(probe, vault, app, one) -> str:
    """The one that an app uses: what it had, or what Vault has."""
    try:
        answers(probe, one, app.leaked)
    except AssertionError:
        return vault.password(app.path) or app.leaked
    return app.leaked


def _sins(kernel, one) -> Iterator[str]:
    """What of a running pod is more than it may be, by the kernel."""
    status = one.raw.get("status", {})
    for kind in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(kind, []):
            if "running" in each.get("state", {}):
                where = replace(one, container_ids=(each["containerID"].rpartition("//")[2],))
                name = f"{each['name']} of {one.name}"
                first = kernel.process(where)
                mine = [p for p in kernel.processes(where) if p.ns.mnt == first.ns.mnt]
                for what in _too_much(kernel, first, (first, *mine)):
                    yield f"{name} {what}"
    if any("hostPath" in volume for volume in one.raw["spec"].get("volumes", [])):
        yield f"{one.name} has files of the node"


def _too_much(kernel, first, everyone) -> Iterator[str]:
    if any(0 in p.uids for p in everyone):
        yield "runs as root"
    held = {c for p in everyone for c in p.bounding | p.capabilities} - _HARMLESS
    if held:
        yield f"has the capability {sorted(held)[0]}"
    if not all(p.no_new_privs for p in everyone):
        yield "may gain privileges"
    if not all(p.seccomp == 2 for p in everyone):
        yield "has no seccomp filter"
    roots = [mount for mount in kernel.mounts(first) if mount.place == "/"]
    if "ro" not in roots[-1].options:
        yield "can write its root file system"


@pytest.fixture(scope="module")
def enforced(court, kube):
    """Whether root is refused. Gatekeeper takes a moment to take a new rule in."""
    plain = _ROOT["a pod of user 0"]
    return kube.wait(lambda: _GATEKEEPER in court.why_not("tools", plain), seconds=5, every=0.5)


@check(
    "root-refused",
    points=4,
    seconds=60,
    hint="`kubectl get noroot,constrainttemplates -o yaml`: what does enforcementAction do, which "
    "namespaces does the constraint match, and which containers does the Rego look at? An image "
    "may be root without a word in the pod: so runAsNonRoot is to be asked for.",
)
def test_root_refused(court, newcomers, enforced):
    "Gatekeeper refuses whatever may run as root, in every namespace but the platform's own"
    assert enforced, "a pod of user 0 is admitted to tools"
    places = ("tools", "default", newcomers.visitor.place.namespace)
    found = court.odd(places, _ROOT, _GATEKEEPER)
    assert not found, told(found)


@check(
    "no-root-runs",
    points=2,
    seconds=60,
    hint="A rule at the door does not look at who is inside already. Gatekeeper's audit does: "
    "`kubectl get noroot -o yaml`, in status.",
)
def test_no_root_runs(kube, kernel, probe):
    "Nothing outside of the platform's own namespaces runs as root, and sweeper still works"
    _, sweepers = rolled_out(kube, "tools", "sweeper", ROLLOUT)
    for one in sweepers:
        answers(probe, one, "")
    roots = [
        f"{one.namespace}/{one.name}"
        for one in kube.pods()
        if one.namespace not in EXEMPT and one.container_ids
        if any(0 in process.uids for process in kernel.processes(one))
    ]
    assert not roots, f"root runs in {told(roots)}"


@check(
    "others-admitted",
    points=1,
    seconds=60,
    hint="excludedNamespaces is for kube-system, gatekeeper-system and vault: the platform has to "
    "be able to mend itself. Pods without root are nobody's concern here.",
)
def test_others_admitted(court, newcomers, enforced):
    "Pods without root are admitted, and the platform's own namespaces take what they need"
    assert enforced, "everything is admitted"
    found = court.odd(("tools", newcomers.visitor.place.namespace), _GOOD, "")
    # The others of the platform's own refuse root by their Pod Security level.
    found += court.odd(("kube-system",), {"a pod of user 0": _ROOT["a pod of user 0"]}, "")
    assert not found, told(found)
