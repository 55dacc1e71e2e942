"""The areas of a lab, and how far the learner has come in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from labctl.lab.model import Area


class Result(Protocol):
    """What is needed of the result of a check."""

    @property
    def id(self) -> str:
        """The check's id."""

    @property
    def points(self) -> int:
        """What there is to earn."""

    @property
    def earned(self) -> int:
        """What was earned."""


@dataclass(frozen=True)
class AreaResult:
    """The points of the checks of one area; `lab` is the one that teaches it, or empty."""

    name: str
    title: str
    lab: str
    points: int
    earned: int

    @property
    def share(self) -> float:
        """The part that was earned: 0 to 1."""
        return self.earned / self.points if self.points else 0.0

    def __str__(self) -> str:
        return f"{self.title}: {self.earned} of {self.points} points"


def summed(areas: Mapping[str, Area], results: Iterable[Result]) -> tuple[AreaResult, ...]:
    """The areas with what was earned in each, in the lab's order."""
    found = {result.id: result for result in results}
    return tuple(
        AreaResult(
            name=name,
            title=area.title,
            lab=area.lab or "",
            points=sum(found[check].points for check in area.checks if check in found),
            earned=sum(found[check].earned for check in area.checks if check in found),
        )
        for name, area in areas.items()
    )
