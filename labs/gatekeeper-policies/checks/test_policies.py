"""Bad pods are refused and good ones are not, and the audit tells what was there before."""

from __future__ import annotations

import secrets

from conftest import EXEMPT, HOOKS, KINDS, constraints, copy_of, told, words, wrong

from labctl.grading import check, weakness

_PODS = "/api/v1/pods"
_BY_MACHINES = (
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
)
# As Gatekeeper was installed.
_FLAGS = {
    *("--operation=webhook", "--operation=audit", "--operation=status", "--operation=generate"),
    *("--audit-interval=5", "--audit-match-kind-only", "--constraint-violations-limit=100"),
    *("--exempt-namespace=gatekeeper-system", "--disable-opa-builtin={http.send}"),
    *("--enable-external-data=false", "--enable-generator-resource-expansion=false"),
    *("--port=8443", "--shutdown-delay=1"),
}
_HOOK = {
    "failurePolicy": "Fail",
    "matchPolicy": "Exact",
    "objectSelector": {},
    "namespaceSelector": {
        "matchExpressions": [
            {"key": "admission.gatekeeper.sh/ignore", "operator": "DoesNotExist"},
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "NotIn",
                "values": ["gatekeeper-system"],
            },
        ]
    },
    "matchConditions": [
        {
            "name": "no-heartbeat",
            "expression": '!(request.resource.resource in ["leases", "events"])',
        }
    ],
    "rules": [
        {
            "apiGroups": ["*"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["*", "pods/ephemeralcontainers", "pods/resize"],
            "scope": "*",
        }
    ],
}


@weakness("anything-goes", seconds=60)
def test_anything_goes(court, maker):
    "Nothing is refused: no limits, any image, root"
    why = court.admit("lab", maker.plain().spec)
    assert not why, why


@weakness("offenders-run", seconds=120)
def test_offenders_run(kube, facts, allowed):
    "Pods that break the rules run already, beside others that keep them"
    pods = kube.pods()
    for app, (namespace, broken) in _seeded(facts).items():
        mine = [p for p in pods if (p.namespace, p.labels.get("app")) == (namespace, app)]
        assert mine, f"{app} does not run in {namespace} yet"
        statuses = mine[0].raw["status"]["containerStatuses"]
        assert all(status["ready"] for status in statuses), f"{app} is not ready"
        assert wrong(mine[0].raw["spec"], allowed) == broken, f"{app} is another one"


@check(
    "limits",
    points=3,
    seconds=60,
    hint="`kubectl get constrainttemplate requiredlimits -o yaml` shows in `status` what "
    "Gatekeeper thinks of your Rego. Pods have containers and initContainers, and each may have "
    "several. Which keys are below `limits`, and what if one is missing?",
)
def test_limits(court, maker, fresh, enforced, harmed):
    "A container without limits for cpu and memory is refused, with its name; a good one is not"
    found = court.escaped((case, {"namespace": fresh[0]}) for case in maker.without_limits())
    assert not found, told(found)
    assert not harmed, f"what keeps all rules is refused: {told(harmed)}"


@check(
    "registries",
    points=3,
    seconds=60,
    hint="Where does a registry's name end? `docker.io/labctl` is also the beginning of "
    "`docker.io/labctl-evil/x`. And a pod's image can come with an init container.",
)
def test_registries(court, maker, fresh, enforced, harmed):
    "An image from elsewhere is refused, with the container's name; a good one is not"
    found = court.escaped((case, {"namespace": fresh[0]}) for case in maker.from_elsewhere())
    assert not found, told(found)
    assert not harmed, f"what keeps all rules is refused: {told(harmed)}"


@check(
    "root",
    points=3,
    seconds=60,
    hint="There are two places for a securityContext: the pod's and the container's. What does the "
    "container's mean when both say something? And when neither does?",
)
def test_root(court, maker, fresh, enforced, harmed):
    "A container that may be root is refused, with its name; a good one is not"
    found = court.escaped((case, {"namespace": fresh[0]}) for case in maker.as_root())
    assert not found, told(found)
    assert not harmed, f"what keeps all rules is refused: {told(harmed)}"


