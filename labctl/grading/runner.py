"""Runs a lab's checks on a session and turns what the child tells into results."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from labctl.environment.model import Found, Place
from labctl.environment.probe_client import Wire
from labctl.errors import EnvironmentFailure
from labctl.grading import children
from labctl.grading.collect import Check, collected, require_checks
from labctl.grading.report import CheckResult, Outcome

Find = Callable[[str], Found | None]
Start = Callable[[], AbstractContextManager[children.Child]]
OnResult = Callable[[CheckResult], None]

_OUTCOMES: dict[str, Outcome] = {"passed": "passed", "failed": "failed"}
# How much longer than its deadline a check may stay silent before its process is killed.
_SLACK = 5.0
# How long an environment that could not be asked is left alone before it is asked again.
_RESPITE = 1.0
_ATTEMPTS = 2


class Opens(Protocol):
    """The probe, or as much of it as the checks may ask."""

    def open(self) -> Wire:
        """Start a run of it. Raises EnvironmentFailure."""


def run(
    place: Place,
    find: Find,
    probe: Opens,
    *,
    kind: str = "check",
    only: Sequence[str] | None = None,
    on_result: OnResult | None = None,
    child: children.Child | None = None,
    folder: Path | None = None,
    start: Start = children.start,
) -> tuple[CheckResult, ...]:
    """Run the checks (or with `kind` "weakness" those) of the session's lab.

    `find` tells a machine's state, `only` are the ids to run, `on_result` hears of each result
    as it comes, `child` is one that was started ahead, `folder` has the `checks` to run (default:
    the lab's own), `start` starts a child. Every check of the lab gets a result,
    in the lab's order: one whose process hangs or dies ends as an error, and the others are
    run in a new process. What the environment could not answer is asked once more, by a new
    process over a new wire. Raises EnvironmentFailure when the engine cannot be used even then,
    DefinitionError when the checks cannot be loaded.
    """
    require_checks(place.lab)
    assert not place.lab.source or start is not children.start, "a stranger's checks run confined"
    ledger = _Ledger(on_result)
    wanted = list(only) if only is not None else None

    def all_of(left: list[str] | None, child: children.Child | None) -> None:
        while left is None or left:
            with ExitStack() as stack:
                used = child or stack.enter_context(start())
                used.collect(children.task(folder or place.lab.folder, kind, left))
                _once(place, find, probe, used, ledger)
            child, left = None, ledger.missing()

    # Whoever proves a weakness tries it until it shows, anyway.
    attempts = _ATTEMPTS if kind == "check" else 1
    while True:
        attempts -= 1
        try:
            all_of(ledger.missing() or wanted, child)
        except EnvironmentFailure:
            if not attempts:
                raise
        else:
            if not attempts or not ledger.unanswered:
                return ledger.results()
        ledger.ask_again()
        child = None
        time.sleep(_RESPITE)


class _Ledger:
    """The checks that there are, and the results so far."""

    def __init__(self, on_result: OnResult | None) -> None:
        self._on_result = on_result
        self.checks: dict[str, Check] = {}
        self._results: dict[str, CheckResult] = {}
        self.unanswered: set[str] = set()

    def expect(self, checks: Sequence[Check]) -> None:
        for check in checks:
            self.checks.setdefault(check.id, check)

    def add(
        self, check: Check, outcome: str, message: str, seconds: float, *, unanswered: bool = False
    ) -> None:
        result = CheckResult(
            id=check.id,
            statement=check.statement,
            outcome=_OUTCOMES.get(outcome, "error"),
            points=check.points,
            message=message,
            hint=check.hint,
            seconds=seconds,
            deadline=check.seconds,
        )
        self._results[check.id] = result
        if unanswered:
            self.unanswered.add(check.id)
        if self._on_result:
            self._on_result(result)

    def ask_again(self) -> None:
        """Count what the environment did not answer as not asked."""
        while self.unanswered:
            del self._results[self.unanswered.pop()]

    def missing(self) -> list[str]:
        return [check for check in self.checks if check not in self._results]

    def results(self) -> tuple[CheckResult, ...]:
        return tuple(self._results[check] for check in self.checks)


def _once(
    place: Place,
    find: Find,
    probe: Opens,
    child: children.Child,
    ledger: _Ledger,
) -> None:
    """Run one child as far as it goes. At least one check gets a result, or it raises."""
    # While the child loads pytest: ask the engine, and open the wire to the probe.
    with ThreadPoolExecutor(max_workers=8) as pool:
        opening = pool.submit(probe.open)
        finding = {name: pool.submit(find, name) for name in place.lab.machines}
    with closing(opening.result()) as wire:
        machines = {name: found.result() for name, found in finding.items()}
        _bridge(child.wire, wire)
        child.begin(_spec(place, machines))
        ledger.expect(collected(place.lab, child))
        _listen(child, ledger)


def _listen(child: children.Child, ledger: _Ledger) -> None:
    for expected in ledger.missing():
        check, began = ledger.checks[expected], time.monotonic()
        try:
            check = ledger.checks[child.next(children.START_SECONDS)["id"]]
            result = child.next(check.seconds + _SLACK)
        except children.Late as e:
            seconds = round(time.monotonic() - began, 3)
            ledger.add(check, "error", f"the process that ran the check was lost: {e}", seconds)
            return
        ledger.add(
            check,
            result["outcome"],
            result["message"],
            result["seconds"],
            unanswered=result["again"],
        )


def _spec(place: Place, machines: dict[str, Found | None]) -> dict[str, Any]:
    lab = place.lab
    return {
        "lab": {
            "id": lab.id,
            "title": lab.title,
            "shell": lab.shell,
            "folder": str(lab.folder),
            "machines": {name: machine.provider for name, machine in lab.machines.items()},
        },
        "facts": dict(place.facts),
        "workspace": str(place.workspace),
        "machines": {
            name: None if found is None else asdict(found) for name, found in machines.items()
        },
        "kubeconfigs": {
            name: str(place.kubeconfig(name))
            for name, machine in lab.machines.items()
            if machine.provider == "kind"
        },
    }


def _bridge(ours: socket.socket, wire: Wire) -> None:
    """Carry bytes between the child and the probe until either ends."""

    def to_probe() -> None:
        try:
            while data := ours.recv(1 << 16):
                wire.send(data)
        except OSError:
            pass  # one end is gone, and the other one is told below
        wire.close()

    def to_child() -> None:
        try:
            while data := wire.receive():
                ours.sendall(data)
            ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the child has ended

    for carry in (to_probe, to_child):
        threading.Thread(target=carry, daemon=True).start()
