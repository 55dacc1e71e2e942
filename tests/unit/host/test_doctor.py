"""The doctor: right states for faked machines, and never a crash."""

import time

import pytest

from labctl.errors import EnvironmentFailure
from labctl.host import doctor, local, probes
from labctl.host.machine import SYS_RESOURCE, Machine
from labctl.host.probes import Finding, Scene

ALL = (1 << 41) - 1
INFO = {
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "NCPU": 2,
    "DefaultRuntime": "runc",
    "Architecture": "x86_64",
}


class Engine:
    """As much of a client as the probes ask."""

    def __init__(self, version="20.10.24+dfsg1", **info):
        self.api = self
        self._version, self._info = version, INFO | info

    def version(self):
        return {"Version": self._version}

    def info(self):
        return self._info


@pytest.fixture
def scene(monkeypatch, tmp_path):
    """Makes a scene of a machine and an engine on the same kernel; `None`: no engine answers."""
    monkeypatch.setattr(local, "shares_kernel", lambda info: True)
    monkeypatch.setattr(local, "endpoint", lambda: local.Endpoint("unix:///x"))

    def make(engine, **machine):
        def connect(target):
            if engine is None:
                raise EnvironmentFailure("No engine", resolution="labctl setup")
            return engine

        monkeypatch.setattr(local, "connect", connect)
        made = Scene(Machine("linux", **machine))
        made.proc = tmp_path
        return made

    return make


def only(findings):
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("version", "state"),
    [("19.03.1", "missing"), ("20.10.24+dfsg1", "ok"), ("28.0.0", "ok"), ("1.13.1", "missing")],
)
def test_engine_version(scene, version, state):
    assert only(probes.engine(scene(Engine(version)))).state == state


@pytest.mark.parametrize(
    ("capabilities", "runtime", "state"),
    [
        (ALL, "runc", "ok"),
        (ALL & ~(1 << SYS_RESOURCE), "runc", "missing"),
        (ALL & ~(1 << SYS_RESOURCE), "labctl-runc", "ok"),
        (ALL & ~(1 << 21), "runc", "missing"),
    ],
)
def test_capabilities(scene, capabilities, runtime, state):
    engine = Engine(DefaultRuntime=runtime)
    assert only(probes.capabilities(scene(engine, capabilities=capabilities))).state == state


def test_limits_that_the_engine_cannot_set_are_named(scene):
    assert only(probes.cgroups(scene(Engine()))).state == "ok"
    finding = only(probes.cgroups(scene(Engine(MemoryLimit=False))))
    assert (finding.state, "no memory" in finding.found) == ("missing", True)


def test_inotify_limits_come_with_the_command_that_raises_them(scene, tmp_path):
    folder = tmp_path / "sys" / "fs" / "inotify"
    folder.mkdir(parents=True)
    (folder / "max_user_instances").write_text("128\n")
    (folder / "max_user_watches").write_text("999999\n")
    finding = only(probes.inotify(scene(Engine())))
    assert (finding.state, finding.fix) == ("warn", "sudo sysctl fs.inotify.max_user_instances=512")


@pytest.mark.parametrize(("free", "state"), [(500, "missing"), (2000, "warn"), (9000, "ok")])
def test_memory(scene, monkeypatch, free, state):
    monkeypatch.setattr(local, "memory_available", lambda info: free)
    assert only(probes.memory(scene(Engine()))).state == state


def test_a_proxy_that_only_the_shell_has_is_told(scene, monkeypatch):
    monkeypatch.setattr(probes.base, "proxies", lambda: {"HTTPS_PROXY": "x", "no_proxy": "y"})
    assert only(probes.proxies(scene(Engine()))).state == "warn"
    assert only(probes.proxies(scene(Engine(HttpsProxy="x")))).state == "ok"


def test_no_engine_is_told_once_and_the_machine_is_still_examined(scene, monkeypatch):
    monkeypatch.setattr(
        doctor, "OTHERS", {"cgroups": probes.cgroups, "docker command": probes.client_program}
    )
    found = {f.name: f.state for f in doctor.examine(scene(None))}
    assert found == {"engine": "missing", "docker command": "missing"}


def test_probes_that_crash_or_hang_are_findings(scene, monkeypatch):
    def crash(scene):
        raise ZeroDivisionError

    def hang(scene):
        time.sleep(5)

    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.1)
    good = [Finding("good", "ok", "", "")]
    others = {"crash": crash, "hang": hang, "good": lambda scene: good}
    monkeypatch.setattr(doctor, "OTHERS", others)
    found = {f.name: f.state for f in doctor.examine(scene(Engine()))}
    assert found == {"engine": "ok", "crash": "warn", "hang": "warn", "good": "ok"}
