"""A lab as one `grade` asks for it: its edition, its checks, the hidden ones among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.grading import collect
from labctl.grading.batch.state import Edition, State, merged_checks
from labctl.lab import loader
from labctl.lab.model import Lab

# Seconds that a try may take besides its checks: the start of a session, the replay, the removal.
_ROUND = 900
# A check may overrun its deadline a little before its process is given up.
_SLACK = 10


@dataclass(frozen=True)
class Assignment:
    """What is the same for all submissions of one lab.

    `points` are all that there are to earn, `hidden` the ids of checks that learners never see,
    `checks` the folder to take the checks from ("" for the lab's own), `seconds` the deadline of
    one try.
    """

    lab: Lab
    edition: Edition
    points: int
    hidden: tuple[str, ...]
    checks: str
    seconds: float


def assignment(lab_id: str, state: State, course: str, hidden: Path | None) -> Assignment:
    """Read a lab and its checks; `hidden` is the folder with hidden checks for this lab, if any.

    Raises UsageError, DefinitionError.
    """
    lab = loader.find(lab_id)
    folder, digest = merged_checks(state.root, lab.folder, hidden) if hidden else (None, "")
    own = collect.checks(lab)
    found = collect.checks(lab, folder) if folder else own
    graded = [check for check in found if check.kind == "check"]
    known = {check.id for check in own}
    return Assignment(
        lab=lab,
        edition=Edition(course=course, lab=loader.digest(lab), hidden=digest),
        points=sum(check.points for check in graded),
        hidden=tuple(check.id for check in graded if check.id not in known),
        checks=str(folder) if folder else "",
        seconds=_ROUND + sum(check.seconds + _SLACK for check in found),
    )
