"""Removing a session: all of it, or all but the nodes of clusters that are put back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.session import resources

KEPT, GONE, STRANGER = "kept", "gone", "stranger"


class Api:
    """An engine with a machine and a node in a network, which somebody else joined."""

    def __init__(self):
        self.removed, self.networks_removed, self.disconnected = [], [], []

    def containers(self, *, all, filters):
        assert all
        if filters["label"].startswith("labctl.session"):
            return [{"Id": GONE, "Labels": {"labctl.session": "s", "labctl.provider": "docker"}}]
        return [{"Id": KEPT, "Labels": {"io.x-k8s.kind.cluster": "labctl-s--cluster"}}]

    def remove_container(self, name, *, force, v):
        assert force
        assert v
        self.removed.append(name)

    def volumes(self, *, filters):
        return {"Volumes": None}

    def networks(self, *, filters):
        return [{"Id": "n"}]

    def inspect_network(self, network):
        return {"Containers": {KEPT: {}, STRANGER: {}}}

    def disconnect_container_from_network(self, container, network, *, force):
        self.disconnected.append(container)

    def remove_network(self, network):
        self.networks_removed.append(network)


@pytest.fixture
def api():
    return Api()


def test_everything_goes(api):
    resources.remove(SimpleNamespace(api=api), "s")
    assert sorted(api.removed) == [GONE, KEPT]
    assert api.disconnected == [KEPT, STRANGER]
    assert api.networks_removed == ["n"]


def test_what_is_kept_keeps_its_network_and_nobody_else_does(api):
    resources.remove(SimpleNamespace(api=api), "s", [KEPT])
    assert api.removed == [GONE]
    assert api.disconnected == [STRANGER]
    assert api.networks_removed == []