@check(
    "everywhere",
    points=3,
    seconds=60,
    hint="A constraint's `match` decides what it looks at. List what it leaves out, not what it "
    "covers: namespaces will come that you have never heard of. Only kube-system and "
    "gatekeeper-system are left out, and the webhook itself needs no change.",
)
def test_everywhere(kube, court, maker, fresh, enforced):
    "Every namespace but two is covered, whoever makes the pod and whatever it is called"
    there = kube.list("/api/v1/namespaces")
    lasting = {i["metadata"]["name"] for i in there if "deletionTimestamp" not in i["metadata"]}
    spaces = sorted(lasting - {*EXEMPT})
    trials = [(maker.plain(), {"namespace": space}) for space in spaces]
    trials += [(maker.plain(), {"namespace": fresh[0], "user": user}) for user in _BY_MACHINES]
    # A word of the rules as a label, with every other as its value.
    known = words(kube)
    for value in ["true", *known]:
        how = {"namespace": secrets.choice(fresh), "marks": dict.fromkeys(known, value)}
        trials.append((maker.plain(), how))
    found = court.escaped(trials)
    assert not found, told(found)
    _installed(kube)


@check(
    "changes",
    points=2,
    seconds=60,
    hint="`kubectl debug` adds an ephemeral container to a pod that runs: a third list in the "
    "pod's spec. And a pod's image can be changed while it is there.",
)
def test_changes(kube, maker, enforced):
    "A pod that runs cannot be changed into one that breaks the rules"
    tills = kube.pods("shop", {"app": "till"})
    assert tills, "the pod of `till` in the namespace shop does not run any more"
    at, spec = f"/api/v1/namespaces/shop/pods/{tills[0].name}", tills[0].raw["spec"]
    elsewhere = f"{secrets.token_hex(4)}.example/x/y:1"

    def debug(**changes):
        made = {**maker.container(), **changes}
        del made["resources"]
        body = {"spec": {"ephemeralContainers": [made]}}
        return kube.patch(f"{at}/ephemeralcontainers", body, dry_run=True)

    def update(image):
        containers = [{**spec["containers"][0], "image": image}, *spec["containers"][1:]]
        return kube.patch(at, {"spec": {"containers": containers}}, dry_run=True)

    assert not debug(image=elsewhere).ok, "an ephemeral container may have any image"
    context = {"runAsNonRoot": False, "runAsUser": 0}
    assert not debug(securityContext=context).ok, "an ephemeral container may be root"
    assert not update(elsewhere).ok, "the image of a pod that runs may be changed to any other"
    for what, answer in (("debugged", debug()), ("updated", update(maker.image()))):
        assert answer.ok, f"a good pod cannot be {what} with good things: {answer.message[-200:]}"


@check(
    "audit",
    points=3,
    seconds=60,
    hint="`kubectl get requiredlimits -o yaml` has `status.violations`: Gatekeeper looks at all "
    "that is there, again and again. It reports what a constraint matches. Leave the offenders "
    "alone: their owners have to mend them.",
)
def test_audit(kube, kernel, facts, allowed):
    "The audit reports every pod that broke the rules before there were any, and no other"
    for kind in KINDS:
        assert constraints(kube, kind), f"there is no constraint of the kind {kind}"
    _as_installed(kube, kernel)
    before = _audits(kube)
    seen: dict[str, str] = {}

    def agrees() -> bool:
        """Whether a look at everything that began since then says what is true."""
        now = _audits(kube)
        stale = [name for name, time in now.items() if not time or time == before.get(name)]
        if stale:
            seen["why"] = f"Gatekeeper has not looked again for {stale[0]}"
            return False
        seen["why"] = _differences(_reported(kube), _true(kube, allowed))
        return not seen["why"]

    assert kube.wait(agrees, seconds=30, every=0.5), seen["why"]
    pods = kube.list(_PODS)
    for app, (namespace, _) in _seeded(facts).items():
        mine = [p for p in pods if p["metadata"]["namespace"] == namespace]
        there = any(p["metadata"].get("labels", {}).get("app") == app for p in mine)
        assert there, f"`{app}` in {namespace} is gone; it was to be reported, not removed"


