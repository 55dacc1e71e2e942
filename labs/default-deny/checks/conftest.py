"""What all checks of this lab look at: the shop's pods, pods of the grader's own, and dials."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

# The mark on everything that the grader makes in the cluster. No policy can select by annotations.
GRADER = "labctl-grader"
NEWCOMER_PORT = 8080
# Policies drop what they do not allow. An answer of any other kind means that a packet went
# there and one came back.
CUT = ("silent", "unreachable")
# How long a dial waits, in seconds; the second is for a busy computer. Linux says SYN again
# after one second.
_SHORT, _LONG = 0.7, 3.0


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod (or a machine) and what the learner calls it."""

    name: str
    place: object
    ip: str
    port: int = 0


class Network:
    """Tries many connections at once. A dial is (source, target, port), UDP with "udp" after.

    Silence means that a connection is cut only if one that is open answers much sooner. So
    `door`, a dial that everybody may make, is tried among the others; on a computer that is
    too busy for it, the others get more time.
    """

    def __init__(self, probe, door: tuple) -> None:
        self._probe = probe
        self._door = door

    def reached(self, dials: Iterable[tuple]) -> list[tuple]:
        """Those that get through."""
        dials = list(dials)
        through, slowest = self._try(dials, _SHORT)
        if slowest > _SHORT / 3:
            left = [dial for dial in dials if dial not in through]
            through += self._try(left, _LONG)[0]
        return [dial for dial in dials if dial in through]

    def _try(self, dials: list[tuple], timeout: float) -> tuple[list[tuple], float]:
        """Those that get through within `timeout` seconds, and how long the door took at worst."""

        def gets_through(dial: tuple) -> bool:
            source, target, port, *udp = dial
            call = self._probe.udp if udp else self._probe.tcp
            return call(source.place, target.ip, port, timeout=timeout).outcome not in CUT

        def knock() -> float:
            began = time.monotonic()
            return time.monotonic() - began if gets_through(self._door) else timeout

        with ThreadPoolExecutor(64) as pool:
            knocks = [pool.submit(knock)]
            tries = [(dial, pool.submit(gets_through, dial)) for dial in dials]
            knocks.append(pool.submit(knock))
            through = [dial for dial, answer in tries if answer.result()]
            return through, max(each.result() for each in knocks)

    def told(self, dials: list[tuple]) -> str:
        """A few of them in words."""
        words = [f"{a.name} → {b.name}:{'/'.join(map(str, port))}" for a, b, *port in dials[:4]]
        return ", ".join(words) + (f" and {len(dials) - 4} more" if len(dials) > 4 else "")


@dataclass(frozen=True)
class Shop:
    """The pods that every session has, by name. A name can have several pods."""

    ends: Mapping[str, list[End]]

    def __getitem__(self, name: str) -> list[End]:
        return self.ends[name]

    def production(self) -> list[End]:
        """The shop's own pods."""
        return [end for name in PRODUCTION for end in self.ends[name]]


PRODUCTION = ("web", "api", "db", "payments", "parcels")


@pytest.fixture(scope="session")
def stamps(facts):
    """What an order that went all the way carries, by the part that stamps it."""

    def of(order: str) -> dict[str, str]:
        found = {}
        for part, role in (("stock", "db"), ("payment", "payments"), ("parcel", "parcels")):
            digest = hashlib.sha256(f"{facts[role + '-stamp']}:{order}".encode()).digest()
            found[part] = digest[:6].hex()
        return found

    return of


@pytest.fixture(scope="session")
def network(probe, shop):
    front = shop["web"][0]
    return Network(probe, (shop["report"][0], front, front.port))


@pytest.fixture(scope="session")
def shop(kube, facts, kernel, probe, stamps):
    """The pods, each seen to be what its name says: it answers as only the real one can."""
    where = {
        "web": ("storefront", 8080),
        "api": ("orders", 8081),
        "db": ("orders", 5432),
        "payments": ("payments", 8443),
        "parcels": (facts["hidden"], int(facts["parcels-port"])),
        "collector": ("monitoring", 8090),
        "report": ("dev", 8082),
    }
    pods = kube.pods()
    ends = {}
    for name, (namespace, port) in where.items():
        mine = [p for p in pods if p.namespace == namespace and p.labels.get("app") == name]
        assert mine, f"no pod of {name} runs in the namespace {namespace}: nothing may be shut down"
        ends[name] = [End(name, pod, pod.ip, port) for pod in mine]
    found = [end for several in ends.values() for end in several]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda end: kernel.process(end.place), found))
        real = list(pool.map(lambda end: _is_real(end, probe, stamps), found))
    for end, good in zip(found, real, strict=True):
        assert good, f"the pod {end.place.name} listens on {end.port}, but it is not the {end.name}"
    return Shop(ends)


