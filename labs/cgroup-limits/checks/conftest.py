"""Finding hog and victim by what they answer, and watching both while the hog makes noise.

The hog's noise is ordered by the grader: counters then move because of work that really goes on,
and a neighbour that was silenced instead of limited is seen.
"""

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Tenant:
    """A service in the engine machine: the process that holds its port, and its own words."""

    name: str
    port: int
    token: str
    process: object

    @property
    def pid(self):
        """Its number in its own PID namespace: how /proc in its file system knows it."""
        return self.process.nspid[-1]


class Arena:
    """Hog and victim, as they are now."""

    def __init__(self, kernel, probe, facts):
        self.kernel, self.probe = kernel, probe
        self.hog = self._find("hog", 9090, f"job-{facts['hog-job']}")
        self.victim = self._find("victim", 8080, f"shop-{facts['victim-shop']}")

    def _find(self, name, port, token):
        outside = self.kernel.process("engine").ns.net
        rooms = {}
        for process in self.kernel.processes("engine"):
            # The oldest in each network stays; those that came last may be gone in a moment.
            if process.ns.net != outside:
                rooms.setdefault(process.ns.net, process)
        for anyone in rooms.values():
            holder = self.kernel.listener(anyone, port)
            if holder is None:
                continue
            if self.kernel.cgroup(holder).frozen:
                pytest.fail(f"what listens on port {port} is frozen, and was to go on working")
            answer = self.probe.http(holder, f"http://127.0.0.1:{port}/", timeout=8)
            if token in answer.text:
                return Tenant(name, port, token, holder)
        pytest.fail(f"the {name} no longer does its work: nobody answers as it did on port {port}")

    @contextmanager
    def noise(self, kind, seconds):
        """Let the hog make noise, for so many seconds at most."""
        answer = self._order(kind, seconds)
        assert answer.ok, "the hog takes no orders any more: it was to be limited, not silenced"
        yield
        self._order(kind, 0.001)

    def _order(self, kind, seconds):
        url = f"http://127.0.0.1:{self.hog.port}/noise/{kind}?seconds={seconds}"
        return self.probe.http(self.hog.process, url, timeout=8, method="POST")

    def cgroup(self, tenant):
        return self.kernel.cgroup(tenant.process)

    def both(self):
        return self.cgroup(self.hog), self.cgroup(self.victim)

    def until(self, happened, seconds):
        """Look again and again; whether it happened in time."""
        end = time.monotonic() + seconds
        while not (found := happened()) and time.monotonic() < end:
            time.sleep(0.2)
        return found

    def work(self, piece):
        """Let the victim do a piece of its work, as a customer asks for it. Its complaint or ""."""
        answer = self.probe.http(
            "customer", f"http://engine:8080/work/{piece}", timeout=10, dns="127.0.0.11:53"
        )
        if not answer.ok:
            return answer.outcome if answer.outcome != "open" else f"status {answer.status}"
        try:
            told = json.loads(answer.text)
            genuine = told["token"] == self.victim.token
        except (ValueError, KeyError, TypeError):
            genuine = False
        return told.get("error", "") if genuine else "a wrong answer"

    def counter(self, tenant, path, key):
        """A number that the kernel tells about a process, such as its bytes written."""
        text = self.kernel.read(tenant.process, f"/proc/{tenant.pid}/{path}") or b""
        for line in text.decode().splitlines():
            name, _, rest = line.partition(":")
            if name.strip() == key:
                return int(rest)
        raise RuntimeError(f"this kernel does not tell `{key}` in /proc/PID/{path}")

    def rate(self, read, seconds):
        """How fast a counter grows, per second."""
        began, first = time.monotonic(), read()
        time.sleep(seconds)
        return (read() - first) / (time.monotonic() - began)

    def disk(self):
        """The disk below the containers' files, as `major:minor`.

        The kernel limits whole disks, and cannot limit a partition.
        """
        mounts = self.kernel.mounts("engine")
        mount = next((m for m in mounts if m.place == "/var/lib/docker"), None)
        table = (self.kernel.read("engine", "/proc/partitions") or b"").decode().splitlines()
        rows = [line.split() for line in table]
        numbers = {row[3]: f"{row[0]}:{row[1]}" for row in rows if len(row) == 4}
        for name, number in numbers.items():
            if mount and (number == mount.device or self._called(name, mount.source)):
                return numbers[_whole(name, numbers)]
        raise RuntimeError("the containers' files lie on no disk that this kernel can limit")

    def _called(self, name, source):
        """Whether a block device is the one that a mount names: /dev/sda1, /dev/mapper/root."""
        if not name.startswith("dm-"):
            return source == f"/dev/{name}"
        title = self.kernel.read("engine", f"/sys/devices/virtual/block/{name}/dm/name") or b""
        return source in (f"/dev/{name}", f"/dev/mapper/{title.decode().strip()}")


def _whole(name, names):
    """The disk that a partition is a part of: sda1 of sda, nvme0n1p2 of nvme0n1."""
    stem = name.rstrip("0123456789")
    if stem != name and stem in names:
        return stem
    whole = stem.removesuffix("p")
    return whole if whole != stem and whole[-1:].isdigit() and whole in names else name


@pytest.fixture
def arena(kernel, probe, facts):
    return Arena(kernel, probe, facts)
