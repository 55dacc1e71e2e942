from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.environment.kubeapi import Pod
from labctl.environment.outside import Outage
from labctl.errors import UsageError
from labctl.lab.model import Endpoint, Traffic
from labctl.session import traffic
from labctl.session.traffic import Watcher, question, together, verdict


def pod(name: str, namespace: str, ip: str, app: str) -> Pod:
    return Pod(name, namespace, name, ip, "node", {"app": app}, (f"id-{name}",), {})


class Cluster:
    """The API and the probe of a cluster in which nothing is real. `cut`: pairs of addresses."""

    def __init__(self) -> None:
        self.pods_there = [
            pod("web-1", "front", "10.0.0.1", "web"),
            pod("db-1", "depot", "10.0.0.2", "db"),
        ]
        self.cut: set[tuple[str, str]] = set()
        self.gone: set[str] = set()
        self.dials: list[dict[str, Any]] = []
        self.searched: list[list[str]] = []
        self.closed = False

    def pods(self) -> list[Pod]:
        return self.pods_there

    def request(self, op: str, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
        if op == "find":
            self.searched.append(args["container_ids"])
            return {"found": {c: {"pid": c, "start": 5} for c in args["container_ids"]}}
        assert op == "dial"
        assert timeout <= 0.7
        self.dials.append(args)
        caller = str(args["pid"])
        if caller in self.gone:
            raise Outage("gone")
        pair = (caller, args["address"])
        return {"outcome": "silent" if pair in self.cut else "open"}

    def close(self) -> None:
        self.closed = True


LINES = Traffic(
    cluster="cluster",
    sources=[
        Endpoint(name="web", namespace="front", labels={"app": "web"}),
        Endpoint(name="db", namespace="$hidden", labels={"app": "db"}),
    ],
    targets=[
        Endpoint(name="db", namespace="$hidden", labels={"app": "db"}, port="$db_port"),
        Endpoint(name="outside", machine="internet", port=443),
        Endpoint(name="dns", namespace="front", labels={"app": "web"}, port=53, protocol="dns"),
    ],
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(traffic, "KubeAPI", lambda kubeconfig: cluster)
    return cluster


def session(cluster: Cluster, lines: Traffic | None = LINES) -> Any:
    machine = SimpleNamespace(state="running", pid=7, addresses={"lab": "172.16.0.9"})
    return SimpleNamespace(
        lab=SimpleNamespace(id="a-lab", traffic=lines),
        place=SimpleNamespace(
            facts={"hidden": "depot", "db-port": "5433"}, kubeconfig=lambda machine: machine
        ),
        probe=SimpleNamespace(client=lambda: cluster),
        find=lambda name: machine,
    )


def states(reading: traffic.Reading) -> dict[tuple[str, str], str]:
    return {(a.name, b.name): cell.state for (a, b), cell in reading.cells.items()}


def test_dials_every_pair_with_the_facts_filled_in(cluster: Cluster) -> None:
    cluster.cut.add(("id-web-1", "172.16.0.9"))
    with Watcher(session(cluster)) as watcher:
        reading = watcher.read()
    assert cluster.closed
    assert states(reading) == {
        ("web", "db"): "open",
        ("web", "outside"): "cut",
        ("web", "dns"): "self",
        ("db", "db"): "self",
        ("db", "outside"): "open",
        ("db", "dns"): "open",
    }
    assert [(side.name, side.place, side.port) for side in reading.targets] == [
        ("db", "depot", 5433),
        ("outside", "machine internet", 443),
        ("dns", "front", 53),
    ]
    assert {d["port"] for d in cluster.dials if d["address"] == "10.0.0.2"} == {5433}
    assert [d["net"] for d in cluster.dials if d["port"] == 53] == ["udp"]


def test_what_changed_is_fresh_for_a_while(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(traffic.time, "time", lambda: clock[0])
    with Watcher(session(cluster)) as watcher:
        assert not watcher.read().changes
        cluster.cut.add(("id-web-1", "10.0.0.2"))
        clock[0] += 1
        reading = watcher.read()
        assert [(c.source.name, c.target.name, c.was, c.now) for c in reading.changes] == [
            ("web", "db", "open", "cut")
        ]
        assert [pair for pair, cell in reading.cells.items() if cell.fresh] == [
            (reading.sources[0], reading.targets[0])
        ]
        clock[0] += 10
        later = watcher.read()
        assert not any(cell.fresh for cell in later.cells.values())
        assert len(later.changes) == 1


def test_several_pods_and_pods_that_are_gone(cluster: Cluster) -> None:
    with Watcher(session(cluster)) as watcher:
        cluster.pods_there.append(pod("db-2", "depot", "10.0.0.3", "db"))
        cluster.cut.add(("id-web-1", "10.0.0.3"))
        both = states(watcher.read())
        assert both["web", "db"] == "some"
        assert both["db", "db"] == "open"  # each of the two towards the other
        cluster.gone.add("id-web-1")
        assert states(watcher.read())["web", "db"] == "none"
        del cluster.pods_there[:]
        assert set(states(watcher.read()).values()) == {"none"}
    assert cluster.searched == [["id-db-1", "id-db-2", "id-web-1"]]  # known ones are kept


def test_a_lab_without_traffic(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match="no traffic"):
        Watcher(session(cluster, None))


def test_words() -> None:
    outcomes = ("open", "refused", "reset", "silent", "unreachable")
    assert [verdict(o) for o in outcomes] == ["open", "closed", "closed", "cut", "cut"]
    assert together([]) == "none"
    assert together(["self", "cut"]) == "cut"
    assert together(["none", "open"]) == "open"
    assert together(["open", "closed"]) == "some"


def test_the_question_is_a_dns_query() -> None:
    packet = base64.b64decode(question("db.orders"))
    assert packet[4:6] == b"\x00\x01"
    assert packet[12:] == b"\x02db\x06orders\x00\x00\x01\x00\x01"
