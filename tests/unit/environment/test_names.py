"""A session is told from the names of what it made."""

import pytest

from labctl.environment import docker
from labctl.environment.model import Place, session_of
from labctl.lab.model import DockerMachine, KindMachine, Lab


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("labctl-a--b-c", "a"),
        ("labctl-a-b--c", "a-b"),
        ("labctl-a", ""),
        ("other--cluster", ""),
        ("kind", ""),
    ],
)
def test_session_of(name, session):
    assert session_of(name) == session


def test_containers_know_the_clusters_of_a_network_by_their_names(tmp_path):
    machine = {"about": "x", "networks": ["front", "back"]}
    machines = {
        "cluster": KindMachine(provider="kind", **machine),
        "app": DockerMachine(provider="docker", image="base", **machine),
    }
    lab = Lab.model_construct(machines=machines, networks=["front", "back"])
    place = Place("s", "store", lab, tmp_path, tmp_path, {})
    assert docker._clusters(place, "front") == {"labctl-s--cluster-control-plane": "cluster"}
    assert docker._clusters(place, "back") == {}
