"""Installing an add-on: its files in order, then patience with an end."""

from pathlib import Path

import pytest

from labctl.environment import addons
from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure
from labctl.lab.addons import Addon


class Cluster:
    """A cluster that notes what is applied; its add-on works at the given try."""

    def __init__(self, works_at):
        self.works_at, self.tries, self.applied = works_at, 0, []

    def apply(self, place, machine, manifests):
        self.applied.append(manifests)

    def exec(self, place, machine, argv, *, environment, timeout):
        assert argv == ["sh", "-euc", "try it\n"]
        assert environment["KUBECONFIG"].endswith("admin.conf")
        self.tries += 1
        return ExecResult(int(self.tries < self.works_at), b"", b"no endpoints yet\n")


@pytest.fixture
def guard(tmp_path, monkeypatch):
    monkeypatch.setattr(addons, "images_of", lambda name: ["gate-keeper"])
    monkeypatch.setattr("labctl.environment.wait.time.sleep", lambda seconds: None)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "2.yaml").write_text("image: $image_gate_keeper, $HOME")
    (tmp_path / "manifests" / "1.yaml").write_text("kind: First")
    (tmp_path / "ready").write_text("try it\n")
    return Addon(format=1, about="x", version="v1", seconds=1, folder=Path(tmp_path))


def test_manifests_come_in_order_with_their_images_and_then_it_is_tried(guard):
    cluster = Cluster(works_at=3)
    addons.install(cluster, None, "cluster", guard)
    assert cluster.applied == [
        "kind: First",
        "image: docker.io/labctl/gate-keeper:lab, $HOME",
    ]
    assert cluster.tries == 0
    addons.await_ready(cluster, None, "cluster", guard)
    assert cluster.tries == 3


def test_one_that_never_works_shows_its_last_words(guard, monkeypatch):
    monkeypatch.setattr(
        "labctl.environment.wait.time.monotonic", iter(x / 2 for x in range(99)).__next__
    )
    with pytest.raises(EnvironmentFailure, match="does not work after 1 s in `cluster`") as caught:
        addons.await_ready(Cluster(works_at=99), None, "cluster", guard)
    assert caught.value.details == "no endpoints yet\n"