def _is_real(end: End, probe, stamps) -> bool:
    """Asked from inside the pod itself, where no policy stands between."""
    order = secrets.token_hex(6)
    if end.name == "db":
        got = probe.tcp(end.place, "127.0.0.1", end.port, send=f"GET {order}\n".encode())
        return got.received.decode().strip() == stamps(order)["stock"]
    if end.name in ("payments", "parcels"):
        got = probe.http(end.place, f"http://127.0.0.1:{end.port}/?order={order}")
        return got.text.strip() == stamps(order)[end.name.rstrip("s")]
    return probe.tcp(end.place, "127.0.0.1", end.port).open


@pytest.fixture(scope="session")
def internet(probe):
    """A computer outside of the cluster."""
    # 127.0.0.11 is the engine's own name server, seen from any container.
    got = probe.tcp("workstation", "internet", 443, dns="127.0.0.11:53")
    assert got.open, "the machine `internet` does not answer the workstation"
    return End("internet", "internet", got.address, 443)


@dataclass(frozen=True)
class Newcomers:
    """The grader's own pods: one in each production namespace, and one in a new namespace."""

    production: Mapping[str, End]
    visitor: End


@pytest.fixture(scope="session")
def newcomers(kube, facts, kernel):
    """Pods with names and labels that nobody could know, removed at the end.

    Only the visitor wears a label of the shop: anybody who may create pods somewhere can.
    """
    token = secrets.token_hex(3)
    visitors = f"{secrets.choice(('guest', 'trial', 'sandbox'))}-{token}"
    namespaces = ["storefront", "orders", "payments", facts["hidden"]]
    _sweep(kube, older=120)
    space = {"metadata": {"name": visitors, "annotations": {GRADER: token}}}
    made = kube.create("/api/v1/namespaces", space)
    assert made.ok, f"the cluster refuses a new namespace: {made.message}"
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(_create, kube, n, token, {}) for n in namespaces]
            jobs.append(pool.submit(_create, kube, visitors, token, {"app": "api"}))
            for job in jobs:
                job.result()
        wanted = len(namespaces) + 1
        pods = kube.wait(lambda: _running(kube, token, wanted), seconds=20)
        assert pods, "new pods do not start in the production namespaces"
        ends = {
            pod.namespace: End(f"a new pod in {pod.namespace}", pod, pod.ip, NEWCOMER_PORT)
            for pod in pods
        }
        for pod in pods:
            kernel.process(pod)
        time.sleep(0.5)  # they run; give their program and the policies' agent a moment
        visitor = ends.pop(visitors)
        yield Newcomers(ends, End("a pod in another namespace", visitor.place, visitor.ip, 8080))
    finally:
        _sweep(kube, token)


def _create(kube, namespace: str, token: str, labels: Mapping[str, str]) -> None:
    name = f"{secrets.choice(('batch', 'worker', 'agent', 'task'))}-{secrets.token_hex(4)}"
    pod = {
        "metadata": {
            "name": name,
            "labels": {"app": name, **labels},
            "annotations": {GRADER: token},
        },
        "spec": {
            # Should the grader be killed, they end by themselves.
            "activeDeadlineSeconds": 90,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "listen",
                    "image": "docker.io/labctl/probe:lab",
                    "imagePullPolicy": "Never",
                    "args": ["listen", "--tcp", str(NEWCOMER_PORT)],
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "8Mi"},
                        "limits": {"cpu": "1", "memory": "64Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "runAsUser": 10002,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }
    # A namespace that was just made has no service account yet, and refuses pods until then.
    made = kube.wait(
        lambda: (got := kube.create(f"/api/v1/namespaces/{namespace}/pods", pod)).ok and got,
        seconds=5,
        every=0.1,
    )
    assert made, f"the namespace {namespace} takes no new pods"


def _running(kube, token: str, count: int):
    mine = [p for p in kube.pods() if _mark(p.raw["metadata"]) == token]
    pods = [p for p in mine if p.ip and p.container_ids]
    return pods if len(pods) == count else None


def _sweep(kube, token: str | None = None, older: float = 0) -> None:
    """Remove what the grader made: in this run, or (`older`, in seconds) in one that was killed."""

    def left(path: str) -> list:
        found = [item["metadata"] for item in kube.list(path)]
        mine = [m for m in found if _mark(m) and token in (None, _mark(m))]
        return [m for m in mine if "deletionTimestamp" not in m and _age(m) >= older]

    for meta in left("/api/v1/pods"):
        kube.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
    for meta in left("/api/v1/namespaces"):
        kube.delete(f"/api/v1/namespaces/{meta['name']}")


def _mark(meta: Mapping) -> str:
    return meta.get("annotations", {}).get(GRADER, "")


def _age(meta: Mapping) -> float:
    made = datetime.fromisoformat(meta["creationTimestamp"])
    return max(0.0, (datetime.now(UTC) - made).total_seconds())
