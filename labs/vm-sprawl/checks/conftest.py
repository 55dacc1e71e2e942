"""The fleet from both sides: over the network, and from the hosts of its machines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from labctl.grading.packages import not_installed

PROGRAM = "/usr/lib/status/www/cgi-bin/status"
SERVER = "/usr/lib/status/serve"
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
def look_at_fleet(probe, facts) -> Callable[[], list[Machine]]:
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

    def look_at_all() -> list[Machine]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(look, facts["fleet"].split(","), SERVICES))

    return look_at_all


@pytest.fixture(scope="session")
def fleet(look_at_fleet) -> list[Machine]:
    return look_at_fleet()


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

    return lambda machine: not_installed(guest(machine), "status", "1.1", due)
