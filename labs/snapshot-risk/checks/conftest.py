"""The desk from both sides: as anybody on the network sees it, and as its host does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from labctl.grading.packages import not_installed

DESK = "desk"
PROGRAM = "/usr/lib/desk/www/cgi-bin/ticket"
SERVER = "/usr/lib/desk/serve"
# Ways to say "out of the folder, and into another one" that web servers and shells have fallen for.
WAYS = ("../" * 8, "..//" * 8, "%2e%2e/" * 8, "..%2f" * 8, "1/" + "../" * 9, "./" + "../" * 8)


@dataclass(frozen=True)
class Desk:
    """One look at the desk over the network. `leaks`: how its key was got, if it was."""

    answers: bool
    works: bool
    leaks: str


@pytest.fixture(scope="session")
def look_at_desk(probe, facts) -> Callable[[], Desk]:
    def ask(query: str):
        return probe.http("operator", f"http://{DESK}/cgi-bin/ticket?{query}", dns="127.0.0.11:53")

    ticket = f"Ticket {facts['ticket']}: {facts['subject']}"

    def look() -> Desk:
        shown = ask(facts["ticket"])
        receipt = {k.lower(): v for k, v in shown.headers.items()}.get("x-receipt", "")
        due = hashlib.sha256(f"{facts['desk-key']} {ticket}".encode()).hexdigest()
        works = shown.ok and shown.body == f"{ticket}\n".encode() and receipt == due
        key = facts["desk-key"].encode()
        found = (f"?{way}etc/desk/key" for way in WAYS if key in ask(f"{way}etc/desk/key").body)
        return Desk(shown.status > 0, works, next(found, ""))

    return look


@pytest.fixture(scope="session")
def desk(look_at_desk) -> Desk:
    return look_at_desk()


@pytest.fixture(scope="session")
def mended(guest, lab):
    """`mended()`: what is not as it must be on the desk's disk, or that of a snapshot; or ""."""
    package = lab.folder / "environment" / "desk" / "package"
    due = {PROGRAM: package / "ticket-1.1", SERVER: package / "serve"}

    @cache  # three checks ask about the same snapshots, and each look copies a disk
    def look(snapshot: str | None = None) -> str:
        return not_installed(guest(DESK), "desk", "1.1", due, snapshot)

    return look


@pytest.fixture(scope="session")
def after(guest):
    """What was done to the desk since it was reverted for the last time, and its link then."""
    events = guest(DESK).events()
    last = max(i for i, e in enumerate(events) if e.name == "SNAPSHOT_REVERTED")
    link = "on"
    for event in events[:last]:
        link = event.data["link"] if event.name == "NETWORK" else link
    return link, events[last + 1 :]
