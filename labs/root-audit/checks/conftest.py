"""Which containers may be root, by what the API says; and whether apps work without it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytest

from labctl.environment.kubeapi import Pod

NODE = "cluster"
_ROLLOUT_SECONDS = 40.0
_SERVICE_SECONDS = 4.0
# As in NAMESPACE/NAME.
Place = tuple[str, str]
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
# What a container waits for that does not get better by itself.
_STUCK = {
    *("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"),
    *("RunContainerError", "ErrImagePull", "ErrImageNeverPull", "ImagePullBackOff"),
    "InvalidImageName",
}


def offences(spec: Mapping[str, Any]) -> dict[str, str]:
    """The containers of a pod's spec that may be root, each with the first reason that fits.

    What a container says itself goes before what the pod says. `uid-0`: the user is 0.
    `switched-off`: runAsNonRoot is false. `missing`: it is set nowhere.
    """
    found = {}
    for container in (each for kind in _CONTAINERS for each in spec.get(kind) or ()):
        demanded = _in_effect(spec, container, "runAsNonRoot")
        if _in_effect(spec, container, "runAsUser") == 0:
            found[container["name"]] = "uid-0"
        elif demanded is not True:
            found[container["name"]] = "missing" if demanded is None else "switched-off"
    return found


def _in_effect(spec: Mapping[str, Any], container: Mapping[str, Any], setting: str) -> Any:
    for owner in (container, spec):
        value = (owner.get("securityContext") or {}).get(setting)
        if value is not None:
            return value
    return None


@dataclass(frozen=True)
class Case:
    """A way that an app is made in: who of it may be root and why, and what it does."""

    offender: str = ""
    why: str = ""
    job: str = "stamps"  # or: ledger (keeps lines), opening (reads a secret)
    second: str = ""  # the container behind the Service's second port


# In the order of environment/setup.sh.
CASES = (
    Case("app", "uid-0", job="ledger"),
    Case("app", "uid-0"),
    Case("app", "switched-off"),
    Case("app", "missing"),
    Case("app", "missing"),
    Case("prepare", "uid-0", job="ledger"),
    Case("app", "uid-0", job="opening"),
    Case("log", "uid-0", second="log"),
    Case("helper", "missing", second="helper"),
    Case(second="log"),
    Case(job="ledger", second="helper"),
    Case(),
)


@dataclass(frozen=True)
class App:
    """An app: a Deployment and a Service of that name."""

    namespace: str
    name: str
    case: Case

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def place(self) -> Place:
        return self.namespace, self.name


def apps_of(facts: Mapping[str, str]) -> tuple[App, ...]:
    """The session's apps, as environment/setup.sh made them."""
    names, namespaces = facts["apps"].split(","), facts["namespaces"].split(",")
    in_order = sorted(names)
    return tuple(
        App(namespaces[in_order.index(name) % len(namespaces)], name, case)
        for name, case in zip(names, CASES, strict=True)
    )


