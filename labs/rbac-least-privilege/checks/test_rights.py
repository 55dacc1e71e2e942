"""Who may do what: subjects, verbs, resources and namespaces, told by the API itself."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor

from conftest import RBAC, READ, WRITE, Deed, Who, common, deeds, rights, told, uncommon

from labctl.grading import check, weakness

# As in GROUP/RESOURCE; "/pods" is in the API's core.
READABLE = (
    *("/pods", "/pods/log", "/services", "/configmaps", "/events", "/endpoints"),
    *("/persistentvolumeclaims", "apps/deployments", "apps/replicasets", "apps/statefulsets"),
    *("apps/daemonsets", "batch/jobs", "batch/cronjobs", "networking.k8s.io/ingresses"),
)
CHANGEABLE = (
    *("/pods", "/services", "/configmaps", "/secrets", "/serviceaccounts", "/events"),
    *("/persistentvolumeclaims", "/resourcequotas", "/limitranges", "/pods/ephemeralcontainers"),
    *("/endpoints", "/namespaces", "apps/deployments", "apps/deployments/scale"),
    *("apps/replicasets", "apps/statefulsets", "apps/daemonsets", "batch/jobs", "batch/cronjobs"),
    *("networking.k8s.io/ingresses", "networking.k8s.io/networkpolicies"),
    *("policy/poddisruptionbudgets", "autoscaling/horizontalpodautoscalers"),
    *(f"{RBAC}/roles", f"{RBAC}/rolebindings", "coordination.k8s.io/leases"),
)
# To reach into a pod is no reading, whatever its verb is called.
REACHING = (
    *("/pods/exec", "/pods/attach", "/pods/portforward", "/pods/proxy", "/services/proxy"),
    *("/pods/eviction", "/pods/binding", "/serviceaccounts/token"),
)
BUILDING = (
    *("/pods", "/services", "/configmaps", "/secrets", "apps/deployments", "apps/statefulsets"),
    *("batch/jobs", "batch/cronjobs", "networking.k8s.io/ingresses"),
)
# Each of these leads to all the others.
_POWERS = (
    *deeds(("impersonate",), ("/users", "/groups", "authentication.k8s.io/uids")),
    Deed("impersonate", "/users", object="kubernetes-admin"),
    Deed("impersonate", "/groups", object="system:masters"),
    Deed("impersonate", "/groups", object="kubeadm:cluster-admins"),
    *deeds(("bind", "escalate", "create", "update", "patch"), (f"{RBAC}/clusterroles",)),
    *(Deed("bind", f"{RBAC}/clusterroles", object=name) for name in ("cluster-admin", "admin")),
    *deeds(("create", "update", "patch"), (f"{RBAC}/clusterrolebindings",)),
    *deeds(("get", "create", "update"), ("/nodes/proxy", "/nodes/log", "/nodes/status")),
    *deeds(("create",), ("authentication.k8s.io/tokenreviews", "/nodes", "/namespaces")),
    *deeds(("create", "update"), ("certificates.k8s.io/certificatesigningrequests",)),
    *deeds(("update",), ("certificates.k8s.io/certificatesigningrequests/approval",)),
    *deeds(
        ("create", "update", "patch"),
        tuple(
            f"admissionregistration.k8s.io/{kind}"
            for kind in (
                *("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
                *("validatingadmissionpolicies", "mutatingadmissionpolicies"),
            )
        ),
    ),
    *deeds(
        ("create", "update", "patch"),
        ("apiregistration.k8s.io/apiservices", "apiextensions.k8s.io/customresourcedefinitions"),
    ),
    *deeds(("get", "list"), ("/nodes", "/namespaces", "/secrets", "/persistentvolumes", "*/*")),
    Deed("*", "*/*"),
    *(Deed("get", "/" + path) for path in ("/metrics", "/logs/", "/debug/pprof/", "/configz")),
)


def _stamp(key: str, line: str) -> str:
    digest = hmac.new(key.encode(), line.encode(), hashlib.sha256).digest()
    return f"stamp {digest[:8].hex()}"


def _page(probe, pod, key: str) -> str:
    """What the clerk in a pod says, and only the real one can."""
    line = secrets.token_hex(8)
    text = probe.http(pod, f"http://127.0.0.1:8080/?line={line}").text
    assert _stamp(key, line) in text, f"the program in {pod.namespace}/{pod.name} is another one"
    return text


@weakness("developers-may-all", seconds=60)
def test_developers_may_all(access, developers):
    "Developers may do anything, anywhere"
    missing = access.denied(developers, [Deed("*", "*/*"), Deed("get", "/secrets", "kube-system")])
    assert not missing, told(missing)


@weakness("view-shows-secrets", seconds=60)
def test_view_shows_secrets(kube):
    "The role `view` shows secrets, because somebody has added to it"
    view = kube.get(f"/apis/{RBAC}/v1/clusterroles/view")
    assert any("secrets" in rule.get("resources", ()) for rule in view["rules"]), (
        "the roles are not aggregated yet"
    )


@weakness("programs-work", seconds=90)
def test_programs_work(clerks, probe, facts):
    "catalog and runner work"
    catalog = _page(probe, clerks["catalog"], facts["catalog-key"])
    assert f"tea {facts['tea-price']}" in catalog, catalog
    assert _runs(_page(probe, clerks["runner"], facts["runner-key"])), "runner may not"


@check(
    "production-read-only",
    points=3,
    seconds=60,
    hint="`kubectl auth can-i --list -n NAMESPACE --as=... --as-group=...` shows all that somebody "
    "may do there. Are you sure that you know all production namespaces? And `exec` is no "
    "reading, though the API has a `get` for it.",
)
def test_production_read_only(access, developers, production):
    "In production no developer can change anything, or reach into a pod"
    doing = [
        *deeds(WRITE, CHANGEABLE, production),
        *deeds(("get", "create"), REACHING, production),
        *deeds(("impersonate",), ("/serviceaccounts",), production),
        *deeds(("bind", "escalate"), (f"{RBAC}/roles",), production),
    ]
    found = access.allowed(developers, doing)
    assert not found, f"{len(found)} deeds too many in production: {told(found)}"


@check(
    "no-production-secrets",
    points=3,
    seconds=60,
    hint="The role `view` holds no secrets when a cluster is new. Look at its label "
    "`aggregationRule`: it is put together of others. And `list` or `watch` alone show all "
    "that is inside.",
)
def test_no_production_secrets(access, kube, developers, production):
    "No developer, and no program in dev, can read a secret of production"
    doing = deeds(READ, ("/secrets", "*/*"), production)
    for namespace in production:
        names = [
            s["metadata"]["name"] for s in kube.list(f"/api/v1/namespaces/{namespace}/secrets")
        ]
        doing += [Deed("get", "/secrets", namespace, name) for name in names]
    people = [*developers, *(Who.program("dev", name) for name in _accounts(kube, "dev"))]
    found = access.allowed(people, doing)
    assert not found, f"secrets are in sight: {told(found)}"


@check(
    "production-readable",
    points=2,
    seconds=60,
    hint="A RoleBinding may name a ClusterRole: then its rights end at the namespace of the "
    "binding. There are three production namespaces, so there are three bindings.",
)
def test_production_readable(access, developers, stranger, production, nowhere):
    "Developers read all of production; other people do not, and no other namespace is open"
    missing = access.denied(developers, deeds(READ, READABLE, production))
    assert not missing, f"developers cannot read what they need: {told(missing)}"
    elsewhere = (nowhere, "tools", "default", "kube-system")
    found = access.allowed(developers, deeds(("get", "list"), READABLE, elsewhere))
    assert not found, f"developers read more than production and dev: {told(found)}"
    found = access.allowed([stranger], deeds(("get", "list"), READABLE, (*production, "dev")))
    assert not found, f"this is not for everybody: {told(found)}"


@check(
    "dev-edit",
    points=2,
    seconds=60,
    hint="Kubernetes comes with `view`, `edit` and `admin`. `kubectl describe clusterrole` tells "
    "what sets them apart. Who may write RoleBindings gives rights away. And see whether "
    "somebody has added to those roles here, too.",
)
def test_dev_edit(access, developers):
    "In dev developers build, look into their pods, and hand out no rights"
    needed = [
        *deeds((*READ, *WRITE), BUILDING, ("dev",)),
        *deeds(("get", "list"), ("/pods/log", "/events"), ("dev",)),
        *deeds(("create",), ("/pods/exec", "/pods/portforward", "/pods/attach"), ("dev",)),
        *deeds(("get", "update", "patch"), ("apps/deployments/scale",), ("dev",)),
    ]
    missing = access.denied(developers, [d for d in needed if d.verb != "deletecollection"])
    assert not missing, f"developers cannot work in dev: {told(missing)}"
    handing = [
        *deeds(WRITE, (f"{RBAC}/roles", f"{RBAC}/rolebindings"), ("dev",)),
        *deeds(("bind", "escalate"), (f"{RBAC}/roles", f"{RBAC}/clusterroles"), ("dev",)),
        *deeds(("update", "patch", "delete"), ("/namespaces",), ("dev",)),
        *deeds(WRITE, ("/resourcequotas", "/limitranges"), ("dev",)),
        *deeds(("*",), ("*/*",), ("dev",)),
    ]
    found = access.allowed(developers, handing)
    assert not found, f"that is more than to edit: {told(found)}"


@check(
    "no-escalation",
    points=3,
    seconds=60,
    hint="Some rights give all the others: to act as somebody else (impersonate), to give away "
    "rights that one lacks (bind, escalate), to talk to a node past the API (nodes/proxy). "
    "Look for bindings of a single user, and for those of all who have logged in.",
)
def test_no_escalation(access, developers, stranger):
    "Nobody but administrators holds a power that leads to all others"
    nobody = Who("somebody who has not logged in", "system:anonymous", ("system:unauthenticated",))
    found = access.allowed([*developers, stranger, nobody], _POWERS)
    assert not found, f"these lead to everything: {told(found)}"


@check(
    "nothing-else",
    points=2,
    seconds=60,
    hint="`kubectl get rolebindings,clusterrolebindings -A -o wide` lists who is bound to what, "
    "in every namespace, also in those that you would never look into. A rule for one object "
    "(resourceNames) is a rule, too.",
)
def test_nothing_else(access, kube, developers, production, nowhere):
    "In all other namespaces, and in the cluster as a whole, developers have no right at all"
    there = [item["metadata"]["name"] for item in kube.list("/api/v1/namespaces")]
    others = sorted({*there, nowhere} - {*production, "dev"})
    asked = [(who, namespace) for who in developers for namespace in others]
    with ThreadPoolExecutor(8) as pool:
        rules = list(pool.map(lambda cell: uncommon(access.rules(*cell)), asked))
    found = [
        f"{who.name} in {'any namespace' if namespace == nowhere else namespace}: {more[0]}"
        for (who, namespace), more in zip(asked, rules, strict=True)
        if more
    ]
    assert not found, f"left over: {'; '.join(found[:4])}"


@check(
    "dev-programs",
    points=2,
    seconds=60,
    hint="Who may start a pod in dev may give it any service account of dev, so developers can do "
    "all that those can. Look at who is bound to service accounts there: by name, by "
    "`default`, and by the groups that all of them are in. What does runner really do?",
)
def test_dev_programs(access, kube, clerks, probe, facts, production, nowhere):
    "runner works in dev, and no service account of dev can do anything outside of it"
    page = _page(probe, clerks["runner"], facts["runner-key"])
    assert _runs(page), f"runner cannot restart what is in dev: {' '.join(page.split()[2:])}"
    outside = [*production, "tools", "default", "kube-system", nowhere]
    # One that developers make tomorrow counts as well.
    accounts = [*_accounts(kube, "dev"), f"new-{secrets.token_hex(2)}"]
    found = _beyond(access, {("dev", name): outside for name in accounts})
    assert not found, f"rights outside of dev: {'; '.join(found[:3])}"
    programs = [Who.program("dev", name) for name in accounts]
    doing = [
        *deeds(("create", "update", "patch"), (f"{RBAC}/roles", f"{RBAC}/rolebindings"), ("dev",)),
        *deeds(("bind", "escalate"), (f"{RBAC}/roles", f"{RBAC}/clusterroles"), ("dev",)),
        Deed("*", "*/*", "dev"),
    ]
    found_rights = access.allowed(programs, doing)
    assert not found_rights, f"programs in dev hand out rights: {told(found_rights)}"


@check(
    "catalog-works",
    points=2,
    seconds=60,
    hint="`kubectl -n shop exec deploy/catalog -- /clerk ask GET "
    "/api/v1/namespaces/shop/configmaps/prices` shows whether catalog gets what it needs. Where "
    "did it get that from until now? A Role of its own, for one object, is enough.",
)
def test_catalog_works(access, kube, clerks, probe, facts, production, nowhere):
    "catalog still reads its prices, and no program of production has a right beyond what it needs"
    page = _page(probe, clerks["catalog"], facts["catalog-key"])
    assert f"tea {facts['tea-price']}\n" in page, (
        f"catalog cannot read its prices: {' '.join(page.split()[2:])}"
    )
    places = [*production, "dev", "tools", "kube-system", nowhere]
    accounts = [(ns, name) for ns in (*production, "tools") for name in _accounts(kube, ns)]
    mine = dict.fromkeys(accounts, places)
    mine["shop", "catalog"] = [place for place in places if place != "shop"]
    found = _beyond(access, mine)
    assert not found, f"nobody needs these: {'; '.join(found[:3])}"
    rules = access.rules(Who.program("shop", "catalog"), "shop")["resourceRules"]
    more = [
        rights(rule)
        for rule in rules
        if not common({"resourceRules": [rule], "nonResourceRules": []})
        and not (rule["resources"] == ["configmaps"] and set(rule["verbs"]) <= set(READ))
    ]
    assert not more, f"catalog needs one ConfigMap, and has: {more[0]}"


@check(
    "system-unharmed",
    points=1,
    seconds=60,
    hint="Leave alone whatever begins with `system:` or `kubeadm:`, or carries the label "
    "kubernetes.io/bootstrapping: the cluster itself lives on those. Developers have no "
    "business in kube-system, though.",
)
def test_system_unharmed(access, kube, probe, clerks, developers):
    "The cluster's own accounts can work, administrators administrate, developers stay out"
    admin = Who.person("kubernetes-admin", "kubeadm:cluster-admins")
    needed = [
        *((admin, deed) for deed in (Deed("*", "*/*"), Deed("get", "/" + "/metrics"))),
        *((_system("kube-scheduler"), deed) for deed in _scheduling()),
        *((_controller("replicaset"), deed) for deed in deeds(("create", "delete"), ("/pods",))),
        *((_controller("deployment"), deed) for deed in deeds(("create",), ("apps/replicasets",))),
        *((Who.program("kube-system", "coredns"), deed) for deed in _naming()),
    ]
    missing = [cell for cell in needed if not access.may(*cell)]
    assert not missing, f"the cluster's own accounts lack rights: {told(missing)}"
    name = "kubernetes.default.svc.cluster.local"
    got = probe.tcp(clerks["catalog"], name, 443, dns=kube.dns, timeout=5)
    assert got.open, f"names are not looked up any more: {got.outcome}"
    inside = deeds(
        (*READ, "create", "patch"), ("/pods", "/secrets", "/configmaps"), ("kube-system",)
    )
    found = access.allowed(developers, inside)
    assert not found, f"developers get into kube-system: {told(found)}"


def _system(name: str) -> Who:
    return Who.person(f"system:{name}")


def _controller(name: str) -> Who:
    return Who.program("kube-system", f"{name}-controller")


def _scheduling():
    return [*deeds(("list", "watch"), ("/pods", "/nodes")), Deed("create", "/pods/binding")]


def _naming():
    return deeds(("list", "watch"), ("/services", "/namespaces", "discovery.k8s.io/endpointslices"))


def _runs(page: str) -> bool:
    lines = page.splitlines()
    deployments = "/apis/apps/v1/namespaces/dev/deployments"
    return f"GET {deployments} 200" in lines and (
        f"PATCH {deployments}/playground?dryRun=All 200" in lines
    )


def _accounts(kube, namespace: str) -> list[str]:
    found = kube.list(f"/api/v1/namespaces/{namespace}/serviceaccounts")
    return sorted({"default", *(item["metadata"]["name"] for item in found)})


def _beyond(access, asked: dict[tuple[str, str], list[str]]) -> list[str]:
    """The rights that service accounts have in those namespaces, in words."""
    cells = [(account, place) for account, places in asked.items() for place in places]
    with ThreadPoolExecutor(8) as pool:
        rules = list(pool.map(lambda c: uncommon(access.rules(Who.program(*c[0]), c[1])), cells))
    return [
        f"{'/'.join(account)} in {place}: {more[0]}"
        for (account, place), more in zip(cells, rules, strict=True)
        if more
    ]
