"""Processes that try variants, each in an environment of its own: told, heard, ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from labctl.authoring import trial
from labctl.authoring.results import Outcome
from labctl.grading.batch.helper import Event, Helper
from labctl.grading.report import Report
from labctl.lab.model import Lab
from labctl.progress import Detail, Progress
from labctl.session.store import Store

_WAIT = 60.0  # seconds; only how often the waiting is looked at


@dataclass(frozen=True)
class Run:
    """One variant to try; `round` counts from 1."""

    variant: str
    round: int


@dataclass(frozen=True)
class Task:
    """What is tried in one environment, in order."""

    lab: Lab
    runs: tuple[Run, ...]


class Worker:
    """A process that does one task, in the session of that name.

    `settled`: the environment has taken all the memory that it will.
    """

    def __init__(self, task: Task, store: Store, session: str) -> None:
        self.task = task
        self.settled = False
        self._store = store
        self._session = session
        self._helper: Helper | None = None
        self._stopped = False

    def carry_out(self, progress: Progress) -> list[Outcome]:
        """Do the task; a step of progress for each run. Raises ProcessError."""
        with closing(Helper("labctl.authoring.worker", self._store.root)) as helper:
            self._helper = helper
            if self._stopped:
                return []
            helper.tell(
                {
                    "lab": self.task.lab.id,
                    "session": self._session,
                    "store": str(self._store.root),
                    "variants": [run.variant for run in self.task.runs],
                }
            )
            events = _events(helper)
            outcomes = [self._try(each, events, progress) for each in self.task.runs]
            for _ in events:
                pass  # it removes its environment
            return outcomes

    def stop(self) -> None:
        """Have it remove its environment and end; for another thread to call."""
        self._stopped = True
        if self._helper:
            self._helper.hang_up()

    def _try(self, each: Run, events: Iterator[Event], progress: Progress) -> Outcome:
        lab = self.task.lab
        name = f"{lab.id}: {each.variant}" + (f", round {each.round}" if each.round > 1 else "")
        began = time.monotonic()
        outcome = Outcome(lab.id, each.variant, each.round, 0.0)
        try:
            with progress.step(name) as detail:
                report, failure = self._hear(events, detail)
                self.settled = True
                outcome = Outcome(
                    lab.id,
                    each.variant,
                    each.round,
                    time.monotonic() - began,
                    report,
                    trial.wrong(lab, each.variant, report.results) if report else (),
                    failure,
                )
                if not outcome.ok:
                    raise _NotAsItMust
        except _NotAsItMust:
            pass
        return outcome

    def _hear(self, events: Iterator[Event], detail: Detail) -> tuple[Report | None, str]:
        """The next report, or why there is none."""
        for event in events:
            if event["event"] == "step":
                detail(event["name"])
            elif event["event"] == "report":
                return Report.from_json(event["report"]), ""
            else:
                return None, event["reason"]
        output = self._helper.output if self._helper else ""
        return None, f"The process that tried it has ended\n{output}".strip()


class _NotAsItMust(Exception):
    """Marks a step as failed; its outcome tells why."""


def _events(helper: Helper) -> Iterator[Event]:
    while not helper.ended:
        yield from helper.hear(_WAIT)
