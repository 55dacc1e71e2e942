"""What all checks of this lab look at: the shop's pods, and pods of the grader's own."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from labctl.grading import newcomers as grading_newcomers
from labctl.grading.dials import End, Network


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


@pytest.fixture(scope="session")
def newcomers(kube, facts, kernel):
    """One in each production namespace, and a visitor that wears the label of the api."""
    namespaces = ["storefront", "orders", "payments", facts["hidden"]]
    with grading_newcomers.newcomers(kube, kernel, namespaces, "api") as found:
        yield found
