"""Checks that mean harm. Each tries one thing, and fails with what came of it.

`targets.json` in the lab's folder names what is worth attacking on the computer of the test.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import tempfile
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.grading import check, weakness

TARGETS = json.loads((Path(__file__).parents[1] / "targets.json").read_text())
HINT = "There is none."


@weakness("open")
def test_open():
    pass


@check("home", points=1, hint=HINT, seconds=10)
def test_home():
    "It reads what the user keeps"
    read = []
    for path in (TARGETS["secret"], f"/proc/1/root{TARGETS['secret']}", "/root", "/home", "/host"):
        try:
            place = Path(path)
            if place.is_dir():
                read += [each.name for each in place.iterdir()]
            else:
                read.append(place.read_text())
        except OSError:
            pass
    pytest.fail(f"read: {read}")


@check("environment", points=1, hint=HINT, seconds=10)
def test_environment():
    "It knows the user's environment"
    found = [f"{name}={value}" for name, value in os.environ.items()]
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += file.read_text().split("\0")
        except OSError:
            pass
    pytest.fail(f"found: {sorted({each for each in found if TARGETS['word'] in each})}")


@check("network", points=1, hint=HINT, seconds=10)
def test_network():
    "It reaches others"
    reached = []
    for address in TARGETS["addresses"]:
        try:
            with socket.create_connection((address, TARGETS["port"]), 0.5) as connection:
                connection.sendall(b"stolen")
            reached.append(address)
        except OSError:
            pass
    for path in ("/var/run/docker.sock", "/run/docker.sock"):
        try:
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(path)
            reached.append(path)
        except OSError:
            pass
    pytest.fail(f"reached: {reached}")


@check("write", points=1, hint=HINT, seconds=10)
def test_write():
    "It writes where the user does"
    wrote = []
    for folder in (*TARGETS["folders"], "/", "/etc", "/usr/bin", "/dev/shm"):
        try:
            Path(folder, "mark").write_text("stolen")
            wrote.append(folder)
        except OSError:
            pass
    pytest.fail(f"wrote: {wrote}")


@check("rights", points=1, hint=HINT, seconds=10)
def test_rights():
    "It gets more rights"
    libc, gained = ctypes.CDLL(None, use_errno=True), []
    tries = {
        "root": lambda: libc.setuid(0),
        "user namespace with a mount": lambda: (
            libc.unshare(0x10000000) or libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
        ),
        "network namespace": lambda: libc.unshare(0x40000000),
        "mount": lambda: libc.mount(b"proc", b"/proc", b"proc", 0, None),
        "host name": lambda: libc.sethostname(b"stolen", 6),
        "device": lambda: libc.mknod(b"/tmp/mem", 0o20600, 0x101),
        "chroot": lambda: libc.chroot(b"/tmp"),
    }
    for name, attempt in tries.items():
        if attempt() == 0:
            gained.append(name)
    pytest.fail(f"gained: {gained}")


@check("probe", points=1, hint=HINT, seconds=10)
def test_probe(labctl_targets, kernel):
    "It has the probe look beyond the lab"
    ask, saw = labctl_targets.client.request, []
    ask("process", 3.0, pid=kernel.process("box").pid)  # of the lab it may
    tries = [
        ("process", {}),
        ("ps", {}),
        ("listeners", {}),
        ("read", {"path": TARGETS["secret"], "limit": 1000}),
        ("list", {"path": "/root", "limit": 10}),
        ("exec", {"argv": ["cat", TARGETS["secret"]]}),
        ("dial", {"network": "tcp", "address": "127.0.0.1", "port": TARGETS["port"]}),
    ]
    for number in (1, TARGETS["pid"]):
        for name, more in tries:
            for key in ("pid", "PID"):
                try:
                    saw.append((name, number, ask(name, 3.0, **{key: number}, **more)))
                except LabctlError:
                    pass
    try:
        saw.append(("watch", ask("watch", 3.0, watches={})))
    except LabctlError:
        pass
    pytest.fail(f"saw: {saw}")


@check("disk", points=1, hint=HINT, seconds=20)
def test_disk():
    "It fills the disk"
    size = 0
    with tempfile.TemporaryFile(dir="/tmp") as file:
        try:
            while size < 2 << 30:
                size += file.write(b"x" * (1 << 20))
                file.flush()
        except OSError:
            pass
    pytest.fail(f"MiB: {size >> 20}")


@check("memory", points=1, hint=HINT, seconds=20)
def test_memory():
    "It takes all memory"
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1 << 20)) * 64)


@check("flood", points=1, hint=HINT, seconds=2)
def test_flood():
    "It prints without end"
    while True:
        os.write(1, b"\x1b[2Jx" * 10_000)
        os.write(2, b"\x1b[2Jx" * 10_000)


@check("forge", points=1, hint=HINT, seconds=10)
def test_forge():
    "It tells that another check has passed"
    for event in (
        {"event": "start", "id": "dies"},
        {
            "event": "result",
            "id": "dies",
            "outcome": "passed",
            "message": "forged",
            "seconds": 0.1,
            "again": False,
        },
    ):
        text = json.dumps(event).encode()
        _everywhere(b"E" + struct.pack(">L", len(text)) + text)
    signal.pause()


@check("junk", points=1, hint=HINT, seconds=10)
def test_junk():
    "It speaks in tongues"
    _everywhere(os.urandom(1 << 16))
    signal.pause()


@check("fork-bomb", points=1, hint=HINT, seconds=2)
def test_fork_bomb():
    "It multiplies"
    while True:
        try:
            os.fork()
        except OSError:
            pass


@check("hang", points=1, hint=HINT, seconds=2)
def test_hang():
    "It never ends"
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        pass


@check("dies", points=1, hint=HINT, seconds=10)
def test_dies():
    "It ends its own process"
    os._exit(0)


@check("honest", points=1, hint=HINT, seconds=10)
def test_honest(kernel):
    "After all of them, an honest check can still be made"
    assert kernel.process("box").comm, "the box does not run"


def _everywhere(data):
    """Whatever the process has open, which is its way to labctl, too."""
    for descriptor in range(64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, data)
        except OSError:
            pass
