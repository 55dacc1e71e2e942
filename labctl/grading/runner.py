"""Runs a lab's checks on a session and turns what the child tells into results."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from labctl.environment.model import Found, Place
from labctl.environment.probe import Probe
from labctl.environment.probe_client import Wire
from labctl.errors import EnvironmentFailure
from labctl.grading import children
from labctl.grading.report import CheckResult

Find = Callable[[str], Found | None]
OnResult = Callable[[CheckResult], None]

# How much longer than its deadline a check may stay silent before its process is killed.
_SLACK = 5.0


def run(
    place: Place,
    find: Find,
    probe: Probe,
    *,
    kind: str = "check",
    only: Sequence[str] | None = None,
    on_result: OnResult | None = None,
) -> tuple[CheckResult, ...]:
    """Run the checks (or with `kind` "weakness" those) of the session's lab.

    `find` tells a machine's state, `only` are the ids to run, `on_result` hears of each result
    as it comes. Every check of the lab gets a result, in the lab's order: one whose process
    hangs or dies ends as an error, and the others are run in a new process. Raises
    EnvironmentFailure when the engine cannot be used, DefinitionError when the checks cannot
    be loaded.
    """
    ledger = _Ledger(on_result)
    left = list(only) if only is not None else None
    while True:
        _once(place, find, probe, kind, left, ledger)
        left = ledger.missing()
        if not left:
            return ledger.results()


class _Ledger:
    """The checks that there are, and the results so far."""

    def __init__(self, on_result: OnResult | None) -> None:
        self._on_result = on_result
        self.checks: dict[str, dict[str, Any]] = {}
        self._results: dict[str, CheckResult] = {}

    def collected(self, checks: Sequence[dict[str, Any]]) -> None:
        for check in checks:
            self.checks.setdefault(check["id"], check)

    def add(self, id: str, outcome: str, message: str, seconds: float) -> None:
        about = self.checks[id]
        result = CheckResult(
            id=id,
            statement=about["statement"],
            outcome="passed"
            if outcome == "passed"
            else "failed"
            if outcome == "failed"
            else "error",
            points=about["points"],
            message=message,
            hint=about["hint"],
            seconds=seconds,
            deadline=about["seconds"],
        )
        self._results[id] = result
        if self._on_result:
            self._on_result(result)

    def missing(self) -> list[str]:
        return [check for check in self.checks if check not in self._results]

    def results(self) -> tuple[CheckResult, ...]:
        return tuple(self._results[check] for check in self.checks)


def _once(
    place: Place,
    find: Find,
    probe: Probe,
    kind: str,
    only: Sequence[str] | None,
    ledger: _Ledger,
) -> None:
    """Run one child as far as it goes. At least one check gets a result, or it raises."""
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        child = stack.enter_context(children.start(place.lab, theirs.fileno()))
        theirs.close()
        # While the child loads pytest: ask the engine, and open the wire to the probe.
        with ThreadPoolExecutor(max_workers=8) as pool:
            opening = pool.submit(probe.open)
            machines = dict(
                zip(place.lab.machines, pool.map(find, place.lab.machines), strict=True)
            )
            wire = opening.result()
        stack.callback(wire.close)
        _bridge(ours, wire)
        child.begin(_spec(place, machines, kind, only))
        _listen(child, ledger)


def _listen(child: children.Child, ledger: _Ledger) -> None:
    try:
        ledger.collected(child.next(children.START_SECONDS)["checks"])
    except children.Late as e:
        raise EnvironmentFailure(
            f"The process that runs the checks did not start: {e}", details=child.output
        ) from e
    for _ in ledger.missing():
        check, seconds = ledger.missing()[0], 0.0
        try:
            check = child.next(children.START_SECONDS)["id"]
            seconds = ledger.checks[check]["seconds"] + _SLACK
            result = child.next(seconds)
        except children.Late as e:
            ledger.add(check, "error", f"the process that ran the check was lost: {e}", seconds)
            return
        ledger.add(check, result["outcome"], result["message"], result["seconds"])


def _spec(
    place: Place, machines: dict[str, Found | None], kind: str, only: Sequence[str] | None
) -> dict[str, Any]:
    lab = place.lab
    return {
        **children.spec(lab),
        "kind": kind,
        "only": None if only is None else list(only),
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
