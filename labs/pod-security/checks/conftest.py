"""What all checks of this lab use: the cluster's verdict about a pod, and what pods run as."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

REFUSED = re.compile(r'pods "[^"]+" is forbidden: violates PodSecurity "(\w+):[\w.]+": (.*)', re.S)
ADMITTED = "admitted"
# The one capability that Restricted lets a container have.
HARMLESS = {"CAP_NET_BIND_SERVICE"}
_ROLLOUT = 12.0
CLERK = "docker.io/labctl/clerk:lab"
GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,  # more than Restricted asks for, as a learner may
}
FILTER = {"type": "RuntimeDefault"}


class Gate:
    """Asks the cluster, by dry runs, whether it would admit pods."""

    def __init__(self, kube) -> None:
        self._kube = kube

    def verdict(self, namespace: str, pod: Mapping, account: str = "") -> str:
        """`admitted`, the level that refused the pod, or else what the API said.

        `account`: the service account of kube-system that the pod is made as; by default it is
        made by the administrator.
        """
        name = f"{secrets.choice(('front', 'queue', 'mail', 'sync'))}-{secrets.token_hex(3)}"
        meta = {**pod.get("metadata", {}), "name": name}
        acting = f"system:serviceaccount:kube-system:{account}"
        answer = self._kube.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/pods",
            params={"dryRun": "All"},
            json={**pod, "metadata": meta},
            headers={"Impersonate-User": acting} if account else {},
        )
        return _verdict(answer)

    def joined(self, pod, container: Mapping) -> str:
        """The verdict about an ephemeral container in a pod that runs."""
        answer = self._kube.request(
            "PATCH",
            f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/ephemeralcontainers",
            params={"dryRun": "All"},
            json={"spec": {"ephemeralContainers": [container]}},
            headers={"Content-Type": "application/strategic-merge-patch+json"},
        )
        return _verdict(answer)

    def odd(self, cases: Iterable[tuple], *wanted: str) -> list[str]:
        """The cases whose verdict is another one, in words. A case is what to call it, then what
        `verdict` takes."""
        cases, places = list(cases), defaultdict(list)
        with ThreadPoolExecutor(10) as pool:
            verdicts = list(pool.map(lambda case: self.verdict(*case[1:]), cases))
        for (name, namespace, *_), got in zip(cases, verdicts, strict=True):
            if got not in wanted:
                places[name, got].append(namespace)
        return [f"{name} in {', '.join(where)} ({got})" for (name, got), where in places.items()]


def _verdict(answer) -> str:
    if answer.ok:
        return ADMITTED
    refused = REFUSED.fullmatch(answer.message)
    return refused[1] if refused else answer.message


def told(words: list[str]) -> str:
    """A few of them."""
    return "; ".join(words[:4]) + (f"; and {len(words) - 4} more" if len(words) > 4 else "")


def container(name: str = "main", security: Mapping | None = None, **more) -> dict:
    """A careful container. None takes a setting out."""
    context = _without({**GOOD, **(security or {})})
    return {"name": name, "image": CLERK, "securityContext": context, **more}


def pod(
    *containers: Mapping,
    outer: Mapping | None = None,
    security: Mapping | None = None,
    annotations: Mapping | None = None,
    **spec,
) -> dict:
    """A pod of these containers, by default of one with `security`. `outer` is for the pod."""
    context = _without({"runAsNonRoot": True, "seccompProfile": FILTER, **(outer or {})})
    return {
        "metadata": {"annotations": dict(annotations or {})},
        "spec": {
            "securityContext": context,
            "containers": list(containers) or [container(security=security)],
            **spec,
        },
    }


def _without(settings: Mapping) -> dict:
    return {key: value for key, value in settings.items() if value is not None}


@dataclass(frozen=True)
class Workload:
    """A workload of production, and its pods of the newest generation once all is rolled out.

    `trouble`: why it has none, in words.
    """

    name: str
    namespace: str
    template: Mapping
    pods: tuple
    trouble: str

    def whole(self) -> Workload:
        """Itself; fails when something is amiss."""
        assert not self.trouble, self.trouble
        return self


@pytest.fixture(scope="session")
def gate(kube):
    return Gate(kube)


@pytest.fixture(scope="session")
def production(facts):
    return ("shop", "payments", facts["hidden"])


@pytest.fixture(scope="session")
def workloads(kube, facts):
    """The three, by name. One that was just changed is given the time to roll out."""
    homes = {"till": "shop", "signer": "payments", "parcels": facts["hidden"]}
    until = time.monotonic() + _ROLLOUT
    while True:
        found = {name: _workload(kube, name, home) for name, home in homes.items()}
        if not any(w.trouble for w in found.values()) or time.monotonic() > until:
            return found
        time.sleep(0.5)


def _workload(kube, name: str, namespace: str) -> Workload:
    deployment = kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if deployment is None:
        return Workload(name, namespace, {}, (), f"the Deployment {namespace}/{name} is gone")
    spec, status = deployment["spec"], deployment.get("status", {})
    wanted = spec.get("replicas", 1)
    counts = [status.get(k, 0) for k in ("replicas", "updatedReplicas", "readyReplicas")]
    pods = tuple(kube.pods(namespace, spec["selector"]["matchLabels"]))
    rolled = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    trouble = ""
    if not wanted:
        trouble = f"{name} is shut down: it is to run in {namespace}"
    elif not rolled or counts != [wanted] * 3 or len(pods) < wanted:
        why = [c["message"] for c in status.get("conditions", []) if c["status"] == "False"]
        trouble = f"the Deployment {namespace}/{name} has pods that do not run: {'; '.join(why)}"
    return Workload(name, namespace, spec["template"], pods, trouble)


@dataclass(frozen=True)
class Inside:
    """A container that runs, as the kernel has it."""

    name: str
    process: object
    everyone: tuple  # all processes that live in its mount namespace
    root_options: frozenset


@pytest.fixture(scope="session")
def containers(kernel):
    """A function: the containers of a pod that run, of every kind."""

    def of(pod) -> list[Inside]:
        status, found = pod.raw.get("status", {}), []
        for kind in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for one in status.get(kind, []):
                if "running" in one.get("state", {}):
                    where = replace(pod, container_ids=(one["containerID"].rpartition("//")[2],))
                    found.append(_inside(kernel, f"{one['name']} of {pod.name}", where))
        return found

    return of


def _inside(kernel, name: str, where) -> Inside:
    first = kernel.process(where)
    mine = [p for p in kernel.processes(where) if p.ns.mnt == first.ns.mnt]
    roots = [m for m in kernel.mounts(first) if m.place == "/"]
    return Inside(name, first, (first, *mine), frozenset(roots[-1].options))


@pytest.fixture(scope="session")
def sins(kernel, containers):
    """A function: what of a running pod is more than Restricted gives, in words."""

    def of(pod) -> list[str]:
        node = kernel.process("cluster").ns
        found = []
        for one in containers(pod):
            if words := ", ".join(_too_much(one, node)):
                found.append(f"{one.name} {words}")
        spec = pod.raw["spec"]
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            found.append(f"{pod.name} has files of the node mounted")
        all_of_it = [*spec["containers"], *spec.get("initContainers", [])]
        ports = [port for one in all_of_it for port in one.get("ports", [])]
        if any(port.get("hostPort") for port in ports):
            found.append(f"{pod.name} has a port of the node")
        return found

    return of


def _too_much(one: Inside, node) -> Iterable[str]:
    if any(0 in p.uids for p in one.everyone):
        yield "runs as root"
    held = {c for p in one.everyone for c in p.bounding | p.capabilities} - HARMLESS
    if held:
        yield f"has {len(held)} capabilities, {sorted(held)[0]} among them"
    if not all(p.no_new_privs for p in one.everyone):
        yield "may gain privileges"
    if not all(p.seccomp == 2 for p in one.everyone):
        yield "has no seccomp filter"
    for kind in ("pid", "net", "ipc", "uts"):
        if getattr(one.process.ns, kind) == getattr(node, kind):
            yield f"shares the node's {kind} namespace"


def stamp(key: str, line: str) -> str:
    digest = hmac.new(key.encode(), line.encode(), hashlib.sha256).digest()
    return f"stamp {digest[:8].hex()}\n"


@pytest.fixture(scope="session")
def page(probe):
    """A function: what the clerk in a pod answers; fails unless it is the one with that key."""

    def of(pod, key: str, port: int = 8080, keeps: bool = False) -> str:
        line = secrets.token_hex(8)
        got = probe.http(pod, f"http://127.0.0.1:{port}/?line={line}")
        assert stamp(key, line) in got.text, (
            f"{pod.namespace}/{pod.name} does not answer on port {port} as it should: "
            f"{got.text.strip() or got.outcome}"
        )
        assert got.ok, f"{pod.namespace}/{pod.name} cannot do its work: {got.text.strip()}"
        assert not keeps or f"ledger ok {line}\n" in got.text, (
            f"{pod.namespace}/{pod.name} keeps no ledger any more"
        )
        return got.text

    return of
