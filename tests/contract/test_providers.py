"""The provider protocol: one suite for docker, engine, kind, qemu and the fake."""

from __future__ import annotations

import time

import pytest

from labctl.environment.provider import providers
from labctl.errors import NotFound, WaitTimeout
from tests.fakes import FakeProvider

pytestmark = pytest.mark.engine
KINDS = ["fake", "docker", "engine", "kind", "qemu"]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def provider(kind, client):
    return FakeProvider() if kind == "fake" else providers(client)[kind]


@pytest.fixture(scope="module")
def machine(kind, provider, place):
    """A machine's name; the machine is made once for all tests that only look at it."""
    assert provider.find(place, kind) is None
    provider.create(place, kind)
    yield kind
    provider.remove(place, kind)


def test_a_created_machine_runs_and_has_an_address(provider, place, machine):
    found = provider.find(place, machine)
    assert (found.name, found.provider, found.state) == (machine, machine, "running")
    assert found.pid > 0
    assert found.container
    assert found.addresses["lab"].count(".") == 3


def test_exec_gives_status_and_both_streams(provider, place, machine):
    result = provider.exec(
        place,
        machine,
        ["sh", "-c", "echo out $WORD; echo err >&2; exit 3"],
        environment={"WORD": "word"},
    )
    assert (result.status, result.text, result.stderr) == (3, "out word\n", b"err\n")


def test_exec_feeds_standard_input(provider, place, machine):
    data = bytes(range(256)) * 1000
    assert provider.exec(place, machine, ["sh", "-c", "cat"], stdin=data).stdout == data


def test_exec_has_a_deadline(provider, place, machine):
    began = time.monotonic()
    with pytest.raises(WaitTimeout):
        provider.exec(place, machine, ["sh", "-c", "sleep 60"], timeout=1)
    assert time.monotonic() - began < 10


def test_logs_are_text(provider, place, machine):
    assert provider.logs(place, machine, 5).strip()


def test_what_is_not_there_is_said_so(provider, place):
    with pytest.raises(NotFound):
        provider.exec(place, "absent", ["true"])
    with pytest.raises(NotFound):
        provider.logs(place, "absent", 5)
    provider.remove(place, "absent")


def test_a_stopped_machine_is_seen_as_stopped(provider, place, machine, client):
    found = provider.find(place, machine)
    if machine == "fake":
        provider.set_state(place, machine, "stopped")
    else:
        client.containers.get(found.container).kill()
    assert provider.find(place, machine).state == "stopped"
    with pytest.raises(NotFound):
        provider.exec(place, machine, ["true"])


def test_removed_means_gone_and_a_new_one_is_another(provider, place, machine, client):
    before = provider.find(place, machine)
    provider.remove(place, machine)
    provider.remove(place, machine)
    assert provider.find(place, machine) is None
    own = {"label": [f"labctl.session={place.session}", f"labctl.machine={machine}"]}
    assert client.api.volumes(filters=own)["Volumes"] in (None, [])
    provider.create(place, machine)
    after = provider.find(place, machine)
    assert after.state == "running"
    assert after.container != before.container
