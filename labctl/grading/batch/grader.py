"""The queue: each submission prepared, replayed, checked, signed, kept; several at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from select import select
from typing import Any

from labctl.errors import EnvironmentFailure
from labctl.grading.batch import worker
from labctl.grading.batch.assignment import Assignment
from labctl.grading.batch.board import Board, Line
from labctl.grading.batch.helper import Helper
from labctl.grading.batch.intake import Job
from labctl.grading.batch.state import State
from labctl.grading.batch.watch import Watch
from labctl.grading.gradebook.model import Entry
from labctl.grading.report import Report
from labctl.lab.model import Lab
from labctl.session.model import now

TRIES = 3
# How often a submission may be graded while the engine goes down before that is its own doing.
_OUTAGES = 3
# Seconds: how long to wait for an engine that is down, or for room on the machine.
_PATIENCE = 600.0
# Seconds that a helper gets to tidy up after it was told to end.
_GRACE = 90.0
_TICK = 0.5

Sign = Callable[[Mapping[str, Any]], dict[str, Any]]
# Why a session of a lab does not fit beside those that start and run, or nothing.
Objection = Callable[[Lab, Sequence[Lab], int], str]


@dataclass
class Item:
    """A job with what became of it so far; `failures` are the reasons of tries that failed."""

    job: Job
    line: Line
    failures: list[str] = field(default_factory=list)
    outages: int = 0
    began: str = ""


@dataclass
class Try:
    """One item in a worker. `until` is its deadline, `losses` the engine's count at the start."""

    item: Item
    worker: Helper
    losses: int
    began: float
    until: float
    verdict: dict[str, Any] | None = None
    earned: str = ""  # "3/14" as soon as the verdict is kept
    trouble: str = ""
    leaving: bool = False
    starting: bool = True


