"""The fleet from both sides: over the network, and from the hosts of its machines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

PROGRAM = "/usr/lib/status/www/cgi-bin/status"
SERVER = "/usr/lib/status/serve"
STATUS = "/var/lib/dpkg/status"
# In the order of the fact `fleet`, with who answers for it: nobody does for what nobody needs.
SERVICES = {
    "web": "mara",
    "pay": "jonas",
    "stock": "ines",
    "mail": "emil",
    "archive": "mara",
    "old-shop": "",
    "try-out": "",
    "demo": "",
}
# A shell that works out the address prints the secret of its machine.
TRICKS = ("$(cat</etc/service/secret)", "`cat</etc/service/secret`", '";cat</etc/service/secret;"')


@dataclass(frozen=True)
class Machine:
    """One machine of the fleet, and one look at it over the network."""

    name: str
    service: str
    owner: str
    greets: bool
    leaks: bool


@pytest.fixture(scope="session")
def fleet(probe, facts) -> list[Machine]:
    def ask(name: str, query: str) -> bytes:
        url = f"http://{name}/cgi-bin/status?{query}"
        return probe.http("operator", url, 5.0, dns="127.0.0.11:53").body

    def look(name: str, service: str) -> Machine:
        greets = ask(name, "grader") == f"Hello grader, this is {service}.\n".encode()
        secret = f"{facts['secret']}-{service}".encode()
        return Machine(
            name,
            service,
            SERVICES[service],
            greets,
            any(secret in ask(name, trick) for trick in TRICKS),
        )

    names = facts["fleet"].split(",")
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(look, names, SERVICES))


@pytest.fixture(scope="session")
def needed(fleet):
    return [machine for machine in fleet if machine.owner]


@pytest.fixture(scope="session")
def superfluous(fleet):
    return [machine for machine in fleet if not machine.owner]


@pytest.fixture(scope="session")
def unpatched(guest, lab):
    """`unpatched("elm")`: what on that machine's disk is not as in status 1.1; or ""."""
    package = lab.folder / "environment" / "machine" / "package"
    due = {PROGRAM: package / "status-1.1", SERVER: package / "serve"}

    def look(machine: str) -> str:
        found = guest(machine).read(STATUS, *due)
        for path, file in due.items():
            if found[path] != file.read_bytes():
                return f"{path} is not the one of status 1.1"
        entries = (found[STATUS] or b"").decode("utf-8", "replace").split("\n\n")
        entry = next((e for e in entries if e.startswith("Package: status\n")), "")
        if "\nStatus: install ok installed\n" not in entry or "\nVersion: 1.1\n" not in entry:
            return "the package status 1.1 is not installed"
        return ""

    return look
