"""A virtual machine: its kernel, its console, its network, and what holds it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from labctl.environment import containers, wait
from labctl.environment.docker import DockerProvider
from labctl.environment.qemu import QemuProvider
from labctl.errors import UsageError

pytestmark = pytest.mark.engine
NAME = "qemu"
LEAVE = b"\x1d"
MARKS = re.compile(rb"\x1b\[[?0-9;]*[a-zA-Z]")  # what a terminal is told about colours and the like


@pytest.fixture(scope="module")
def vm(place, client):
    provider = QemuProvider(client)
    provider.create(place, NAME)
    try:
        yield provider
    finally:
        provider.remove(place, NAME)


class Terminal:
    """`docker exec -it`, and whoever types there."""

    def __init__(self, container, argv, rows=24, columns=80):
        self.keys, inside = pty.openpty()
        self.size(rows, columns)
        self.process = subprocess.Popen(
            ["docker", "exec", "-it", container, *argv],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inside)
        self.seen = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.keys, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.keys, keys)

    def until(self, what, seconds=20):
        """Read until something is there, by a pattern; what was read."""
        end = time.monotonic() + seconds
        while not (found := re.search(what, self.seen)):
            assert time.monotonic() < end, f"{what!r} did not come: {self.seen!r}"
            if select.select([self.keys], [], [], 0.1)[0]:
                try:
                    self.seen = MARKS.sub(b"", self.seen + os.read(self.keys, 4096))
                except OSError:  # the other side is gone
                    assert re.search(what, self.seen), f"the end before {what!r}: {self.seen!r}"
        self.seen = self.seen[found.end() :]
        return found

    def leave(self):
        self.type(LEAVE)
        return self.process.wait(10)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.keys)


@pytest.fixture
def terminal(vm, place):
    opened = []

    def make(**size):
        container = vm.find(place, NAME).container
        opened.append(Terminal(container, vm.shell(), **size))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_it_has_a_kernel_and_a_memory_of_its_own(vm, place):
    own = "/proc/sys/kernel/random/boot_id"
    inside = vm.exec(place, NAME, ["cat", own]).text
    beside = containers.run(vm.client, vm.find(place, NAME).container, ["cat", own]).text
    assert inside
    assert inside != beside
    release = vm.exec(place, NAME, ["uname", "-r"]).text.strip()
    assert release == vm.release(place, NAME)
    memory = vm.exec(place, NAME, ["sh", "-c", "grep MemTotal /proc/meminfo"]).text
    assert 80 << 10 < int(memory.split()[1]) <= 128 << 10


def test_qemu_is_an_ordinary_user_with_no_rights(vm, place):
    script = (
        "for p in /proc/[0-9]*; do grep -q '^Name:.qemu-system' $p/status && cat $p/status; done"
    )
    container = vm.find(place, NAME).container
    status = containers.run(vm.client, container, ["sh", "-c", script]).text
    held = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert held["Name"].startswith("qemu-system")
    assert held["Uid"].split() == ["990"] * 4
    assert int(held["CapEff"], 16) == int(held["CapBnd"], 16) == 0
    assert held["NoNewPrivs"] == "1"
    assert held["Seccomp"] == "2"
    told = vm.client.api.inspect_container(container)["HostConfig"]
    assert not told["Privileged"]
    assert not told["Devices"]
    assert told["ReadonlyRootfs"]


def test_the_console_is_a_shell_that_shows_what_was_there_before(terminal):
    first = terminal()
    first.until(rb"Ctrl-\] leaves it")
    first.type(b"\necho seen-$((6 * 7))\n")
    first.until(rb"[\r\n]seen-42")
    first.type(b"sleep 4321 &\n")
    first.until(rb"\[1\] \d+")
    assert first.leave() == 0

    second = terminal()
    second.until(rb"seen-42")
    second.type(b"jobs\n")
    second.until(rb"Running +sleep 4321")
    second.type(b"kill %1\n")
    assert second.leave() == 0


def test_the_guest_follows_the_size_of_the_terminal(terminal):
    console = terminal(rows=33, columns=101)
    console.until(rb"leaves it")

    def told(size):
        """Whether it says that before long; the guest is told a moment after the terminal."""
        answers = []
        for _ in range(10):
            console.type(b"stty size\n")
            answers.append(console.until(rb"[\r\n](\d+ \d+)\r")[1])
            if answers[-1] == size:
                return True
            time.sleep(1)
        return answers

    assert told(b"33 101") is True
    console.size(20, 60)
    console.process.send_signal(signal.SIGWINCH)
    assert told(b"20 60") is True
    assert console.leave() == 0


def test_who_comes_later_has_the_console_even_if_the_first_is_gone(terminal):
    first = terminal()
    first.until(rb"leaves it")
    second = terminal()
    second.until(rb"leaves it")
    first.until(rb"Another terminal has this console now")
    assert first.process.wait(10) == 0
    second.process.kill()  # a window that is closed: the engine lets what runs inside go on
    third = terminal()
    third.type(b"echo here-$((6 * 7))\n")
    third.until(rb"[\r\n]here-42")
    assert third.leave() == 0


def test_machines_reach_it_and_it_reaches_them(vm, place, client):
    page = "mkdir -p /srv; echo from-the-guest > /srv/index.html; busybox httpd -p 80 -h /srv"
    assert vm.exec(place, NAME, ["sh", "-c", page]).status == 0
    other = DockerProvider(client)
    other.create(place, "docker")
    try:
        ask = ["curl", "--silent", "--max-time", "10", f"http://{NAME}/"]
        assert other.exec(place, "docker", ask).text == "from-the-guest\n"
        # Nobody listens there: 7 says that the machine was found and refused, 6 that it was not.
        back = ["curl", "--silent", "--max-time", "10", "http://docker:8000/"]
        assert vm.exec(place, NAME, back).status == 7
    finally:
        other.remove(place, "docker")


def test_a_command_that_lasts_keeps_nobody_waiting(vm, place):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        long = pool.submit(vm.exec, place, NAME, ["sh", "-c", "sleep 6; echo late"])
        began = time.monotonic()
        assert vm.exec(place, NAME, ["echo", "soon"]).text == "soon\n"
        assert time.monotonic() - began < 6
        assert long.result().text == "late\n"


def written(vm, place):
    return vm.exec(place, NAME, ["cat", "/root/file"]).text


def write(vm, place, text):
    put = f"echo {text} > /root/file; sync"
    assert vm.exec(place, NAME, ["sh", "-c", put]).status == 0


def names(vm, place):
    return [one["name"] for one in json.loads(vm.operate(place, NAME, "snapshots"))]


def test_a_snapshot_brings_back_memory_and_disk(vm, place):
    write(vm, place, "before")
    started = vm.exec(place, NAME, ["sh", "-c", "sleep 7654 >/dev/null 2>&1 & echo $!"]).text
    vm.operate(place, NAME, "snapshot", "one")
    assert names(vm, place) == ["one"]
    write(vm, place, "after")
    vm.exec(place, NAME, ["kill", started.strip()])
    vm.operate(place, NAME, "revert", "one")
    assert written(vm, place) == "before\n"
    assert vm.exec(place, NAME, ["kill", "-0", started.strip()]).status == 0
    vm.operate(place, NAME, "delete", "one")
    assert names(vm, place) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("revert", "none"), 'no snapshot "none"'),
        (("delete", "none"), 'no snapshot "none"'),
        (("snapshot", "not a name"), "a snapshot's name is letters"),
        (("network", "maybe"), "say on or off"),
        (("read", "etc/passwd"), "no path from the root"),
        (("fly",), 'there is no "fly"'),
    ],
)
def test_what_cannot_be_done_is_said(vm, place, words, says):
    with pytest.raises(UsageError, match=says):
        vm.operate(place, NAME, *words)


def test_a_name_is_taken_once(vm, place):
    vm.operate(place, NAME, "snapshot", "taken")
    with pytest.raises(UsageError, match="already a snapshot"):
        vm.operate(place, NAME, "snapshot", "taken")
    vm.operate(place, NAME, "delete", "taken")


def state(vm, place):
    return json.loads(vm.operate(place, NAME, "state"))


def test_power_is_cut_and_comes_back_with_the_disk_as_it_was(vm, place):
    write(vm, place, "kept")
    first = vm.exec(place, NAME, ["cat", "/proc/sys/kernel/random/boot_id"]).text
    vm.operate(place, NAME, "power", "off")
    assert state(vm, place) == {"power": "off", "network": "on", "disk": "there"}
    assert b"switched off" in vm.exec(place, NAME, ["true"]).stderr
    for words in (("power", "reset"), ("snapshot", "none"), ("snapshots",)):
        with pytest.raises(UsageError, match="switched off"):
            vm.operate(place, NAME, *words)
    assert on_disk(vm, place, "/root/file") == {"/root/file": "kept\n"}
    vm.power_on(place, NAME)
    assert written(vm, place) == "kept\n"
    assert vm.exec(place, NAME, ["cat", "/proc/sys/kernel/random/boot_id"]).text != first
    with pytest.raises(UsageError, match="it is on"):
        vm.power_on(place, NAME)


def test_a_plug_that_is_pulled_while_files_are_written_breaks_no_disk(vm, place):
    busy = "cd /root; while :; do for i in $(seq 200); do echo $i > n$i; mv n$i m$i; done; done"
    vm.exec(place, NAME, ["sh", "-c", f"({busy}) >/dev/null 2>&1 &"])
    write(vm, place, "before the cut")
    for _ in range(3):
        time.sleep(1)
        vm.operate(place, NAME, "power", "off")
        assert on_disk(vm, place, "/root/file") == {"/root/file": "before the cut\n"}
        vm.power_on(place, NAME)
        vm.exec(place, NAME, ["sh", "-c", f"({busy}) >/dev/null 2>&1 &"])
        assert written(vm, place) == "before the cut\n"
        seen = vm.exec(place, NAME, ["sh", "-c", "ls -l /root && dmesg | grep -i 'ext4.*error'"])
        assert seen.status == 1, seen.text
    vm.operate(place, NAME, "power", "reset")


def test_a_guest_switches_itself_off(vm, place):
    vm.exec(place, NAME, ["sh", "-c", "(sleep 1; busybox poweroff -f) >/dev/null 2>&1 &"])
    assert wait.until("the end", lambda: state(vm, place)["power"] == "off", seconds=20)
    vm.power_on(place, NAME)


def test_what_was_done_is_told_in_order(vm, place):
    vm.operate(place, NAME, "snapshot", "told")
    vm.operate(place, NAME, "revert", "told")
    vm.operate(place, NAME, "delete", "told")
    vm.operate(place, NAME, "power", "reset")
    told = json.loads(vm.operate(place, NAME, "events"))
    assert [one["time"] for one in told] == sorted(one["time"] for one in told)
    ends = [one["event"] for one in told if (one["data"] or {}).get("name") == "told"]
    assert ends == ["SNAPSHOT_SAVED", "SNAPSHOT_REVERTED", "SNAPSHOT_DELETED"]
    assert told[-1]["event"] == "RESET"
    assert vm.exec(place, NAME, ["true"]).status == 0


def serves(vm, place, client):
    container = vm.find(place, NAME).container
    script = "exec 3<>/dev/tcp/localhost/80 && timeout 3 head -c 5 <&3"
    return containers.run(client, container, ["bash", "-c", script], timeout=10).text == "hello"


def test_the_network_is_cut_whatever_is_reverted(vm, place, client):
    vm.exec(place, NAME, ["sh", "-c", "busybox nc -ll -p 80 -e echo hello >/dev/null 2>&1 &"])
    assert wait.until("an answer", lambda: serves(vm, place, client), seconds=10)
    vm.operate(place, NAME, "snapshot", "open")
    vm.operate(place, NAME, "network", "off")
    assert not serves(vm, place, client)
    vm.operate(place, NAME, "revert", "open")
    assert not serves(vm, place, client)
    vm.exec(place, NAME, ["ip", "link", "set", "eth0", "up"])
    assert not serves(vm, place, client)
    vm.operate(place, NAME, "network", "on")
    assert serves(vm, place, client)
    vm.operate(place, NAME, "delete", "open")
    told = json.loads(vm.operate(place, NAME, "events"))
    assert [one["data"]["link"] for one in told if one["event"] == "NETWORK"] == ["off", "on"]


def on_disk(vm, place, *words):
    found = json.loads(vm.operate(place, NAME, "read", *words))
    return {
        path: base64.b64decode(one["content"]).decode() if one["kind"] == "regular" else one["kind"]
        for path, one in found.items()
    }


def test_the_disk_is_read_from_outside(vm, place):
    write(vm, place, "then")
    vm.operate(place, NAME, "snapshot", "then")
    write(vm, place, "now")
    found = on_disk(vm, place, "/root/file", "/root", "/none", "/bin/sh", "/bin")
    assert found == {
        "/root/file": "now\n",
        "/root": "directory",
        "/none": "",
        "/bin/sh": "symlink",
        "/bin": "symlink",
    }
    assert on_disk(vm, place, "-snapshot", "then", "/root/file") == {"/root/file": "then\n"}
    vm.operate(place, NAME, "delete", "then")


def test_a_guest_that_does_not_listen_has_a_disk(vm, place):
    write(vm, place, "silent")
    deaf = "(sleep 1; pkill -STOP qemu-ga; sleep 15; pkill -CONT qemu-ga) >/dev/null 2>&1 &"
    vm.exec(place, NAME, ["sh", "-c", deaf])
    time.sleep(2)
    assert on_disk(vm, place, "/root/file") == {"/root/file": "silent\n"}


def test_a_guest_cannot_fill_the_disk_from_its_console(vm, place):
    flood = "head -c 12000000 /dev/zero | tr '\\0' x | fold -w 100 > /dev/console"
    assert vm.exec(place, NAME, ["sh", "-c", flood], timeout=120).status == 0
    container = vm.find(place, NAME).container
    size = ["stat", "-c", "%s", "/vm/console.log"]

    def small():
        return int(containers.run(vm.client, container, size).text) < 8 << 20

    assert wait.until("the log to be cut", small, seconds=20)
    assert len(vm.logs(place, NAME, 1_000_000)) < 12_000_000


def test_what_was_removed_has_no_disk_and_no_way_back(vm, place):
    vm.operate(place, NAME, "snapshot", "gone-with-it")
    vm.operate(place, NAME, "remove")
    assert state(vm, place) == {"power": "off", "network": "on", "disk": "deleted"}
    for words, says in (
        (("power", "on"), "no disk to start from"),
        (("read", "/root/file"), "deleted"),
        (("remove",), "removed before"),
    ):
        with pytest.raises(UsageError, match=says):
            vm.operate(place, NAME, *words)
    left = containers.run(vm.client, vm.find(place, NAME).container, ["ls", "/vm"]).text.split()
    assert not [name for name in left if "disk" in name or "copy" in name]


def test_nothing_is_left_of_it(vm, place, client):
    container = vm.find(place, NAME).container
    mounts = client.api.inspect_container(container)["Mounts"]
    volumes = [m["Name"] for m in mounts if m["Type"] == "volume"]
    assert volumes
    vm.remove(place, NAME)
    there = {v["Name"] for v in client.api.volumes()["Volumes"] or []}
    assert not there & set(volumes)
    assert vm.find(place, NAME) is None