class Scene:
    """The cluster at one moment: all but what lives in the cluster's own namespaces."""

    def __init__(self, kube, kernel, probe, facts: Mapping[str, str]) -> None:
        self._kube = kube
        self._kernel = kernel
        self._probe = probe
        self._facts = facts
        self.apps = apps_of(facts)
        self.deployments: dict[Place, dict] = {
            _place(each): each for each in kube.list("/apis/apps/v1/deployments") if _theirs(each)
        }
        self.pods = [
            Pod.of(each)
            for each in kube.list("/api/v1/pods")
            if _theirs(each) and each["status"].get("phase") in ("Pending", "Running")
        ]
        owner = {
            each["metadata"]["uid"]: _owner(each) for each in kube.list("/apis/apps/v1/replicasets")
        }
        uids = {each["metadata"]["uid"]: place for place, each in self.deployments.items()}
        self.own: dict[Place, list[Pod]] = {place: [] for place in self.deployments}
        for pod in self.pods:
            place = uids.get(owner.get(_owner(pod.raw), ""))
            if place:
                self.own[place].append(pod)

    @cached_property
    def roots(self) -> list[tuple[Pod, str]]:
        """The containers with a process that is, or can become, root: the kernel tells."""
        cells = [(pod, name, cid) for pod in self.pods for name, cid in _running(pod)]

        def is_root(cell: tuple[Pod, str, str]) -> bool:
            pod, _, cid = cell
            inside = self._kernel.processes(replace(pod, container_ids=(cid,)))
            return any(0 in process.uids for process in inside)

        with ThreadPoolExecutor(8) as pool:
            verdicts = list(pool.map(is_root, cells))
        return [cell[:2] for cell, root in zip(cells, verdicts, strict=True) if root]

    def own_of(self, app: App) -> list[Pod]:
        """The pods of an app's Deployment."""
        return self.own.get(app.place, [])

    def may_be_root(self, app: App) -> bool:
        """Whether one of its containers may be root, or is."""
        spec = self.deployments[app.place]["spec"]["template"]["spec"]
        mine = {pod.uid for pod in self.own_of(app)}
        return bool(offences(spec)) or any(pod.uid in mine for pod, _ in self.roots)

    def moving(self) -> bool:
        """Whether a rollout is under way, and nothing says that it will not end well."""
        if any("deletionTimestamp" in pod.raw["metadata"] for pod in self.pods):
            return True
        return any(
            _unfinished(each) and not any(_stuck(pod) for pod in self.own[place])
            for place, each in self.deployments.items()
        )

    def broken(self, apps: Iterable[App]) -> str:
        """Why some of these do not do their job for customers of their Service; empty: all do."""
        with ThreadPoolExecutor(8) as pool:
            return "; ".join([why for why in pool.map(self._broken, apps) if why][:3])

    def _broken(self, app: App) -> str:
        deployment = self.deployments.get(app.place)
        if deployment is None:
            return f"there is no Deployment {app} any more"
        if not deployment["spec"].get("replicas"):
            return f"{app} is shut down"
        stuck = [why for pod in self.own_of(app) if (why := _stuck(pod))]
        if stuck:
            return f"a pod of {app} does not run: {stuck[0]}"
        if _unfinished(deployment):
            return f"{app} does not run as its Deployment says"
        # Where a Service leads, and what the node makes of it, follows a moment later.
        until = time.monotonic() + _SERVICE_SECONDS
        while (trouble := self._unserved(app)) and time.monotonic() < until:
            time.sleep(0.3)
        return trouble

    def _unserved(self, app: App) -> str:
        service = self._kube.get(f"/api/v1/namespaces/{app.namespace}/services/{app.name}")
        if service is None:
            return f"there is no Service {app} any more"
        slices = self._kube.list(
            f"/apis/discovery.k8s.io/v1/namespaces/{app.namespace}/endpointslices",
            labelSelector=f"kubernetes.io/service-name={app.name}",
        )
        ends = [end for each in slices for end in each.get("endpoints") or ()]
        addresses = {address for end in ends for address in end["addresses"]}
        if not addresses or addresses - {pod.ip for pod in self.own_of(app)}:
            return f"the Service {app} does not lead to the pods of the Deployment {app}"
        asked = [(80, "app", app.case.job)]
        if app.case.second:
            asked.append((81, app.case.second, "stamps"))
        for port, container, job in asked:
            line = secrets.token_hex(8)
            url = f"http://{service['spec']['clusterIP']}:{port}/?line={line}"
            got = self._probe.http(NODE, url, timeout=1.5)
            said = got.text.splitlines()
            if any(due not in said for due in self._page(app, container, job, line)):
                told = "; ".join(said) or got.outcome
                return f"{app} does not do its job on port {port} of its Service: {told:.200}"
        return ""

    def _page(self, app: App, container: str, job: str, line: str) -> list[str]:
        """What the clerk in a container says about a line, and nobody without its key can."""
        key = f"{self._facts['key']}-{app.name}-{container}"
        digest = hmac.new(key.encode(), line.encode(), hashlib.sha256).hexdigest()
        more = {"ledger": [f"ledger ok {line}"], "opening": [f"read ok {self._facts['opening']}"]}
        return [f"stamp {digest[:16]}", *more.get(job, [])]


def _place(value: Mapping[str, Any]) -> Place:
    return value["metadata"]["namespace"], value["metadata"]["name"]


def _theirs(value: Mapping[str, Any]) -> bool:
    """Whether it is an app's, and not the cluster's own."""
    return not value["metadata"]["namespace"].startswith("kube-")


def _owner(value: Mapping[str, Any]) -> str:
    """The id of the controller that made it."""
    owners = value["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")


def _statuses(pod: Pod) -> list[dict]:
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return [each for kind in kinds for each in pod.raw["status"].get(kind) or ()]


def _running(pod: Pod) -> list[tuple[str, str]]:
    """The containers of a pod that run, sidecars included: name and id."""
    return [
        (each["name"], each["containerID"].rpartition("//")[2])
        for each in _statuses(pod)
        if "running" in each.get("state", {})
    ]


def _stuck(pod: Pod) -> str:
    """Why a pod does not run and will not by itself; empty: nothing says so."""
    for each in _statuses(pod):
        waiting, ended = (
            each.get("state", {}).get(kind) or {} for kind in ("waiting", "terminated")
        )
        if waiting.get("reason") in _STUCK:
            return f"{each['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()
        if ended.get("exitCode"):
            return f"{each['name']} ended with exit status {ended['exitCode']}"
    return ""


def _unfinished(deployment: Mapping[str, Any]) -> bool:
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
    counts = [status.get(f"{kind}eplicas", 0) for kind in ("r", "updatedR", "availableR")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return not seen or counts != [wanted] * 3


@pytest.fixture(scope="session")
def look(kube, kernel, probe, facts):
    """The cluster as it is now: a function."""
    return lambda: Scene(kube, kernel, probe, facts)


@pytest.fixture(scope="session")
def scene(look, kube):
    """The cluster when rollouts that were under way have ended, or will not end well."""
    found = [look()]

    def still() -> bool:
        found.append(look())
        return not found[-1].moving()

    if found[0].moving():
        kube.wait(still, seconds=_ROLLOUT_SECONDS, every=0.5)
    return found[-1]


@pytest.fixture(scope="session")
def truth(facts):
    """The right audit: who may be root in the untouched cluster, and why."""
    return {
        (app.namespace, app.name, app.case.offender): app.case.why
        for app in apps_of(facts)
        if app.case.offender
    }
