"""The clean room: what gets out of a session before it is sealed, and nothing does afterwards.

Stand-ins for the outside: a listener of the host, reached through the gateway of the session's
own network and through that of another network; and the engine's name server.
"""

from __future__ import annotations

import os
import socket
import threading

import pytest

from labctl import host
from labctl.environment.kubeapi import KubeAPI
from labctl.grading import live
from labctl.lab import loader
from labctl.progress import Silent
from labctl.session import lifecycle, removal, room
from labctl.session.store import Store
from labctl.session.traffic import question

pytestmark = pytest.mark.engine


@pytest.fixture
def listener():
    """A service of the host's: on all its addresses."""
    with socket.create_server(("0.0.0.0", 0)) as server:

        def serve():
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def begin(tmp_path):
    """Start labs, with ways out or without; all are removed at the end."""
    store, engine, names = Store(tmp_path), host.find("local"), []

    def start(lab, *, sealed):
        names.append(f"room{os.getpid()}-{lab}"[:24].rstrip("-"))
        found = loader.find(lab)
        return lifecycle.start(
            store, engine, found, Silent(), live.prove, name=names[-1], sealed=sealed
        )

    yield start
    for name in names:
        removal.stop(store, engine, name, Silent())


@pytest.fixture
def another():
    """Another network of the engine's, by name."""
    networks = host.find("local").client().networks
    network = networks.create(f"room{os.getpid()}-another", driver="bridge")
    yield network.name
    network.remove()


class Room:
    """Dials from inside of a session's machines, pods and inner containers."""

    def __init__(self, session, port, another):
        self.session = session
        self.port = port
        self.probe = session.probe.client()
        self.places = {}
        for name, machine in session.lab.machines.items():
            found = session.find(name)
            # A node is the grader's own; what runs in it is the learner's.
            if machine.provider != "kind":
                self.places[name] = {"pid": found.pid, "start": 0}
        self.gateway = self._gateway(session.place.network("lab"))
        self.beyond = self._gateway(another)

    def _gateway(self, network):
        (config,) = self.session.client.networks.get(network).attrs["IPAM"]["Config"]
        return config["Gateway"]

    def inside(self, name, container_id):
        found = self.probe.request("find", container_ids=[container_id])["found"]
        self.places[name] = found[container_id]

    def dial(self, place, address, port, ask=None):
        where = self.places[place]
        return self.probe.request(
            "dial",
            1.5,
            pid=where["pid"],
            start=where["start"],
            net="udp" if ask else "tcp",
            address=address,
            port=port,
            send=question(ask) if ask else "",
            max=512 if ask else 0,
        )["outcome"]

    def ways_out(self):
        """What answers, by place and way: it should be nothing."""
        answered = []
        for place in self.places:
            for what, address in (("gateway", self.gateway), ("beyond", self.beyond)):
                if self.dial(place, address, self.port) == "open":
                    answered.append((place, what))
            if self.dial(place, self.gateway, 53, ask="internet") == "open":
                answered.append((place, "names"))
        return answered


def test_nothing_gets_out_of_a_cluster(begin, listener, another):
    session = begin("default-deny", sealed=False)
    with_ways = Room(session, listener, another)
    pods = KubeAPI(session.place.kubeconfig("cluster")).pods("orders")
    with_ways.inside("pod", pods[0].container_ids[0])
    open_before = with_ways.ways_out()
    assert ("pod", "gateway") in open_before
    assert ("pod", "beyond") in open_before
    assert ("pod", "names") in open_before, "the engine's name server answers pods"
    assert ("workstation", "beyond") in open_before

    room.seal(session)
    assert with_ways.ways_out() == []

    lifecycle.solve(Store(session.place.folder.parents[1]), session, Silent())
    report = live.check(session, lambda text: None)
    assert [r.id for r in report.results if r.outcome != "passed"] == []


def test_nothing_gets_out_of_an_engine_or_its_containers(begin, listener, another):
    session = begin("namespaces", sealed=True)
    where = Room(session, listener, another)
    engine = session.provider("engine")
    listed = engine.exec(session.place, "engine", ["docker", "ps", "-q", "--no-trunc"])
    for number, container in enumerate(listed.text.split()):
        where.inside(f"container{number}", container)
    assert len(where.places) == 3
    assert where.ways_out() == []
    # Whom the engine's own name server asks for what it does not know.
    told = session.client.api.inspect_container(session.place.container("engine"))
    assert told["HostConfig"]["Dns"] == ["127.0.0.1"]
    assert engine.exec(session.place, "engine", ["getent", "hosts", "example.com"]).status != 0
    assert engine.exec(session.place, "engine", ["getent", "hosts", "engine"]).status == 0

    lifecycle.solve(Store(session.place.folder.parents[1]), session, Silent())
    report = live.check(session, lambda text: None)
    assert [r.id for r in report.results if r.outcome != "passed"] == []
