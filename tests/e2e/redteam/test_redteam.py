"""Every attack against every lab that it can be made on: no check passes that must not.

`LABCTL_MATRIX=all` takes all labs. Otherwise one for each kind of machine, and that one of those
that the change touches where it touches any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from labctl import host
from labctl.authoring import changes, scratch
from labctl.grading import collect
from labctl.lab import catalog, loader
from labctl.lab.model import Lab
from tests.e2e.redteam import cluster, files, machines
from tests.e2e.redteam.arena import SOLVED, UNTOUCHED, Arena
from tests.e2e.redteam.judge import faults, passed, told

pytestmark = pytest.mark.engine
ANY = machines.REACHED
WEBHOOK = "webhook"


@dataclass(frozen=True)
class Attack:
    """`do` attacks, yields, and takes it back.

    `needs`: the kinds of machines, one of which the lab must have. `at`: what the lab is brought
    to before. `says`: what some message of the report must tell. Checks may pass on a solved lab
    only, and then it depends on the lab which.
    """

    name: str
    do: Callable[[Arena], Iterator[None]]
    needs: tuple[str, ...] = ANY
    at: str = UNTOUCHED
    says: str = ""

    @contextmanager
    def on(self, arena: Arena) -> Iterator[None]:
        """While it lasts."""
        arena.bring_to(self.at)
        arena.spoilt = True  # should it fail half-way
        with contextmanager(self.do)(arena):
            yield
        arena.spoilt = False


@dataclass(frozen=True)
class Fatal(Attack):
    """An attack on a solved lab that is not taken back: the next one is made on top of it.

    Nothing may pass any more but what rests on the learner's files alone.
    """

    at: str = SOLVED

    @contextmanager
    def on(self, arena: Arena) -> Iterator[None]:
        """From now on."""
        if arena.state != self.at:
            arena.bring_to(self.at)
        arena.spoilt = True
        with contextmanager(self.do)(arena):
            yield


ATTACKS = (
    *(Attack(f"files: {kind}", files.trap(kind)) for kind in files.TRAPS),
    Attack("a hanging webhook", cluster.hanging_webhook, ("kind",), says=WEBHOOK),
    Attack("a missing webhook", cluster.missing_webhook, ("kind",), says=WEBHOOK),
    Attack("admission that lies", cluster.lying_admission, ("kind",)),
    Attack("a stopped API server", cluster.stopped_server, ("kind",), says="was stopped"),
    Attack("forged tools", machines.forged_tools),
    Attack("paused machines", machines.paused, says="is paused"),
    # From here on the lab is solved, and as many attacks as possible share that.
    Attack("forged tools, solved", machines.forged_tools, ("engine",), at=SOLVED),
    Attack("a fork bomb, solved", machines.fork_bomb, ("engine", "docker"), at=SOLVED),
    Fatal("impostors", machines.impostors, ("engine",)),
    Fatal("impostor pods", cluster.impostors, ("kind",)),
    Fatal("revoked rights", cluster.revoked_rights, ("kind",), says="does not let the grader"),
    Fatal("a removed API server", cluster.removed_server, ("kind",), says="was taken away"),
    Fatal("stopped machines", machines.stopped, says="is not running"),
    Fatal("recreated machines", machines.recreated, says="is gone"),
)

# Checks that an attack on the solved lab leaves true, because they are about something else.
LEFT_TRUE = {
    # Who may do what is no affair of pods; that programs work is.
    ("impostor pods", "rbac-least-privilege"): {
        *("production-read-only", "no-production-secrets", "production-readable", "dev-edit"),
        *("no-escalation", "nothing-else", "system-unharmed"),
    },
    # Nor is what the API server admits; and these impostors are within Restricted.
    ("impostor pods", "pod-security"): {
        *("labels", "baseline-refused", "restricted-refused", "one-of-several"),
        *("nobody-exempt", "good-admitted", "running-pods"),
    },
    # What is in the registry does not change when the pipeline is down.
    ("stopped machines", "image-scanning"): {"images-mended", "nothing-lost"},
    ("recreated machines", "image-scanning"): {"images-mended", "nothing-lost"},
    # No policy of this lab lets them in; `changes` is tried on pods that run.
    ("impostor pods", "digest-pinning"): {"tags-refused", "others-served"},
    # An impostor of Gatekeeper is never ready, so the real one goes on; `audit` tells of both.
    ("impostor pods", "gatekeeper-policies"): {
        *("limits", "registries", "root", "everywhere", "changes", "kube-system-unharmed"),
    },
}


# Attacks that what the lab teaches keeps out by itself, as its own checks show: production takes
# no pod whose image is not signed.
KEPT_OUT = {("impostor pods", "image-signing")}


def fits(attack: Attack, lab: Lab) -> bool:
    if (attack.name, lab.id) in KEPT_OUT:
        return False
    if attack.name.startswith("files:"):
        return reads_files(lab)
    return any(machine.provider in attack.needs for machine in lab.machines.values())


def reads_files(lab: Lab) -> bool:
    return _checks_have(lab, "workspace.read")


def must_say(attack: Attack, lab: Lab) -> str:
    """What the report must tell. Checks that create nothing do not meet a webhook."""
    creates = _checks_have(lab, "kube.create") or _checks_have(lab, "newcomers(")
    return attack.says if attack.says != WEBHOOK or creates else ""


def _checks_have(lab: Lab, word: str) -> bool:
    return any(word in file.read_text() for file in (lab.folder / "checks").glob("*.py"))


def chosen() -> list[tuple[str, Attack]]:
    labs = [loader.find(name) for name in catalog.ids()]
    names = {lab.id for lab in labs}
    if os.environ.get("LABCTL_MATRIX") != "all":
        touched = changes.touched(labs)
        last = sorted(labs, key=lambda lab: (lab.id in touched, lab.id))
        names = set({m.provider: lab.id for lab in last for m in lab.machines.values()}.values())
    return [(lab.id, a) for lab in labs if lab.id in names for a in ATTACKS if fits(a, lab)]


@pytest.fixture(scope="module")
def arenas() -> Iterator[Callable[[str], Arena]]:
    """The environment of a lab, made when the first attack on it needs it."""
    running: dict[str, Arena] = {}
    with scratch.store(host.find("local")) as store:

        def get(lab: str) -> Arena:
            for other in [name for name in running if name != lab]:
                running.pop(other).stop()
            name = f"r{os.getpid()}-{lab}"[:24].rstrip("-")
            return running.setdefault(lab, Arena(loader.find(lab), name, store))

        yield get


@pytest.fixture(scope="module")
def checks() -> Callable[[str], set[str]]:
    """The ids of a lab's checks."""
    known: dict[str, set[str]] = {}

    def get(lab: str) -> set[str]:
        if lab not in known:
            found = collect.checks(loader.find(lab))
            known[lab] = {check.id for check in found if check.kind == "check"}
        return known[lab]

    return get


@pytest.mark.parametrize(
    ("lab", "attack"), chosen(), ids=lambda value: getattr(value, "name", value)
)
def test_attack(lab: str, attack: Attack, arenas: Any, checks: Any) -> None:
    arena = arenas(lab)
    with attack.on(arena):
        report, took = arena.timed_check()
    sys.stdout.write(f"{took:.1f} s\n{told(report)}\n")  # pytest shows it with -rP
    assert faults(report, checks(lab), took) == []
    if attack.at == UNTOUCHED or isinstance(attack, Fatal):
        files_alone = isinstance(attack, Fatal) and reads_files(arena.lab)
        wrong = passed(report) - LEFT_TRUE.get((attack.name, lab), set())
        assert not wrong or (files_alone and report.earned < report.points)
    assert must_say(attack, arena.lab) in told(report)
