"""What all checks of this lab work with: pods with one flaw each, and a court to try them.

The pods are never made: the API server asks all that may refuse them, and forgets them (a dry run).
"""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

GRADER = "labctl-grader"
EXEMPT = ("kube-system", "gatekeeper-system")
CONSTRAINTS = "/apis/constraints.gatekeeper.sh/v1beta1"
TEMPLATES = "/apis/templates.gatekeeper.sh/v1/constrainttemplates"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
# What Gatekeeper's own refusals begin with; one that has no answer says `failed calling`.
_VERDICT = 'admission webhook "validation.gatekeeper.sh" denied the request'
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
Spec = dict[str, Any]
GROUPS = ("containers", "initContainers", "ephemeralContainers")
KINDS = ("RequiredLimits", "AllowedRegistries", "NoRoot")
OURS = "docker.io/labctl"
_LIMITS = {"cpu": "100m", "memory": "32Mi"}
_WORDS = (
    "amber",
    "basil",
    "cedar",
    "clove",
    "fennel",
    "hazel",
    "maple",
    "olive",
    "sorrel",
    "thyme",
)


@dataclass(frozen=True)
class Case:
    """A pod and what is wrong with it: in words, and the containers whose fault it is."""

    what: str
    spec: Spec
    culprits: tuple[str, ...] = ()


def word() -> str:
    """A name that nobody can know."""
    return f"{secrets.choice(_WORDS)}-{secrets.token_hex(3)}"


class Maker:
    """Makes pods for a session; `allowed` are its registries."""

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = allowed

    def image(self) -> str:
        """One that is allowed."""
        return f"{secrets.choice(self.allowed)}/{word()}:{secrets.randbelow(9)}"

    def container(self, **changes: Any) -> Spec:
        """One that keeps all rules, but for the changes."""
        return {
            "name": word(),
            "image": self.image(),
            "resources": {"limits": dict(_LIMITS)},
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10007},
        } | changes

    def spec(self, *containers: Spec, inits: tuple[Spec, ...] = (), **changes: Any) -> Spec:
        """A pod's spec. A good container comes first, so that looking at that one is not enough."""
        first = self.container()
        found: Spec = {"containers": [first, *containers], "automountServiceAccountToken": False}
        if inits:
            found["initContainers"] = [self.container(), *inits]
        return found | changes

    def with_flaw(self, what: str, where: str = "containers", **changes: Any) -> Case:
        """A pod with a container that has a flaw, in one of its groups."""
        bad = self.container(**changes)
        spec = self.spec(bad) if where == "containers" else self.spec(inits=(bad,))
        return Case(what, spec, (bad["name"],))

    def without_limits(self) -> Iterator[Case]:
        """Pods that break the first rule."""
        some = {"cpu": "10m", "memory": "8Mi"}
        yield self.with_flaw("a container without any resources", resources={})
        yield self.with_flaw("a container with requests only", resources={"requests": some})
        for missing in _LIMITS:
            rest = {"limits": {k: v for k, v in _LIMITS.items() if k != missing}}
            yield self.with_flaw(f"a container without a limit for {missing}", resources=rest)
            none = {"limits": {**_LIMITS, missing: "0"}}
            yield self.with_flaw(f"a container whose limit for {missing} is 0", resources=none)
        init = "initContainers"
        yield self.with_flaw("an init container without limits", init, resources={})
        sidecar = {"resources": {}, "restartPolicy": "Always"}
        yield self.with_flaw("a sidecar without limits", init, **sidecar)

    def from_elsewhere(self) -> Iterator[Case]:
        """Pods that break the second rule."""
        registry, _, team = self.allowed[-1].partition("/")
        name, other = f"{word()}:1", word()
        images = {
            "another registry": f"{word()}.example/{team}/{name}",
            "a registry whose name only begins like an allowed one": (
                f"{registry}.{word()}.example/{team}/{name}"
            ),
            "another port of an allowed registry": f"{registry}:8443/{team}/{name}",
            "another team of an allowed registry": f"{registry}/{other}/{name}",
            "a team whose name only begins like that": f"{registry}/{team}-{other}/{name}",
            "an allowed name further on": f"{other}.example/{registry}/{team}/{name}",
            "a neighbour of docker.io/labctl": f"{OURS}-{other}/{name}",
            "Docker's library": f"docker.io/library/{name}",
            "no registry at all": name,
        }
        for what, image in images.items():
            yield self.with_flaw(f"an image from {what} ({image})", image=image)
        far = images["another registry"]
        yield self.with_flaw("an init container from another registry", "initContainers", image=far)

    def as_root(self) -> Iterator[Case]:
        """Pods that break the third rule."""
        unsure = "a container that does not say runAsNonRoot"
        no, yes = {"runAsNonRoot": False}, {"runAsNonRoot": True}
        yield self.with_flaw(unsure, securityContext={})
        yield self.with_flaw("a container of user 0", securityContext={**yes, "runAsUser": 0})
        yield self.with_flaw("a container with runAsNonRoot: false", securityContext=no)
        init = "initContainers"
        yield self.with_flaw("an init container that may be root", init, securityContext={})
        for what, own, pod in (
            ("a container that says runAsNonRoot: false where its pod says true", no, yes),
            (
                "a container of user 0 in a pod of another",
                {"runAsUser": 0},
                {**yes, "runAsUser": 7},
            ),
            ("a pod of user 0", {}, {**yes, "runAsUser": 0}),
        ):
            bad = self.container(securityContext=own)
            yield Case(what, self.spec(bad, securityContext=pod), (bad["name"],))

    def good(self) -> Iterator[Case]:
        """Pods that keep all rules."""
        digest = f"{self.allowed[-1]}/{word()}@sha256:{secrets.token_hex(32)}"
        deep = f"{OURS}/{word()}/{word()}:2"
        yes, no = {"runAsNonRoot": True}, {"runAsNonRoot": False}
        bare = self.container(securityContext={})
        inherits = {"containers": [bare], "initContainers": [self.container(securityContext={})]}
        sidecar = self.container(restartPolicy="Always")
        yield Case("a plain pod", self.spec())
        yield Case(
            "images by digest and in folders",
            self.spec(
                self.container(
                    image=digest,
                ),
                self.container(image=deep),
            ),
        )
        yield Case("init containers and sidecars", self.spec(inits=(self.container(), sidecar)))
        yield Case("a pod that speaks for its containers", {**inherits, "securityContext": yes})
        own = [self.container(securityContext={**yes, "runAsUser": 7})]
        yield Case(
            "containers that say better than their pod",
            {"containers": own, "securityContext": {**no, "runAsUser": 0}},
        )

    def plain(self) -> Case:
        """A pod that breaks every rule, each with another container, in the plainest way."""
        bad = [
            self.container(resources={}),
            self.container(image=f"{word()}.example/{word()}:1"),
            self.container(securityContext={}),
        ]
        names = tuple(container["name"] for container in bad)
        return Case("a pod that breaks every rule", {"containers": bad}, names)


