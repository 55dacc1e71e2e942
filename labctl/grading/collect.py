"""Which checks a lab has, without running any."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.errors import EnvironmentFailure
from labctl.grading import children
from labctl.lab.model import Lab


@dataclass(frozen=True)
class Check:
    """What a lab says about one check; `seconds` is its deadline, `kind` check or weakness."""

    id: str
    kind: str
    statement: str
    points: int
    hint: str
    seconds: int


def checks(lab: Lab) -> tuple[Check, ...]:
    """All checks and weaknesses of a lab, in the order in which they run.

    Raises DefinitionError when they cannot be loaded, EnvironmentFailure when the process
    that loads them does not answer.
    """
    with children.start(lab) as child:
        child.begin({**children.spec(lab), "collect": True})
        try:
            event = child.next(children.START_SECONDS)
        except children.Late as e:
            raise EnvironmentFailure(
                f"The checks of lab `{lab.id}` could not be loaded: {e}", details=child.output
            ) from e
    return tuple(Check(**about) for about in event["checks"])
