"""Grading a session that runs here: from a session to a report."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from labctl.errors import EnvironmentFailure, UsageError
from labctl.grading import runner
from labctl.grading.children import Child
from labctl.grading.report import CheckResult, Report
from labctl.progress import Detail
from labctl.session.model import now
from labctl.session.opened import Session


def check(
    session: Session, detail: Detail, child: Child | None = None, *, folder: Path | None = None
) -> Report:
    """Run all checks of the session's lab, as it is now; `child` is one started ahead.

    `folder` has the checks to run, unless they are the lab's own. Raises UsageError when the
    session's facts are not those that its machines were made with.
    """
    if session.probe.knows_other_facts():
        raise UsageError(
            f"The facts of session `{session.record.name}` are not those it was started with",
            details="Its seed, or what the lab says about facts, was changed after the start.",
            resolution="`labctl reset` makes the machines anew.",
        )
    started = now()
    results = _run(session, "check", detail, child, folder)
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
    session: Session,
    kind: str,
    detail: Detail,
    child: Child | None = None,
    folder: Path | None = None,
) -> tuple[CheckResult, ...]:
    run = partial(
        runner.run,
        session.place,
        session.find,
        kind=kind,
        folder=folder,
        on_result=lambda result: detail(f"{result.id}: {result.outcome}"),
    )
    if not session.lab.source:
        return run(session.probe, child=child)
    # A lab from elsewhere: one that was started ahead may do too much for it.
    from labctl.grading import confined

    return run(confined.Within(session), start=partial(confined.start, session))
