"""Where every submission stands, and when the rest will be done: what the cli draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["waiting", "prepare", "replay", "check", "remove", "graded", "refused", "error"]
RUNNING: tuple[Stage, ...] = ("prepare", "replay", "check", "remove")
DONE: tuple[Stage, ...] = ("graded", "refused", "error")

# How far one measured duration alone may be off.
_UNSURE = 0.4
_LEAST = 2  # finished submissions without which nothing is estimated


@dataclass
class Line:
    """One submission. `since` is when its stage began, `detail` the step or the outcome."""

    file: str
    learner: str
    lab: str
    stage: Stage = "waiting"
    detail: str = ""
    since: float = 0.0
    began: float = 0.0
    tries: int = 0


@dataclass
class _Durations:
    """Count, mean and spread of durations, without keeping them."""

    count: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        delta = seconds - self.mean
        self.mean += delta / self.count
        self._squares += delta * (seconds - self.mean)

    @property
    def variance(self) -> float:
        if self.count < 2:
            return (_UNSURE * self.mean) ** 2
        return max(self._squares / (self.count - 1), (0.05 * self.mean) ** 2)


@dataclass
class Board:
    """All submissions, in the gradebook's order. `trouble` is what all are waiting for.

    `changed` is called with the line at each change of a stage, and without one when the trouble
    changes; it must not take long.
    """

    changed: Callable[[Board, Line | None], None]
    clock: Callable[[], float] = time.monotonic
    lines: list[Line] = field(default_factory=list)
    trouble: str = ""
    _durations: dict[str, _Durations] = field(default_factory=dict)
    _busy: float = 0.0
    _start: float = 0.0

    def add(self, line: Line) -> Line:
        """One more submission."""
        self.lines.append(line)
        return line

    def enter(self, line: Line, stage: Stage, detail: str = "") -> None:
        """A submission comes into a stage."""
        now = self.clock()
        if stage == "prepare" and line.stage == "waiting":
            self._start = self._start or now
            line.began = now
        if line.stage in RUNNING and stage not in RUNNING:
            self._busy += now - line.began
            if stage == "graded":
                self._durations.setdefault(line.lab, _Durations()).add(now - line.began)
        line.stage, line.detail, line.since = stage, detail, now
        self.changed(self, line)

    def wait(self, trouble: str) -> None:
        """Nothing can go on until the trouble is over; "" when it is."""
        if trouble != self.trouble:
            self.trouble = trouble
            self.changed(self, None)

    def count(self, *stages: Stage) -> int:
        """How many are in these stages."""
        return sum(line.stage in stages for line in self.lines)

    def running(self) -> Iterator[Line]:
        """Those that are worked on."""
        return (line for line in self.lines if line.stage in RUNNING)

    def left(self) -> tuple[float, float] | None:
        """How many seconds the rest will probably take, from and to; None when nobody knows.

        What one submission took on average, by lab; as many side by side as there were so far.
        """
        if sum(known.count for known in self._durations.values()) < _LEAST:
            return None
        now = self.clock()
        work = unsure = 0.0
        todo: dict[str, int] = {}
        for line in self.lines:
            if line.stage == "waiting" or line.stage in RUNNING:
                known = self._durations.get(line.lab)
                if known is None:
                    return None
                todo[line.lab] = todo.get(line.lab, 0) + 1
                spent = now - line.began if line.stage in RUNNING else 0.0
                work += max(known.mean - spent, 0.1 * known.mean)
        for lab, count in todo.items():
            known = self._durations[lab]
            unsure += count * known.variance + count**2 * known.variance / known.count
        busy = self._busy + sum(now - line.began for line in self.running())
        width = max(1.0, busy / max(now - self._start, 0.001))
        error = float(unsure**0.5) / width
        return max(0.0, work / width - error), work / width + error


def told(left: tuple[float, float]) -> str:
    """An estimate in words: `about 6 min`, or a range where less is known."""
    low, high = left
    unit, size = ("s", 1) if high < 90 else ("min", 60) if high < 5400 else ("h", 3600)
    step = 10 if unit == "s" else 1
    a, b = (max(step, round(seconds / size / step) * step) for seconds in (low, high))
    return f"about {b} {unit}" if b - a <= 0.1 * b else f"{a} to {b} {unit}"