def wrong(spec: Mapping[str, Any], allowed: list[str]) -> set[str]:
    """The rules that a pod breaks, as the grader reads them."""
    found = set()
    for group in GROUPS:
        for container in spec.get(group) or ():
            limits = container.get("resources", {}).get("limits", {})
            if group != "ephemeralContainers" and any(limits.get(k, "0") == "0" for k in _LIMITS):
                found.add(KINDS[0])
            if not container["image"].startswith(tuple(f"{registry}/" for registry in allowed)):
                found.add(KINDS[1])
            context = {
                **(spec.get("securityContext") or {}),
                **(container.get("securityContext") or {}),
            }
            if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
                found.add(KINDS[2])
    return found


def copy_of(pod: Mapping[str, Any]) -> Spec:
    """A pod of the cluster as somebody could make it again, under another name."""
    meta = pod["metadata"]
    kept = {key: meta[key] for key in ("labels", "annotations") if key in meta}
    # A mirror of a file on the node may only be made by that node.
    kept["annotations"] = {
        k: v
        for k, v in kept.get("annotations", {}).items()
        if not k.startswith("kubernetes.io/config")
    }
    return {"metadata": {**kept, "name": word()}, "spec": copy.deepcopy(pod["spec"])}


class Court:
    """Puts pods on trial in namespaces of the cluster."""

    def __init__(self, kube) -> None:
        self._kube = kube

    def admit(
        self, namespace: str, spec: Spec, user: str = "", marks: Mapping[str, str] | None = None
    ) -> str:
        """Why the pod would be refused; empty: it would not. `marks` are labels and annotations."""
        meta = {"name": word(), "labels": marks or {}, "annotations": marks or {}}
        return self.create(
            f"/api/v1/namespaces/{namespace}/pods", {"metadata": meta, "spec": spec}, user
        )

    def create(self, path: str, body: Mapping[str, Any], user: str = "") -> str:
        """Why any object would be refused; empty: it would not."""
        headers = {"Impersonate-User": user} if user else {}
        params = {"dryRun": "All"}
        answer = self._kube.request("POST", path, params=params, json=body, headers=headers)
        return "" if answer.ok else answer.message or "without a word"

    def escaped(self, trials: Iterable[tuple[Case, Mapping[str, Any]]]) -> list[str]:
        """Bad pods that are not refused as they should be: by Gatekeeper, and with a reason.

        A trial is a pod and what `admit` is told besides.
        """
        trials = list(trials)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda t: self.admit(spec=t[0].spec, **t[1]), trials))
        found = []
        for (case, how), why in zip(trials, answers, strict=True):
            where = f"{case.what} in {how['namespace']}"
            if not why:
                found.append(f"{where} is admitted")
            elif _VERDICT not in why:
                found.append(f"{where} is refused, but not by Gatekeeper: {why[:120]}")
            elif unnamed := [name for name in case.culprits if name not in why]:
                found.append(f"{where} is refused, but its container {unnamed[0]} is not told")
        return found


