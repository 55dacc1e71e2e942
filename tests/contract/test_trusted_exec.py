"""The probe against machines whose root has done everything to fool or to stop it."""

from __future__ import annotations

import base64
import os
import threading
import time
from contextlib import contextmanager

import pytest

from labctl.environment.images import build
from labctl.environment.model import Place
from labctl.environment.outside import Outage
from labctl.environment.probe import Probe
from labctl.environment.wait import until
from labctl.errors import EnvironmentFailure
from labctl.grading import backend
from labctl.grading.evidence import Connectivity, Kernel, Targets
from labctl.lab.model import Lab

pytestmark = pytest.mark.engine

# What a learner's root leaves in the place of a program.
FAKE = r"printf '#!/bin/bash\necho forged\n' > /fake; chmod +x /fake"


@pytest.fixture(scope="module")
def images(client):
    return build.ensure(client, ["base", "probe"], lambda text: None)


@pytest.fixture(scope="module")
def probe(client, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trusted")
    machine = {"provider": "docker", "image": "base", "about": "x"}
    lab = Lab.model_validate(
        {
            "format": 1,
            "title": "t",
            "track": "isolation",
            "minutes": 1,
            "objectives": ["o"],
            "machines": {"box": machine},
            "shell": "box",
        }
    )
    place = Place(f"trusted-{os.getpid()}", "s", lab, folder, folder, {}, images)
    probe = Probe(client, place)
    probe.create()
    yield probe
    probe.remove()


@pytest.fixture(scope="module")
def asking(probe):
    with probe.client() as asking:
        yield asking


class Box:
    """A machine that a test wrecks, and the three ways to look at it."""

    def __init__(self, container, asking):
        self.container = container
        container.reload()
        state = {
            "container": container.id,
            "pid": container.attrs["State"]["Pid"],
            "state": container.status,
        }
        self.targets = Targets(asking, {"box": state}, "box")
        self.kernel = Kernel(self.targets)
        self.probe = Connectivity(self.targets)
        self.host = backend.connect("box", self.targets)

    def wreck(self, script):
        done = self.container.exec_run(["bash", "-c", script])
        assert done.exit_code == 0, done.output

    def sh(self, script, timeout=10.0, **more):
        done = self.targets.ask("exec", "box", timeout, argv=["sh", "-c", script], **more)
        done["stdout"] = base64.b64decode(done["stdout"] or b"")
        return done


@pytest.fixture
def box(client, images, asking):
    with started(client, images["base"]) as container:
        yield Box(container, asking)


@pytest.fixture
def privileged(client, images, asking):
    with started(client, images["base"], privileged=True) as container:
        yield Box(container, asking)


@contextmanager
def started(client, image, command=("sleep", "1000"), **options):
    container = client.containers.run(image, list(command), detach=True, init=True, **options)
    try:
        yield container
    finally:
        container.remove(force=True)


def test_runs_commands_in_the_machine(box):
    assert box.host.check_output("hostname") == box.container.id[:12]
    assert box.host.file("/etc/passwd").contains("root")
    assert box.host.run("cat %s", "/no such").rc == 1


def test_plays_no_part_replaced_programs(box):
    box.wreck(
        FAKE + "; for p in sh cat stat ls ps; do cp /fake /bin/$p; cp /fake /usr/local/bin/$p; done"
    )
    assert box.host.check_output("cat /etc/passwd").startswith("root:")
    assert box.host.check_output("stat -c %a /etc/shadow") == "640"
    assert "forged" not in box.host.check_output("ps; ls /")
    assert box.host.check_output("PATH=/usr/local/bin cat /etc/hostname") != "forged"


def test_plays_no_part_preloaded_library(box):
    box.wreck("head -c 4096 /dev/urandom > /evil.so; echo /evil.so > /etc/ld.so.preload")
    done = box.host.run("cat /etc/ld.so.preload")
    assert (done.rc, done.stdout, done.stderr) == (0, "/evil.so\n", "")


def test_plays_no_part_mount_over_proc(privileged):
    privileged.wreck("echo forged > /f; mount --bind /f /proc/1/comm; mount --bind /f /proc/uptime")
    assert privileged.host.check_output("cat /proc/1/comm") == "docker-init"
    assert "forged" not in privileged.host.check_output("cat /proc/uptime")
    privileged.wreck("mount --bind /etc /proc/1")
    assert privileged.host.check_output("cat /proc/1/comm") == "docker-init"


def test_reads_the_kernels_own_files_below_what_covers_them(privileged):
    kernel = privileged.kernel
    argv = kernel.read("box", "/proc/1/cmdline")
    assert b"docker-init" in argv
    privileged.wreck(
        "echo forged > /f; mkdir /d; for file in 1/cmdline partitions 1/net/dev sys/kernel/ostype;"
        "do mount --bind /f /proc/$file; done; mount --bind /d /proc/1/ns"
    )
    assert kernel.read("box", "/proc/1/cmdline") == argv
    assert kernel.read("box", "/proc/sys/kernel/ostype") == b"Linux\n"
    assert b"forged" not in kernel.read("box", "//proc/./partitions")
    assert b"lo:" in kernel.read("box", "/proc/1/net/dev")
    assert "pid" in kernel.list("box", "/proc/1/ns")
    assert kernel.read("box", "/proc/1/none") is None
    privileged.wreck("mkdir -p /p/1; echo > /p/1/cmdline; mount --bind /p /proc")
    with pytest.raises(Outage, match="its /proc is not the kernel's"):
        kernel.read("box", "/proc/1/cmdline")


def test_reads_the_kernels_own_files_in_a_plain_container(box):
    assert box.kernel.read("box", "/proc/sys/kernel/ostype") == b"Linux\n"
    assert b"docker-init" in box.kernel.read("box", "/proc/1/cmdline")
    with pytest.raises(Outage, match="link"):
        box.kernel.read("box", "/proc/1/exe")
    with pytest.raises(Outage, match="link"):
        box.kernel.read("box", "/proc/1/root/etc/passwd")


@pytest.mark.parametrize(
    ("wreck", "told"),
    [
        ("mkdir -p /p/1; mount --bind /p /proc", "not the kernel's"),
        ("umount -l /proc; rmdir /proc; ln -s /tmp /proc", "not the kernel's"),
        ("umount -l /proc; rmdir /proc", "not there"),
        ("unshare -pf sh -c 'mount -t proc proc /proc'", "no first process"),
        ("unshare -pf sleep 1000 & sleep 0.3; mount --bind /proc/1 /proc", "not the kernel's"),
        ("mount -o remount,hidepid=2 /proc", "hide things"),
    ],
)
def test_notices_a_proc_that_is_not_the_machines_own(privileged, wreck, told):
    privileged.wreck(wreck)
    with pytest.raises(Outage, match=f"`box`: its /proc .*{told}"):
        privileged.host.run("true")


def test_plays_no_part_mount_over_the_root(privileged):
    privileged.wreck(
        "mkdir -p /n/etc /n/proc; echo forged > /n/etc/passwd;"
        "mount --make-rshared /; mount --bind /n /"
    )
    assert privileged.host.check_output("cat /etc/passwd").startswith("root:")
    assert privileged.kernel.read("box", "/etc/passwd").startswith(b"root:")


def test_leaves_nothing_mounted_in_the_machine(privileged):
    privileged.wreck("mount --make-rshared /")
    before = privileged.kernel.mounts("box")
    privileged.host.check_output("true")
    assert privileged.kernel.mounts("box") == before


def everything(probe, asking):
    """All processes of the host."""
    return asking.request("ps", pid=probe.find().pid)["processes"]


@contextmanager
def command(box, probe, seconds):
    """A command that runs in the box meanwhile, as the host sees it."""
    line = f"sleep {seconds}; true"
    thread = threading.Thread(target=box.sh, args=(line,))
    thread.start()

    def found():
        running = everything(probe, box.targets.client)
        return next((p for p in running if p["argv"] == ["sh", "-c", line]), None)

    yield until("the command", found, seconds=3)
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_has_no_more_rights_than_the_machine(box, probe):
    with command(box, probe, 1.44) as asked:
        assert asked["cap_eff"]
        assert not asked["cap_eff"] & ~box.kernel.process("box").cap_bnd


def test_commands_cannot_be_seen_by_the_machine(privileged, probe):
    with command(privileged, probe, 2.44) as asked:
        assert asked["namespaces"]["net"] == privileged.kernel.process("box").ns.net
        assert "2.44" not in privileged.container.exec_run(["ps", "-ef"]).output.decode()
        assert "2.44" not in privileged.host.check_output("ps")


def test_tools_are_the_graders_own(privileged):
    privileged.wreck(FAKE + "; mkdir -p /driver; cp /fake /driver/b; mount --bind /fake /bin/ls")
    assert privileged.host.check_output("ls /proc/driver") == "b\nbusybox"
    assert privileged.host.check_output("echo /etc/hostname | xargs stat -c %F") == "regular file"
    with pytest.raises(AssertionError):
        privileged.host.check_output("touch /proc/driver/mine")


def test_reads_files_without_following_links(box):
    box.wreck(
        "ln -s /etc/passwd /link; ln -s /etc /folder;"
        "mkfifo /fifo; mkdir /dir; truncate -s 1G /large"
    )
    for path in ("/link", "/folder/passwd", "/fifo", "/dir", "/large", "/dev/zero"):
        with pytest.raises(Outage, match=path):
            box.kernel.read("box", path)
    assert box.kernel.read("box", "/no/such") is None
    assert box.kernel.stat("box", "/link").target == "/etc/passwd"
    assert "passwd" in box.kernel.list("box", "/etc")


def test_command_that_hangs_is_ended_in_time(box):
    box.wreck("mkfifo /fifo")
    began = time.monotonic()
    done = box.sh("cat /fifo & cat /fifo", timeout=1)
    assert done["timed_out"]
    assert time.monotonic() - began < 3
    assert [p.comm for p in box.kernel.processes("box")] == ["docker-init", "sleep"]


def test_command_that_floods_is_cut(box):
    began = time.monotonic()
    done = box.sh("head -c 1000000000 /dev/zero", max_output=1000)
    assert done["truncated"]
    assert len(done["stdout"]) == 1000
    assert time.monotonic() - began < 5
    with pytest.raises(Outage, match="more than"):
        box.host.run("cat /dev/zero")


def test_machine_without_process_ids_is_still_asked(client, images, asking):
    bomb = ["bash", "-c", "while true; do sleep 1000 & done 2>/dev/null; sleep 1000"]
    with started(client, images["base"], bomb, pids_limit=20) as container:
        box = Box(container, asking)
        until("refused forks", lambda: box.kernel.cgroup("box").pids_failures, seconds=10)
        assert box.host.check_output("echo here") == "here"
        assert box.kernel.cgroup("box").own.pids_max == 20


def test_cgroup_values(client, images, asking):
    limits = {"mem_limit": "64m", "nano_cpus": 500_000_000}
    with started(client, images["base"], **limits) as container:
        cgroup = Box(container, asking).kernel.cgroup("box")
        assert cgroup.own.memory_max == cgroup.effective.memory_max == 64 << 20
        assert cgroup.effective.cpus == 0.5
        assert cgroup.own.pids_max is None
        assert cgroup.oom_kills == 0


def test_paused_machine(box):
    box.host.run("true")
    box.container.pause()
    began = time.monotonic()
    with pytest.raises(Outage, match="paused"):
        box.host.run("true")
    assert time.monotonic() - began < 1
    box.container.unpause()
    assert box.host.run("true").rc == 0


def test_machine_that_was_restarted(box):
    box.host.run("true")
    box.container.restart(timeout=0)
    with pytest.raises(Outage, match="gone"):
        box.host.run("true")
    with pytest.raises(Outage, match="gone"):
        box.kernel.processes("box")


def test_processes_are_seen_from_outside(box):
    box.wreck("cp /bin/sleep /tmp/nginx; setsid /tmp/nginx 1000 >/dev/null 2>&1 &")
    forged = until("the look-alike", lambda: box.kernel.find("box", comm="nginx"), seconds=10)
    assert forged.exe == "/tmp/nginx"
    first = box.kernel.process("box")
    assert forged.ns == first.ns
    assert first.ns.pid != box.kernel.host().ns.pid
    assert "CAP_CHOWN" in first.capabilities
    assert first.nspid[-1] == 1


def test_connections(client, images, box):
    listen = ["listen", "--tcp", "8080", "--udp", "9000"]
    with started(client, images["probe"], listen, environment={"TOKEN": "t0ken"}) as server:
        server.reload()
        address = server.attrs["NetworkSettings"]["IPAddress"]
        probe = box.probe
        until("the server", lambda: probe.tcp("box", address, 8080).open, seconds=10)
        assert probe.tcp("box", address, 8080, send=b"hi\n").received == b"t0ken hi\n"
        assert probe.udp("box", address, 9000, send=b"hi").received == b"t0ken hi"
        assert probe.udp("box", address, 9001).outcome == "refused"
        assert probe.tcp("box", address, 8081).outcome == "refused"
        assert probe.http("box", f"http://{address}:8080/").text == "t0ken\n"
        assert probe.tcp("box", "name.invalid", 80, dns=f"{address}:53").outcome == "no-name"
        held = probe.hold("box", address, 8080)
        assert held.alive()
        outside = Box(server, box.targets.client)
        holder = outside.kernel.listener("box", 8080)
        assert holder.exe == "/probe"
        assert outside.kernel.listener("box", 9000, "udp") == holder
        server.pause()
        assert not held.alive(timeout=0.3)
        assert probe.tcp("box", address, 8080, timeout=0.3, send=b"hi\n").outcome == "silent"
        server.unpause()


def test_unreachable_network(client, images, asking):
    with started(client, images["base"], network_mode="none") as container:
        box = Box(container, asking)
        assert box.probe.tcp("box", "192.0.2.1", 80).outcome == "unreachable"


def test_command_ends_with_the_client(box, probe):
    asking = probe.client()
    args = {"pid": box.targets.of("box").pid, "argv": ["sleep", "333"]}

    def runs():
        running = everything(probe, box.targets.client)
        return any(p["argv"] == ["sleep", "333"] for p in running)

    def ask():
        with pytest.raises(EnvironmentFailure):
            asking.request("exec", 60, **args)

    thread = threading.Thread(target=ask)
    thread.start()
    until("the command", runs, seconds=10)
    asking.close()
    thread.join(timeout=5)
    until("its end", lambda: not runs(), seconds=10)


def test_many_questions_at_once(box):
    def ask():
        assert box.host.check_output("echo here") == "here"

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


# The last one: it takes the probe away from under the others.
def test_probe_container_that_ends_is_noticed_and_made_anew(client, probe, box):
    args = {"pid": box.targets.of("box").pid, "argv": ["sleep", "333"]}
    with probe.client() as asking:
        container = client.containers.get(probe.container)
        threading.Timer(0.5, container.remove, kwargs={"force": True}).start()
        with pytest.raises(EnvironmentFailure, match="stopped answering"):
            asking.request("exec", 60, **args)
    with probe.client() as asking:
        assert asking.request("host")["boot_id"]
