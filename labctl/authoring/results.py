"""What came of trying labs: outcomes, what flakes, and what the command ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from labctl.authoring.trial import Wrong
from labctl.grading.report import Report


@dataclass(frozen=True)
class Outcome:
    """How one run ended: a report and what is wrong with it, or why there is none (`failure`)."""

    lab: str
    variant: str
    round: int
    seconds: float
    report: Report | None = None
    wrong: tuple[Wrong, ...] = ()
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether every verdict was as it must be."""
        return not self.wrong and not self.failure

    def to_json(self) -> dict[str, Any]:
        """As plain data; of the report only what helps to do it again."""
        return {
            "lab": self.lab,
            "variant": self.variant,
            "round": self.round,
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "seed": self.report.seed if self.report else "",
            "outcomes": {r.id: r.outcome for r in self.report.results} if self.report else {},
            "wrong": [asdict(wrong) for wrong in self.wrong],
            "failure": self.failure,
        }


@dataclass(frozen=True)
class Tally:
    """How often a check ended in which way, over the rounds of one variant."""

    lab: str
    variant: str
    check: str
    passed: int
    failed: int
    error: int

    @property
    def flaky(self) -> bool:
        """Whether it did not always end in the same way."""
        return (self.passed > 0) + (self.failed > 0) + (self.error > 0) > 1


def tallies(outcomes: Iterable[Outcome]) -> list[Tally]:
    """The checks of each variant with how often they ended in which way."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for outcome in outcomes:
        for result in outcome.report.results if outcome.report else ():
            key = (outcome.lab, outcome.variant, result.id)
            counts.setdefault(key, Counter())[result.outcome] += 1
    return [Tally(*key, c["passed"], c["failed"], c["error"]) for key, c in counts.items()]


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """3 when an environment failed or a check could not be asked, else 1 for a wrong verdict."""
    found = list(outcomes)
    if any(o.failure or any(w.outcome == "error" for w in o.wrong) for o in found):
        return 3
    return 0 if all(outcome.ok for outcome in found) else 1