@check(
    "kube-system-unharmed",
    points=1,
    seconds=60,
    hint="The cluster's own pods may keep none of the rules, and they must be able to come back. "
    "`kubectl get constraints` lists all constraints; each has a `match`.",
)
def test_kube_system_unharmed(kube, court, enforced):
    "While the rules hold elsewhere, every pod of kube-system could be made again"
    assert enforced, "not all rules are in force yet, so there is nothing to be spared from"
    found = []
    for namespace in EXEMPT:
        pods = kube.list(f"/api/v1/namespaces/{namespace}/pods")
        assert pods, f"nothing runs in {namespace}"
        for pod in pods:
            phase, name = pod["status"].get("phase"), pod["metadata"]["name"]
            assert phase == "Running", f"{namespace}/{name} does not run: {phase}"
            why = court.create(f"/api/v1/namespaces/{namespace}/pods", copy_of(pod))
            found += [f"{namespace}/{name} could not come back: {why[-160:]}"] if why else []
    assert not found, told(found)


def _seeded(facts) -> dict[str, tuple[str, set[str]]]:
    """The offenders that every session has: where they are, and what they break."""
    limits, registries, root = KINDS
    return {
        facts["greedy"]: ("shop", {limits}),
        facts["borrowed"]: ("payments", {registries}),
        facts["mighty"]: (facts["hidden"], {root}),
        facts["worst"]: (facts["hidden"], {limits, registries, root}),
        "till": ("shop", set()),
        "shelf": ("shop", set()),
        "ledger": ("payments", set()),
    }


def _installed(kube) -> None:
    """The way to Gatekeeper leads through a webhook that covers everything."""
    name = "gatekeeper-validating-webhook-configuration"
    item = kube.get(f"{HOOKS}/{name}")
    assert item, f"the webhook configuration {name} is gone"
    hooks = [h for h in item["webhooks"] if h["name"] == "validation.gatekeeper.sh"]
    assert hooks, f"{name} has no validation.gatekeeper.sh any more"
    changed = [key for key, value in _HOOK.items() if hooks[0].get(key, {}) != value]
    assert not changed, f"Gatekeeper's webhook was changed: {', '.join(changed)}"


def _as_installed(kube, kernel) -> None:
    """Gatekeeper runs as it was installed: what its processes were told, the kernel says."""
    pods = kube.pods("gatekeeper-system")
    assert pods, "Gatekeeper does not run"
    for pod in pods:
        process = kernel.process(pod)
        same = process.exe == "/gatekeeper" and {*process.argv[1:]} == _FLAGS
        assert same, f"{pod.name} is not Gatekeeper as it was installed"


def _audits(kube) -> dict[str, str]:
    """When each constraint was last audited."""
    return {
        f"{kind} {item['metadata']['name']}": item.get("status", {}).get("auditTimestamp", "")
        for kind in KINDS
        for item in constraints(kube, kind)
    }


def _reported(kube) -> dict[str, set[tuple[str, str]]]:
    """The pods that the audit reports, by rule."""
    return {
        kind: {
            (v.get("namespace", ""), v["name"])
            for item in constraints(kube, kind)
            for v in item.get("status", {}).get("violations", ())
            if v["kind"] == "Pod"
        }
        for kind in KINDS
    }


def _true(kube, allowed) -> dict[str, set[tuple[str, str]]]:
    """The pods that break each rule, as the grader sees it."""
    found: dict[str, set[tuple[str, str]]] = {kind: set() for kind in KINDS}
    for pod in kube.list(_PODS):
        meta = pod["metadata"]
        if meta["namespace"] not in EXEMPT:
            for kind in wrong(pod["spec"], allowed):
                found[kind].add((meta["namespace"], meta["name"]))
    return found


def _differences(reported, true) -> str:
    for kind in KINDS:
        for namespace, name in sorted(true[kind] - reported[kind]):
            return f"the audit does not report {namespace}/{name}, which breaks {kind}"
        for namespace, name in sorted(reported[kind] - true[kind]):
            return f"the audit reports {namespace}/{name} for {kind}, which it does not break"
    return ""
