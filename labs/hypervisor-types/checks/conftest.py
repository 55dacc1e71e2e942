"""Both computers, counted from outside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from labctl.environment.outside import Process

GUEST_PORT = 80
STATUS = "/var/lib/dpkg/status"
SETUID = "find / -xdev -type f -perm /6000 2>/dev/null"
ENGINE = "127.0.0.11"  # the container engine's name server, which is in every container


@dataclass(frozen=True)
class Host:
    """What has to be trusted on one computer. `vmm` is the process behind the guest's port."""

    packages: int
    setuid: list[str]
    ports: set[int]
    vmm: Process | None


@pytest.fixture(scope="session")
def count(kernel, machine):
    """`count("hosted")`: what there is on it now."""

    def look(name: str) -> Host:
        status = kernel.read(name, STATUS, limit=4 << 20) or b""
        found = machine(name).run(SETUID).stdout.split()
        listeners = [each for each in kernel.listeners(name) if each.address != ENGINE]
        return Host(
            packages=status.count(b"\nStatus: install ok installed\n"),
            setuid=sorted(found),
            ports={each.port for each in listeners if each.proto.startswith("tcp")},
            vmm=kernel.listener(name, GUEST_PORT),
        )

    return look


@pytest.fixture(scope="session")
def genuine(machine, kernel):
    """Whether a process of `hosted` is QEMU: its program is the one that `minimal` has."""

    def digest(name: str, path: str) -> str:
        return machine(name).run("sha256sum %s", path).stdout.split(" ")[0]

    def ask(process) -> bool:
        own = kernel.listener("minimal", GUEST_PORT)
        due = digest("minimal", own.exe)
        return process.exe == own.exe and len(due) == 64 and digest("hosted", process.exe) == due

    return ask


@pytest.fixture(scope="session")
def guest_answers(probe, kernel):
    """What is wrong with the guest's answer at a computer; "" if nothing is."""

    def ask(name: str) -> str:
        url = f"http://127.0.0.1:{GUEST_PORT}/cgi-bin/hello?grader"
        answer = probe.http(name, url, 6.0)
        if not answer.ok or "hello: grader\n" not in answer.text:
            return "the guest's web server does not answer"
        if kernel.host().boot_id in answer.text:
            return "what answers runs on this computer's own kernel, so it is no guest"
        return ""

    return ask
