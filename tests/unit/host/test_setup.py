"""What setup would do on various machines; the real tools are cut off."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import EnvironmentFailure, ProcessError
from labctl.host import local, setup
from labctl.host.local import Endpoint
from labctl.host.machine import SYS_RESOURCE, Machine
from labctl.host.setup import Files, Setup
from labctl.progress import Silent

DEBIAN = Machine("linux", ("debian",), root=True)
USER = Machine("linux", ("ubuntu", "debian"))
FEDORA = Machine("linux", ("fedora",), root=True)
MAC = Machine("darwin")
LACKING = Machine(
    "linux", ("debian",), root=True, capabilities=~(1 << SYS_RESOURCE) & (1 << 41) - 1
)


class Tools:
    """Stands in for apt, systemctl and dockerd: records what is run, and starts an engine."""

    def __init__(self, monkeypatch):
        self.ran, self.answers, self.fails, self.installed = [], False, "", set()
        monkeypatch.setattr(setup.process, "run", self.run)
        monkeypatch.setattr(
            setup.machine, "this", lambda: Machine("linux", programs=frozenset(["docker"]))
        )
        monkeypatch.setattr(local, "endpoint", lambda: Endpoint("unix:///nowhere/docker.sock"))
        monkeypatch.setattr(local, "connect", self.connect)

    def connect(self, target):
        if not self.answers:
            raise EnvironmentFailure("No Docker engine answers")
        return object()

    def run(self, argv, **options):
        self.ran.append(" ".join(argv))
        if self.fails and self.fails in self.ran[-1]:
            raise ProcessError(argv, "failed", "")
        self.answers = self.answers or "dockerd" in self.ran[-1] or "start docker" in self.ran[-1]


@pytest.fixture
def tools(monkeypatch):
    return Tools(monkeypatch)


def on(m, tmp_path, *programs):
    """That machine with those programs, its files in a folder of the test."""
    files = Files(
        *(
            tmp_path / name
            for name in ("etc/marker", "etc/daemon.json", "lib/runc-nosysresource", "log")
        )
    )
    return Setup(Machine(**{**vars(m), "programs": frozenset(programs)}), files=files)


@pytest.mark.parametrize(
    ("machine", "programs", "todo"),
    [
        (DEBIAN, [], "install Debian's docker.io and start it"),
        (DEBIAN, ["dockerd"], "start it as it is (labctl did not install it)"),
        (USER, [], "cannot go on: There is no Docker engine here, and installing one takes root"),
        (USER, ["dockerd"], "cannot go on: A Docker engine is installed and does not run"),
        (FEDORA, [], "cannot go on: There is no Docker engine here"),
        (MAC, [], "cannot go on: No Docker engine answers"),
    ],
)
def test_the_plan_for_an_engine_that_does_not_answer(tools, tmp_path, machine, programs, todo):
    assert setup.look_engine(on(machine, tmp_path, *programs)).todo == todo
    assert tools.ran == []


@pytest.mark.parametrize(
    ("machine", "programs", "resolution"),
    [
        (USER, [], "sudo apt-get install docker.io mmdebstrap"),
        (USER, ["dockerd"], "sudo service docker start"),
        (FEDORA, [], "your distribution's packages"),
        (MAC, [], "Docker Desktop"),
    ],
)
def test_where_labctl_may_not_act_it_says_exactly_what_to_do(
    tools, tmp_path, machine, programs, resolution
):
    with pytest.raises(EnvironmentFailure) as caught:
        setup.start_engine(on(machine, tmp_path, *programs), print)
    assert resolution in caught.value.resolution
    assert tools.ran == []


def test_an_engine_that_the_user_chose_is_never_replaced(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "endpoint", lambda: Endpoint("tcp://far:1", chosen=True))
    with pytest.raises(EnvironmentFailure, match="tcp://far:1"):
        setup.start_engine(on(DEBIAN, tmp_path), print)
    assert tools.ran == []


def test_an_engine_of_others_is_started_but_not_configured(tools, tmp_path):
    s = on(LACKING, tmp_path, "dockerd")
    setup.start_engine(s, print)
    assert [line for line in tools.ran if "apt" in line] == []
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_labctl_installs_is_marked_and_started(tools, tmp_path):
    s = on(DEBIAN, tmp_path)
    setup.start_engine(s, print)
    assert "docker.io" in tools.ran[2]
    assert "dockerd" in tools.ran[-1]
    assert s.files.marker.exists()
    assert not s.files.configuration.exists()


def test_the_wrapper_is_configured_only_where_the_capability_is_missing(tools, tmp_path):
    s = on(LACKING, tmp_path)
    setup.start_engine(s, print)
    configuration = json.loads(s.files.configuration.read_text())
    runtime = configuration["runtimes"][configuration["default-runtime"]]["path"]
    assert Path(runtime).stat().st_mode & 0o111
    assert "CAP_SYS_RESOURCE" in Path(runtime).read_text()


def test_a_configuration_that_is_there_is_kept(tools, tmp_path):
    s = on(LACKING, tmp_path)
    s.files.configuration.parent.mkdir()
    s.files.configuration.write_text("{}")
    setup.start_engine(s, print)
    assert s.files.configuration.read_text() == "{}"


def test_a_failed_install_does_not_claim_the_engine(tools, tmp_path):
    tools.fails = "install"
    s = on(DEBIAN, tmp_path)
    with pytest.raises(ProcessError):
        setup.start_engine(s, print)
    assert not s.files.marker.exists()


def test_systemd_starts_what_labctl_installed(tools, tmp_path):
    s = on(Machine("linux", ("debian",), root=True, systemd=True), tmp_path, "dockerd")
    s.files.marker.parent.mkdir()
    s.files.marker.touch()
    setup.start_engine(s, print)
    assert tools.ran == ["systemctl start docker"]


def test_an_engine_that_never_answers_shows_its_log(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "_ENGINE_SECONDS", 0)
    monkeypatch.setattr(setup.process, "run", lambda argv, **options: None)
    s = on(DEBIAN, tmp_path, "dockerd")
    s.files.log.write_text("no space left\n")
    with pytest.raises(EnvironmentFailure) as caught:
        setup.start_engine(s, print)
    assert caught.value.details == "no space left"


def test_images_of_add_ons_are_built_only_when_asked_for(tools, tmp_path, monkeypatch):
    images = [setup.stock.Image("app", "a:1"), setup.stock.Image("gate", "g:1", optional=True)]
    monkeypatch.setattr(setup.stock, "images", lambda client: images)
    tools.answers = True
    s = on(DEBIAN, tmp_path)
    assert setup.look_images(s).todo == "build app"
    assert setup.look_images(replace(s, everything=True)).todo == "build app, gate"
    tools.answers = False  # a dry run before there is an engine
    assert set(setup._missing_images(s)) < set(setup._missing_images(replace(s, everything=True)))


def test_images_of_chosen_labs_are_all_that_is_built(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(setup.build, "missing", lambda client, names: ["base", *sorted(names)])
    tools.answers = True
    s = replace(on(DEBIAN, tmp_path), images=frozenset({"probe"}))
    assert setup.look_images(s).todo == "build base, probe"
    tools.answers = False
    assert setup._missing_images(s) == ["base", "probe"]


def test_only_steps_with_work_to_do_act(monkeypatch):
    acted = []
    steps = (
        setup.Step("done", lambda s: setup.Look("there"), lambda s, r: acted.append("done")),
        setup.Step("todo", lambda s: setup.Look("gone", "make"), lambda s, r: acted.append("todo")),
        setup.Step("silent", lambda s: setup.Look(), lambda s, r: acted.append("silent")),
    )
    monkeypatch.setattr(setup, "STEPS", steps)
    assert [name for name, _ in setup.plan(Setup(DEBIAN))] == ["done", "todo"]
    assert acted == []
    setup.run(Setup(DEBIAN), Silent())
    assert acted == ["todo"]