@dataclass
class Grader:
    """Works off a queue of jobs. Each finished one is on disk before the next is begun."""

    state: State
    assignments: Mapping[str, Assignment]
    board: Board
    watch: Watch
    objection: Objection
    sign: Sign
    deadline: float | None = None
    disposable: bool = False
    hire: Callable[[], Helper] | None = None
    _queue: deque[Item] = field(default_factory=deque)
    _tries: list[Try] = field(default_factory=list)
    _stuck: float | None = None

    def run(self, jobs: Sequence[tuple[Job, Line]]) -> None:
        """Grade all jobs. Raises EnvironmentFailure when no more can be graded here.

        On Ctrl-C, and on any other end before the last job, helpers are told to tidy up and
        waited for; what is finished stays.
        """
        self._queue.extend(Item(job, line) for job, line in _mixed(jobs))
        try:
            while self._queue or self._tries:
                self._admit()
                self._listen()
                self._expire()
        finally:
            self._dismiss()

    def _admit(self) -> None:
        """Start as many as fit now."""
        while self._queue:
            lab = self.assignments[self._queue[0].job.lab].lab
            starting = [self._lab(t) for t in self._tries if t.starting]
            try:
                reason = self.objection(lab, starting, len(self._tries))
                up = self.watch.answers()
            except EnvironmentFailure:
                up = False
            if not up:
                self._wait("The engine does not answer", "When it is well again")
            elif reason and not self._tries:
                self._wait(f"Not one session fits: {reason}", "Make room; then")
            elif not reason:
                self._stuck = None
                self.board.wait("")
                self._begin(self._queue.popleft())
                continue
            return

    def _wait(self, reason: str, when: str) -> None:
        """Be patient for a while. Raises EnvironmentFailure after that."""
        self.board.wait(reason)
        self._stuck = self._stuck or time.monotonic()
        if time.monotonic() - self._stuck > _PATIENCE:
            raise EnvironmentFailure(
                f"Waited {_PATIENCE / 60:.0f} minutes in vain. {reason}",
                resolution=f"{when}, give the same command: what is graded stays.",
            )

    def _begin(self, item: Item) -> None:
        job, assignment = item.job, self.assignments[item.job.lab]
        item.began = item.began or now()
        item.line.tries += 1
        hired = self.hire() if self.hire else Helper(worker.__name__, self.state.store.root)
        at = time.monotonic()
        self._tries.append(Try(item, hired, self.watch.losses, at, at + self._seconds(item)))
        hired.tell(
            worker.task(
                path=str(job.path.absolute()),
                submission=job.submission,
                lab=job.lab,
                digest=assignment.edition.lab,
                learner=job.learner,
                course=assignment.edition.course,
                seed=job.seed,
                session=self.state.session(job.submission),
                store=str(self.state.store.root),
                checks=assignment.checks,
                disposable=self.disposable,
            )
        )
        self.board.enter(item.line, "prepare")

    def _listen(self) -> None:
        workers = {t.worker.fileno(): t for t in self._tries}
        if not workers:
            time.sleep(_TICK)  # waiting for the engine, or for room
            return
        for ready in select(list(workers), [], [], _TICK)[0]:
            one = workers[ready]
            for event in one.worker.hear():
                self._hear(one, event)
            if one.worker.ended:
                self._finish(one)

    def _hear(self, one: Try, event: dict[str, Any]) -> None:
        line = one.item.line
        if event["event"] == "stage":
            one.starting = event["stage"] == "prepare"
            self.board.enter(line, event["stage"])
        elif event["event"] == "step":
            line.detail = event["name"]
        elif event["event"] == "graded":
            one.verdict = event
            if self._holds(one):
                self._keep(one)
        elif event["event"] == "trouble":
            one.trouble = event["reason"]

    def _holds(self, one: Try) -> bool:
        """Whether the verdict counts: the engine was up all the time, and all could be asked."""
        assert one.verdict is not None
        outcomes = {result["outcome"] for result in one.verdict["report"]["results"]}
        last = len(one.item.failures) == TRIES - 1
        return self._steady(one) and ("error" not in outcomes or last)

    def _steady(self, one: Try) -> bool:
        return self.watch.answers() and self.watch.losses == one.losses

    def _keep(self, one: Try) -> None:
        """Sign the verdict and put it on disk."""
        assert one.verdict is not None
        item, finished = one.item, now()
        report = Report.from_json(one.verdict["report"])
        entry = self._entry(
            item,
            "graded",
            notes=(*item.job.notes, *one.verdict["notes"]),
            report=report,
            signed=self.sign(report.to_json()),
            started=item.began,
            finished=finished,
            seconds=round(time.monotonic() - one.began, 3),
        )
        self.state.save(entry, self.assignments[item.job.lab].edition)
        one.earned = f"{entry.earned}/{entry.points}"

    def _finish(self, one: Try) -> None:
        """A worker has ended: its item is done, or comes to the end of the queue again."""
        self._tries.remove(one)
        output = one.worker.output
        one.worker.close()
        item = one.item
        if one.earned:
            self.board.enter(item.line, "graded", one.earned)
            return
        reason = one.trouble or output.rpartition("\n")[2] or "its process ended without a word"
        if one.verdict is not None:
            reason = _errors(one.verdict["report"])
        if not self._steady(one) and item.outages < _OUTAGES:
            item.outages += 1
        else:
            item.failures.append(reason)
        if len(item.failures) < TRIES:
            self._queue.append(item)
            self.board.enter(item.line, "waiting", reason)
            return
        entry = self._entry(item, "error", reason=reason, started=item.began, finished=now())
        self.state.save(entry, self.assignments[item.job.lab].edition)
        self.board.enter(item.line, "error", reason)

    def _entry(self, item: Item, status: Any, **more: Any) -> Entry:
        job, assignment = item.job, self.assignments[item.job.lab]
        return Entry(
            learner=job.learner,
            lab=job.lab,
            file=job.file,
            submission=job.submission,
            status=status,
            points=assignment.points,
            hidden=assignment.hidden,
            **more,
        )

    def _expire(self) -> None:
        """End tries whose time is up, or whose machines are lost with the engine."""
        at = time.monotonic()
        for one in list(self._tries):
            late = at > one.until
            if one.leaving:
                if late:
                    one.worker.close()
                    self._finish(one)
            elif late or (one.losses != self.watch.losses and not one.earned):
                seconds = self._seconds(one.item)
                one.trouble = f"it did not end within {seconds:.0f} s" if late else "engine lost"
                one.leaving, one.until = True, at + _GRACE
                one.worker.hang_up()

    def _dismiss(self) -> None:
        """See all helpers off, and wait until they have taken their sessions away."""
        if self._tries:
            self.board.wait("Removing what runs")
        for one in self._tries:
            one.worker.hang_up()
        until = time.monotonic() + _GRACE
        try:
            while (waiting := [t for t in self._tries if not t.worker.ended]) and (
                left := until - time.monotonic()
            ) > 0:
                for ready in select([t.worker for t in waiting], [], [], left)[0]:
                    ready.hear()
        finally:
            for one in self._tries:
                one.worker.close()
            self._tries.clear()

    def _seconds(self, item: Item) -> float:
        return self.deadline or self.assignments[item.job.lab].seconds

    def _lab(self, one: Try) -> Lab:
        return self.assignments[one.item.job.lab].lab


def _mixed(jobs: Sequence[tuple[Job, Line]]) -> list[tuple[Job, Line]]:
    """The jobs with their labs taking turns: soon something is known of how long each takes."""
    turn: dict[str, int] = {}

    def place(pair: tuple[Job, Line]) -> int:
        turn[pair[0].lab] = turn.get(pair[0].lab, 0) + 1
        return turn[pair[0].lab]

    return sorted(jobs, key=place)


def _errors(report: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{result['id']}: {result['message']}"
        for result in report["results"]
        if result["outcome"] == "error"
    )
