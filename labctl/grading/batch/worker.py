"""Grades one submission: a clean session, the work put into it, the checks, and nothing left.

`python -m labctl.grading.batch.worker EVENTS` is told one task. It has no key of the course:
what it reports is signed by its parent.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from labctl import host as hosts
from labctl.errors import EnvironmentFailure, LabctlError
from labctl.grading import children, live
from labctl.grading.batch.helper import Tell, serve
from labctl.grading.report import quiz_score
from labctl.grading.submission import policy, replay, unpack
from labctl.grading.submission.model import ANSWERS, REPORT, Submission
from labctl.host.model import Host
from labctl.lab import loader
from labctl.progress import Detail, Silent
from labctl.session import lifecycle, removal
from labctl.session.opened import Session
from labctl.session.store import Store

_MOST_MINUTES = 366 * 24 * 60


@dataclass(frozen=True)
class Task:
    """One submission to grade. `checks` is the folder to take the checks from, "" for the lab's."""

    path: str
    submission: str
    lab: str
    digest: str
    learner: str
    course: str
    seed: str
    session: str
    store: str
    checks: str = ""
    disposable: bool = False


class Steps:
    """Progress whose steps are told to the parent."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    @contextmanager
    def step(self, name: str) -> Iterator[Detail]:
        """Tell that a step begins."""
        self._tell({"event": "step", "name": name})
        yield lambda text: None


def grade(task: Task, tell: Tell) -> None:
    """Tell the stages, then the report with the replay's notes, then the end.

    Raises LabctlError when there is no verdict.
    """
    store, host, lab = Store(Path(task.store)), hosts.find("local"), loader.find(task.lab)
    submission = unpack.read(Path(task.path))
    problems = policy.refusals(submission, lab, disposable=task.disposable)
    if submission.digest != task.submission or problems:
        raise EnvironmentFailure(f"{task.path} changed while it was graded")
    progress = Steps(tell)
    tell({"event": "stage", "stage": "prepare"})
    # Never in an environment that another try has worked in.
    removal.stop(store, host, task.session, Silent())
    with children.start() as child:
        session = lifecycle.start(
            store,
            host,
            lab,
            progress,
            partial(live.prove, child=child),
            name=task.session,
            seed=task.seed,
            learner=task.learner,
            course=task.course,
            sealed=True,
        )
    try:
        tell({"event": "stage", "stage": "replay"})
        notes = replay.replay(session, submission, progress, disposable=task.disposable)
        tell({"event": "stage", "stage": "check"})
        report = live.check(session, lambda text: None, folder=_folder(task, lab.folder))
        if report.digest != task.digest:
            raise EnvironmentFailure(f"The files of the lab `{lab.id}` changed while it was graded")
        # Who used `labctl solve` or hints, and for how long they worked, is the learner's word;
        # nobody lies to their own harm.
        manifest = submission.manifest
        report = replace(
            report,
            verified=True,
            solved=manifest.solved,
            hints=tuple(manifest.hints),
            minutes_used=_minutes(submission),
            quiz=quiz_score(lab, _answers(submission)),
        )
        tell({"event": "graded", "report": report.to_json(), "notes": list(notes)})
    finally:
        tell({"event": "stage", "stage": "remove"})
        remove(store, host, session)


def _minutes(submission: Submission) -> float:
    """What the learner's own last report says of the time."""
    try:
        told = json.loads(submission.files[REPORT])["minutes_used"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return 0.0
    return float(told) if isinstance(told, int | float) and 0 <= told < _MOST_MINUTES else 0.0


def _answers(submission: Submission) -> dict[str, str]:
    """The learner's answers; what is none is left out."""
    try:
        told = json.loads(submission.files[ANSWERS])
    except (KeyError, ValueError, RecursionError):
        return {}
    found = told.items() if isinstance(told, dict) else ()
    return {name: value for name, value in found if isinstance(value, str)}


def _folder(task: Task, own: Path) -> Path:
    return Path(task.checks) if task.checks else own


def remove(store: Store, host: Host, session: Session) -> None:
    """Remove the session; the workspace too, because the work is in the submission."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    shutil.rmtree(session.place.workspace, ignore_errors=True)
    removal.stop(store, host, session.record.name, Silent())


def _work(message: dict[str, Any], tell: Tell) -> None:
    try:
        grade(Task(**message), tell)
        tell({"event": "end"})
    except LabctlError as e:
        tell({"event": "trouble", "reason": e.message + (f": {e.details}" if e.details else "")})
    except Exception as e:
        last = traceback.format_exc().strip().splitlines()[-3:]
        tell({"event": "trouble", "reason": f"{type(e).__name__}: {e}", "where": last})
    os._exit(0)


def _leave() -> None:
    """The parent is gone, or has had enough: stop at once, and take the session away."""
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def task(**values: Any) -> dict[str, Any]:
    """A task as it is told."""
    return asdict(Task(**values))


def main() -> None:
    """Serve one task."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        serve(_work, leave=_leave)
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    main()
