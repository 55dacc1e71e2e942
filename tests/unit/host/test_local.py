"""Finding the engine, and whether a lab fits."""

import pytest
from docker.errors import DockerException

from labctl.errors import EnvironmentFailure
from labctl.host import local
from labctl.lab.model import DockerMachine, KindMachine


def test_docker_host_wins(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:1")
    assert local.endpoint() == local.Endpoint("tcp://far:1", chosen=True)


def test_a_context_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    with pytest.raises(EnvironmentFailure, match="no usable docker context `nope`"):
        local.endpoint()


@pytest.mark.parametrize(
    ("reason", "message", "resolution"),
    [
        ("Connection refused", "No Docker engine answers at tcp://far:1", "labctl setup"),
        ("Permission denied", "You may not use the Docker engine at tcp://far:1", "usermod"),
    ],
)
def test_an_engine_that_does_not_answer_is_one_clear_error(
    monkeypatch, reason, message, resolution
):
    def fail(target):
        raise DockerException(reason)

    monkeypatch.setattr(local, "_client", fail)
    with pytest.raises(EnvironmentFailure, match=message) as caught:
        local.connect(local.Endpoint("tcp://far:1", chosen=True))
    assert resolution in caught.value.resolution


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionRefusedError(), "No Docker engine answers at unix:///x"),
        (PermissionError(13, "Permission denied"), "You may not use the Docker engine at unix"),
    ],
)
def test_a_socket_that_does_not_answer_is_one_clear_error(monkeypatch, error, message):
    def fail(client):
        raise error

    monkeypatch.setattr(local.DirectClient, "ping", fail)
    with pytest.raises(EnvironmentFailure, match=message):
        local.connect(local.Endpoint("unix:///x"))


@pytest.mark.parametrize(
    ("config", "context"),
    [('{"currentContext": "desktop"}', "desktop"), ("{}", "default"), ("[", "default")],
)
def test_the_current_context_is_read_from_dockers_configuration(
    monkeypatch, tmp_path, config, context
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(config)
    assert local._current_context() == context


def test_memory_is_the_limit_or_an_estimate_for_each_node():
    def kind(**options):
        return KindMachine(provider="kind", about="x", **options)

    def container(**options):
        return DockerMachine(provider="docker", image="i", about="x", **options)

    assert local.memory_of(kind(nodes=3)) == 3 * local.memory_of(kind())
    assert local.memory_of(kind(nodes=2, memory="2g")) == 4096
    assert local.memory_of(container(memory="512m")) == 512
    assert local.memory_of(container(memory="2048k")) == 2


class Lab:
    def __init__(self):
        self.id = "big"
        self.machines = {"m": DockerMachine(provider="docker", image="i", about="x", memory="2g")}


class Host(local.LocalHost):
    def client(self):
        return self

    def info(self):
        return {}


@pytest.mark.parametrize(
    ("memory", "disk", "error"),
    [(1024, 9999, "2048 MiB of memory"), (4096, 100, "disk has 100 MiB")],
)
def test_a_lab_that_does_not_fit_is_refused(monkeypatch, memory, disk, error):
    monkeypatch.setattr(local, "memory_available", lambda info: memory)
    monkeypatch.setattr(local, "disk_free", lambda info: disk)
    with pytest.raises(EnvironmentFailure, match=error):
        Host().check_capacity(Lab())


def test_a_lab_fits_where_the_disk_cannot_be_seen(monkeypatch):
    monkeypatch.setattr(local, "memory_available", lambda info: 4096)
    monkeypatch.setattr(local, "disk_free", lambda info: None)
    Host().check_capacity(Lab())
