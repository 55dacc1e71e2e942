"""What leads from the containers' processes to the machine around them."""

from __future__ import annotations

import re

import pytest

from labctl.grading import check

ENGINE = "engine"
WORDS = {"pid": "PID", "net": "network", "mnt": "mount", "uts": "UTS", "ipc": "IPC"}
SOCKET = "socket"

# File systems in which the kernel shows itself; no files of anybody's are in them.
KERNELS = ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue")
# Files that Docker gives to each container, from the folder where it keeps them.
DOCKERS_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
# Docker covers some files below /proc with a device, and in a user namespace brings devices in.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "console")
# The same by the kernel's numbers, hexadecimal: these reach nothing but the process itself.
HARMLESS = ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2")
TERMINALS = "88:"


@pytest.fixture(scope="session")
def mounts(scene, kernel):
    """(process, its mounts) for one process of each of the containers' mount namespaces."""
    lasting = [process for process in scene.everyone if process not in scene.intruders]
    inhabitants = {process.ns.mnt: process for process in reversed(lasting)}
    return [(process, kernel.mounts(process)) for process in inhabitants.values()]


@pytest.fixture(scope="session")
def special(scene, mounts, host):
    """(process, kind, number, place) of each socket and device that it can reach by a path."""
    found = []
    for process, mine in mounts:
        root = f"/proc/{scene.number(process)}/root"
        places = [root + m.place for m in mine if m.type not in KERNELS]
        kinds = r"\( -type s -o -type b -o -type c \)"
        command = f"find {'%s ' * len(places)} -xdev {kinds} -exec stat -c %s {{}} +"
        told = host.run(command, *places, "%F|%t:%T|%n").stdout
        lines = [line.split("|", 2) for line in told.splitlines()]
        new = [(process, *line[:2], line[2].removeprefix(root)) for line in lines if len(line) == 3]
        # Every container has this one: without it, nothing was looked at.
        assert any(number == "1:3" for _, _, number, _ in new), (
            f"{scene.name(process)}: its files cannot be looked through"
        )
        found += new
    return found


def is_device(mount):
    if mount.type not in ("tmpfs", "devtmpfs") or not mount.place.startswith(("/dev/", "/proc/")):
        return False
    return mount.root.strip("/") in DEVICES


@check(
    "read-only-root",
    points=3,
    hint="Where a service must write, it can be given a place in memory; `docker run` has an "
    "option for that place, and one for all the rest.",
)
def test_read_only_root(scene, mounts):
    "the root file system of each container is read-only"
    for process, mine in mounts:
        top = [mount for mount in mine if mount.place == "/"]
        assert top, f"{scene.name(process)} does not live in a file system of its own"
        assert "ro" in top[-1].options, f"{scene.name(process)} has a writable root file system"


@check(
    "no-socket",
    points=3,
    hint="Who may ask the engine may have it start anything. Look for another way to ask, and "
    "under which names: `find / -type s` in notary.",
)
def test_no_socket(scene, special, kernel, probe):
    "no container reaches the engine, by its socket or over the network"
    for process, kind, _, place in special:
        assert kind != SOCKET, f"{scene.name(process)} can reach a socket from outside, at {place}"
    for listener in kernel.listeners(ENGINE):
        if listener.proto == "tcp":
            local = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}
            address = local.get(listener.address, listener.address)
            at = f"[{address}]" if ":" in address else address
            answer = probe.http(ENGINE, f"http://{at}:{listener.port}/_ping", timeout=1.0)
            assert "api-version" not in answer.headers, (
                f"the engine answers on port {listener.port}, which containers can reach"
            )


@check(
    "own-world",
    points=2,
    hint="Compare `lsns --task PID` of notary and of process 1, then look at /dev and at the "
    "mounts in notary.",
)
def test_own_world(scene, mounts, special, kernel, facts):
    "containers have their own namespaces, with none of the machine's files and devices in them"
    for process in scene.everyone:
        for kind, word in WORDS.items():
            mine = getattr(process.ns, kind)
            assert mine != getattr(scene.engine.ns, kind), (
                f"{scene.name(process)} shares the engine machine's {word} namespace"
            )
    for process, kind, number, place in special:
        harmless = number in HARMLESS or number.startswith(TERMINALS)
        assert kind == SOCKET or harmless, (
            f"{scene.name(process)} has a device of the machine, {place}"
        )
    machine = kernel.mounts(ENGINE)
    for process, mine in mounts:
        places = sorted({mount.place for mount in mine if is_foreign(mount, machine)})
        assert not places, (
            f"files of the engine machine are mounted for {scene.name(process)}, at "
            + ", ".join(places[:5])
        )
    assert facts["safe-code"] not in scene.loot, (
        "the grader broke into notary, and read the engine machine's /root/safe-code there"
    )


def is_foreign(mount, machine):
    """Whether it shows files that are the machine's, not the container's."""
    docker = next((m for m in reversed(machine) if m.place == "/var/lib/docker"), None)
    assert docker, "the engine machine's /var/lib/docker is not mounted any more"
    theirs = {
        m.device
        for m in machine
        if not m.place.startswith("/var/lib/docker/") and not m.type.startswith("cgroup")
    }
    if mount.place == "/":
        return mount.device in theirs
    if mount.type.startswith("cgroup") or is_device(mount):
        return False
    if mount.device == docker.device and mount.root.startswith(docker.root + "/"):
        # Docker keeps what belongs to remapped users in a folder of their own.
        kept = re.sub(r"^/\d+\.\d+/", "/", mount.root.removeprefix(docker.root))
        own = mount.place in DOCKERS_FILES and kept.startswith("/containers/")
        return not (own or re.fullmatch(r"/volumes/[^/]+/_data", kept))
    if mount.place == "/sbin/docker-init" and mount.root.endswith(("/tini-static", "/docker-init")):
        return False  # docker run --init
    return mount.device in theirs or mount.type not in (*KERNELS, "tmpfs")
