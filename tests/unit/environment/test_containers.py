"""Removing containers that the engine has trouble with."""

from __future__ import annotations

from types import SimpleNamespace

import docker.errors
import pytest
import requests

from labctl.environment import containers
from labctl.errors import EnvironmentFailure

STUCK = "Could not kill running container, cannot remove: did not receive an exit event"
NODE = {"Id": "c0ffee", "Image": "sha256:node", "Config": {"Labels": {}}}


class Engine:
    """Refuses to remove a container until something in it was thawed."""

    def __init__(self, cgroup: str, trouble: str = STUCK) -> None:
        self.frozen, self.trouble, self.cgroup = True, trouble, cgroup
        self.ran: list[tuple[str, list[str]]] = []
        self.removed: list[str] = []
        self.api = SimpleNamespace(remove_container=self.remove)
        self.containers = SimpleNamespace(
            get=lambda name: SimpleNamespace(attrs=NODE), run=self.run
        )

    def info(self):
        return {"CgroupVersion": self.cgroup}

    def remove(self, name, *, force, v):
        assert force
        assert v
        if self.frozen:
            refusal = requests.Response()
            refusal.status_code = 500
            raise docker.errors.APIError("trouble", refusal, self.trouble)
        self.removed.append(name)

    def run(self, image, command, **options):
        assert options["remove"]
        self.ran.append((image, command))
        self.frozen = False


def test_what_is_frozen_in_a_killed_node_is_thawed_from_outside():
    engine = Engine("1")
    containers.remove(engine, "node")
    assert engine.removed == ["node"]
    ((image, command),) = engine.ran
    assert image == NODE["Image"]
    assert NODE["Id"] in command[1]


@pytest.mark.parametrize("engine", [Engine("2"), Engine("1", "the disk is on fire")])
def test_other_trouble_is_told_and_nothing_thawed(engine):
    with pytest.raises(EnvironmentFailure):
        containers.remove(engine, "node")
    assert engine.ran == []
