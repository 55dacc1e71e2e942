"""Grading a session that runs here: from a session to a report."""

from __future__ import annotations

import time

from labctl.errors import EnvironmentFailure
from labctl.grading import runner
from labctl.grading.children import Child
from labctl.grading.report import CheckResult, Report
from labctl.progress import Detail
from labctl.session.model import now
from labctl.session.opened import Session


def check(session: Session, detail: Detail, child: Child | None = None) -> Report:
    """Run all checks of the session's lab, as it is now; `child` is one started ahead."""
    started = now()
    results = _run(session, "check", detail, child)
    return Report.of(session.record, session.lab, results, started=started, finished=now())


def prove(session: Session, detail: Detail, child: Child | None = None) -> None:
    """Make sure that the untouched lab is really broken: every weakness shows.

    `child` is one started ahead. Tries until the deadline of what is missing. Raises
    EnvironmentFailure with what that is.
    """
    began = time.monotonic()
    results = _run(session, "weakness", detail, child)
    while missing := tuple(r for r in results if r.outcome != "passed"):
        # A weakness is tried again by its own process; a fixture that failed is not.
        if time.monotonic() - began > max(r.deadline for r in missing):
            raise EnvironmentFailure(
                f"The lab `{session.lab.id}` did not come up as it should",
                details="\n".join(f"{r.id}: {r.message}" for r in missing),
                resolution="Start it again; with `--keep` its machines stay, to look at.",
            )
        results = _run(session, "weakness", detail)


def _run(
    session: Session, kind: str, detail: Detail, child: Child | None = None
) -> tuple[CheckResult, ...]:
    return runner.run(
        session.place,
        session.find,
        session.probe,
        kind=kind,
        child=child,
        on_result=lambda result: detail(f"{result.id}: {result.outcome}"),
    )