def told(found: list[str]) -> str:
    """The first few of them."""
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


@pytest.fixture(scope="session")
def court(kube):
    return Court(kube)


@pytest.fixture(scope="session")
def allowed(facts):
    """The registries of the rules."""
    return [OURS, f"{facts['registry']}/{facts['team']}"]


@pytest.fixture(scope="session")
def maker(allowed):
    return Maker(allowed)


@pytest.fixture(scope="session")
def fresh(kube):
    """New namespaces, removed at the end: a plain one, and one that looks like the system's own.

    They wear the labels that the rules speak of, in case those open a door.
    """
    names = [f"{secrets.choice(('team', 'trial', 'squad'))}-{word()}", f"kube-{word()}"]
    marks = dict.fromkeys(words(kube), "true")
    mark = secrets.token_hex(4)
    made = []
    try:
        for name, labels in zip(names, ({}, marks), strict=True):
            meta = {"name": name, "annotations": {GRADER: mark}, "labels": labels}
            answer = kube.create("/api/v1/namespaces", {"metadata": meta})
            assert answer.ok, f"the cluster refuses a new namespace: {answer.message}"
            made.append(name)
        for name in names:
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            assert kube.wait(lambda at=account: kube.get(at)), f"{name} does not get its account"
        yield names
    finally:
        for name in made:
            kube.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def enforced(court, maker, fresh, kube):
    """Whether every rule is in force. Gatekeeper takes a moment to take new ones in."""

    def all_refused() -> bool:
        return not court.escaped([(maker.plain(), {"namespace": fresh[0]})])

    return kube.wait(all_refused, seconds=4, every=0.5)


@pytest.fixture(scope="session")
def harmed(court, maker, fresh):
    """Good things that are refused."""
    space = f"namespaces/{fresh[0]}"
    cases = [case for _ in range(2) for case in maker.good()]
    things = [
        (c.what, f"/api/v1/{space}/pods", {"metadata": {"name": word()}, "spec": c.spec})
        for c in cases
    ]
    things += [(what, f"/apis/{path}", body) for what, path, body in _workloads(maker, space)]
    note = {"metadata": {"name": word()}, "data": {"a": "b"}}
    things.append(("a ConfigMap", f"/api/v1/{space}/configmaps", note))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda thing: court.create(*thing[1:]), things))
    return [f"{t[0]}: {why[-160:]}" for t, why in zip(things, answers, strict=True) if why]


def _workloads(maker: Maker, space: str) -> Iterator[tuple[str, str, Spec]]:
    for kind, path in (("Deployment", "deployments"), ("DaemonSet", "daemonsets")):
        labels = {"app": word()}
        template = {"metadata": {"labels": labels}, "spec": maker.spec()}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        yield f"a {kind}", f"apps/v1/{space}/{path}", {"metadata": {"name": word()}, "spec": spec}
    job = {"template": {"spec": maker.spec(restartPolicy="Never")}}
    yield "a Job", f"batch/v1/{space}/jobs", {"metadata": {"name": word()}, "spec": job}
    cron = {"schedule": "1 1 1 1 *", "jobTemplate": {"spec": job}}
    yield "a CronJob", f"batch/v1/{space}/cronjobs", {"metadata": {"name": word()}, "spec": cron}


def words(kube) -> list[str]:
    """What could be a label in the rules: somebody may have left a door that opens by one."""
    found = []
    for template in kube.list(TEMPLATES):
        for source in _strings(template["spec"].get("targets", ())):
            found += re.findall(r'"([^"\n]+)"', source)
            found += re.findall(r"(?:labels|annotations)\.(\w+)", source)
    rules = [item["spec"] for kind in KINDS for item in constraints(kube, kind)]
    hooks = [hook for item in kube.list(HOOKS) for hook in item.get("webhooks", ())]
    found += _strings([rules, hooks])
    return [text for text in dict.fromkeys(found) if _LABEL.fullmatch(text)][:80]


def constraints(kube, kind: str) -> list[dict[str, Any]]:
    """All constraints of a kind."""
    return kube.list(f"{CONSTRAINTS}/{kind.lower()}")


def _strings(value: Any) -> Iterator[str]:
    """Every text in plain data, keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
