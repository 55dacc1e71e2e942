"""What a virtual machine's container is asked for, without an engine."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.environment import docker as plain
from labctl.environment.model import ExecResult, Place
from labctl.environment.qemu import QemuProvider
from labctl.errors import WaitTimeout
from labctl.host.local import memory_of
from labctl.lab.model import DockerMachine, QemuMachine, mebibytes


def machine(**settings):
    return QemuMachine.model_validate({"provider": "qemu", "about": "x", **settings})


class Silent(QemuProvider):
    """One whose container notes what it is asked to run."""

    def __init__(self):
        super().__init__(None)
        self.started, self.options = "", {}

    def logs(self, place, machine, lines):
        return "no disk\n"


@pytest.fixture
def provider(monkeypatch):
    made = Silent()

    def start(provider, place, name, image, spec, options):
        made.started, made.options = image, options

    monkeypatch.setattr(plain, "start", start)
    monkeypatch.setattr(
        "labctl.environment.containers.run", lambda *a, **k: ExecResult(0, b"", b"")
    )
    return made


def place(tmp_path, spec):
    lab = SimpleNamespace(id="lab", machines={"vm": spec}, networks=["lab"])
    images = {spec.image: "labctl/guest:1"}
    return Place("s", "store", lab, tmp_path, tmp_path, {}, images)


def test_the_container_has_no_rights_and_room_for_qemu_itself(provider, tmp_path):
    provider.create(place(tmp_path, machine(memory="64m", ports=[22, 80], cpus=1.5)), "vm")
    assert provider.started == "labctl/guest:1"
    command = " ".join(provider.options["command"])
    assert command == "run -memory 64 -cpus 2 -network -port 22 -port 80"
    assert provider.options["cap_drop"] == ["ALL"]
    assert provider.options["read_only"]
    assert provider.options["mem_limit"] == provider.options["memswap_limit"] == "256m"


def test_without_a_network_there_is_no_card(provider, tmp_path):
    provider.create(place(tmp_path, machine(networks=[])), "vm")
    assert "-network" not in provider.options["command"]


class Volumes:
    """An engine that notes which volumes it is to make."""

    def __init__(self):
        self.made = {}
        self.volumes = self

    def create(self, name, labels):
        self.made[name] = labels


@pytest.mark.parametrize("operated", [True, False])
def test_an_operator_shares_the_sockets_of_all_guests_and_nothing_without_one(
    provider, tmp_path, operated
):
    provider.client = Volumes()
    spec = machine()
    where = place(tmp_path, spec)
    where.lab.machines["operator"] = DockerMachine.model_validate(
        {"provider": "docker", "image": "operator", "about": "x", "operator": operated}
    )
    provider.create(where, "vm")
    name = "labctl-s--vol-control"
    assert provider.options["volumes"] == ([f"{name}:/control"] if operated else [])
    assert list(provider.client.made) == ([name] if operated else [])
    if operated:
        assert provider.client.made[name]["labctl.session"] == "s"


def test_one_that_does_not_start_shows_its_console(provider, tmp_path, monkeypatch):
    def never(*args, **more):
        raise WaitTimeout("in vain")

    monkeypatch.setattr("labctl.environment.containers.run", never)
    with pytest.raises(WaitTimeout, match="for `vm` to start") as caught:
        provider.create(place(tmp_path, machine()), "vm")
    assert caught.value.details == "no disk\n"


def test_commands_go_to_the_guest_and_a_terminal_to_its_console(provider):
    assert provider.command(["uname", "-r"], stdin=False) == ["vmm", "exec", "--", "uname", "-r"]
    assert provider.command(["cat"], stdin=True) == ["vmm", "exec", "-stdin", "--", "cat"]
    assert provider.shell() == ["vmm", "console"]


def test_memory_counts_with_what_qemu_takes():
    assert memory_of(machine()) == 128 + 192
    assert [mebibytes(m) for m in ("1k", "128m", "2g")] == [1, 128, 2048]
