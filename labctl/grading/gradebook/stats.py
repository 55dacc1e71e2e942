"""What many reports say together: how the points are spread, which checks are hard."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from labctl.grading.gradebook.model import Entry, Gradebook

_BARS = 10  # in a distribution; one for every number of points where there are few points


@dataclass(frozen=True)
class Bar:
    """How many submissions earned between `low` and `high` points, both included."""

    low: int
    high: int
    count: int

    @property
    def label(self) -> str:
        """The points that it stands for."""
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Difficulty:
    """How one check ended for everybody whose submission was graded."""

    id: str
    statement: str
    points: int
    hidden: bool
    passed: int
    failed: int
    error: int

    @property
    def total(self) -> int:
        """How often it ran."""
        return self.passed + self.failed + self.error


@dataclass(frozen=True)
class LabStatistics:
    """What the reports of one lab say together.

    Mean, median and bars are of settled grades only: submissions that were graded and need no
    regrade (`settled` of them). Without any, mean and median are None.
    """

    lab: str
    title: str
    points: int
    entries: int
    settled: int
    mean: float | None
    median: float | None
    bars: tuple[Bar, ...]
    checks: tuple[Difficulty, ...]


def of_lab(gradebook: Gradebook, lab: str) -> LabStatistics:
    """The statistics of one lab."""
    entries = [entry for entry in gradebook.entries if entry.lab == lab]
    points = max((entry.points for entry in entries), default=0)
    settled = [e.earned for e in entries if e.status == "graded" and not e.regrade]
    return LabStatistics(
        lab=lab,
        title=next((e.report.title for e in entries if e.report), lab),
        points=points,
        entries=len(entries),
        settled=len(settled),
        mean=statistics.fmean(settled) if settled else None,
        median=statistics.median(settled) if settled else None,
        bars=bars(settled, points),
        checks=difficulties(entries),
    )


def bars(earned: Iterable[int], points: int) -> tuple[Bar, ...]:
    """The distribution of points between 0 and `points`, in bars of equal width.

    The last bar is narrower when the width does not go into the points.
    """
    width = 1 if points <= 2 * _BARS else -(-(points + 1) // _BARS)
    found = list(earned)
    return tuple(
        Bar(low, high, sum(low <= value <= high for value in found))
        for low in range(0, points + 1, width)
        for high in [min(low + width - 1, points)]
    )


def difficulties(entries: Iterable[Entry]) -> tuple[Difficulty, ...]:
    """How each check ended over all graded submissions, in the order of the lab."""
    first: dict[str, tuple[str, int]] = {}
    counts: dict[str, dict[str, int]] = {}
    hidden: set[str] = set()
    for entry in entries:
        hidden.update(entry.hidden)
        for result in entry.results:
            first.setdefault(result.id, (result.statement, result.points))
            outcomes = counts.setdefault(result.id, {"passed": 0, "failed": 0, "error": 0})
            outcomes[result.outcome] += 1
    return tuple(
        Difficulty(check, statement, points, check in hidden, **counts[check])
        for check, (statement, points) in first.items()
    )
