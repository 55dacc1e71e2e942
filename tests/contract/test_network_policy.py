"""Three nodes: NetworkPolicy both ways, blocks, named ports, connections in use; the audit log."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import pytest

from labctl.environment.kind import KindProvider
from labctl.environment.kind_config import AUDIT_LOG
from labctl.environment.kubeapi import KubeAPI
from labctl.environment.probe import Probe
from labctl.grading.evidence import Connectivity, Targets

pytestmark = [pytest.mark.engine, pytest.mark.kind]
SECONDS = 2.0  # how soon a policy has to count
NODES = ("control-plane", "worker", "worker2")
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"


def pod(name: str, node: str) -> dict[str, object]:
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "probe",
                    "image": "docker.io/labctl/probe:lab",
                    "imagePullPolicy": "Never",
                    "args": ["listen", "--tcp", "8080", "8081", "--udp", "5353"],
                    "ports": [{"name": "web", "containerPort": 8080}],
                }
            ],
        },
    }


class Cluster:
    """Three pods, one a node, and what connects them."""

    def __init__(self, api: KubeAPI, probe: Connectivity) -> None:
        self.api, self.probe = api, probe
        self.pods = {p.name: p for p in api.pods("default")}

    def reaches(self, a: str, b: str, port: int = 8080, udp: bool = False) -> bool:
        call = self.probe.udp if udp else self.probe.tcp
        return call(self.pods[a], self.pods[b].ip, port, timeout=0.5).outcome == "open"

    def apply(self, name: str, spec: dict[str, object]) -> None:
        answer = self.api.create(POLICIES, {"metadata": {"name": name}, "spec": spec})
        assert answer.ok, answer.message

    def soon(self, holds) -> bool:
        """Whether it holds before the time for a change is over."""
        until = time.monotonic() + SECONDS
        while not (yes := holds()) and time.monotonic() < until:
            time.sleep(0.05)
        return yes


@pytest.fixture(scope="module")
def cluster(client, three_nodes):
    provider = KindProvider(client)
    provider.create(three_nodes, "cluster")
    api = KubeAPI(three_nodes.kubeconfig("cluster"))
    prefix = three_nodes.container("cluster")
    assert api.wait(lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default"))
    for name, node in zip("abc", NODES, strict=True):
        assert api.create("/api/v1/namespaces/default/pods", pod(name, f"{prefix}-{node}")).ok

    def running():
        pods = api.pods("default")
        return len(pods) == 3 and all(p.ip and p.container_ids for p in pods)

    assert api.wait(running, seconds=60)
    probe = Probe(client, three_nodes)
    probe.create()
    found = provider.find(three_nodes, "cluster")
    with probe.client() as asking:
        targets = Targets(asking, {"cluster": asdict(found)}, "cluster", "cluster")
        yield Cluster(api, Connectivity(targets))


@pytest.fixture
def clean(cluster):
    """No policy at the start, none left behind, and everything open in between."""
    pairs = [(a, b) for a in "abc" for b in "abc" if a != b]
    assert cluster.soon(lambda: all(cluster.reaches(a, b) for a, b in pairs))
    yield cluster
    cluster.api.delete(POLICIES)
    assert cluster.soon(lambda: all(cluster.reaches(a, b) for a, b in pairs))


def test_ingress_is_denied_and_a_named_port_is_allowed(clean):
    b = {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}
    clean.apply("deny", b)
    assert clean.soon(lambda: not clean.reaches("a", "b") and not clean.reaches("c", "b"))
    assert clean.reaches("b", "a")
    rule = {
        "from": [{"podSelector": {"matchLabels": {"app": "a"}}}],
        "ports": [{"port": "web", "protocol": "TCP"}],
    }
    clean.apply("allow", {**b, "ingress": [rule]})
    assert clean.soon(lambda: clean.reaches("a", "b"))
    assert not clean.reaches("a", "b", port=8081)
    assert not clean.reaches("c", "b")


def test_egress_is_denied_but_for_a_block(clean):
    a = {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Egress"]}
    clean.apply("deny", a)
    assert clean.soon(lambda: not clean.reaches("a", "b") and not clean.reaches("a", "c"))
    assert clean.reaches("b", "a"), "answers to others are not egress of its own"
    block = {"ipBlock": {"cidr": f"{clean.pods['c'].ip}/32"}}
    clean.apply("allow", {**a, "egress": [{"to": [block]}]})
    assert clean.soon(lambda: clean.reaches("a", "c"))
    assert clean.reaches("a", "c", port=5353, udp=True)
    assert not clean.reaches("a", "b")


def test_a_connection_in_use_is_cut(clean):
    held = clean.probe.hold(clean.pods["a"], clean.pods["c"].ip, 8080)
    assert held.open
    assert held.alive()
    clean.apply("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    assert clean.soon(lambda: not held.alive(timeout=0.5))
    held.close()


def test_the_audit_log_tells_who_asked_for_what_and_not_what_was_in_it(
    cluster, client, three_nodes
):
    secret = {"metadata": {"name": "bank"}, "stringData": {"password": "heron-and-wren"}}
    headers = {"Impersonate-User": "ada"}
    path = "/api/v1/namespaces/default/secrets"
    assert cluster.api.create(path, secret).ok
    assert cluster.api.request("GET", f"{path}/bank", headers=headers).status == 403

    def entries():
        text = KindProvider(client).exec(three_nodes, "cluster", ["cat", AUDIT_LOG]).text
        assert "heron-and-wren" not in text
        return [json.loads(line) for line in text.splitlines()]

    def told():
        return {
            (entry.get("impersonatedUser", entry["user"])["username"], entry["verb"], code)
            for entry in entries()
            if entry.get("objectRef", {}).get("name") == "bank"
            for code in (entry["responseStatus"]["code"],)
        }

    assert cluster.soon(
        lambda: {("ada", "get", 403), ("kubernetes-admin", "create", 201)} <= told()
    )
