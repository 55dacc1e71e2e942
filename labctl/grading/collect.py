"""Which checks a lab has: told by a child, without running any."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import DefinitionError, EnvironmentFailure
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


def checks(lab: Lab, folder: Path | None = None) -> tuple[Check, ...]:
    """All checks and weaknesses of a lab (or those of another `folder`), as they are run.

    Raises DefinitionError when there are none or they cannot be loaded, EnvironmentFailure
    when the process that loads them does not answer.
    """
    require_checks(lab)
    with _child(lab) as child:
        child.collect(children.task(folder or lab.folder, run=False))
        return collected(lab, child)


def _child(lab: Lab) -> AbstractContextManager[children.Child]:
    if not lab.source:
        return children.start()
    from labctl.grading import confined

    return confined.alone(lab)


def require_checks(lab: Lab) -> None:
    """Raise DefinitionError when the lab has no checks."""
    if not (lab.folder / "checks").is_dir():
        raise DefinitionError(f"The lab `{lab.id}` has no checks")


def collected(lab: Lab, child: children.Child) -> tuple[Check, ...]:
    """The checks that a child has found: its first event. Raises as `checks` does."""
    try:
        event = child.next(children.START_SECONDS)
    except children.Late as e:
        raise EnvironmentFailure(
            f"The process that runs the checks of `{lab.id}` did not start: {e}",
            details=child.output,
        ) from e
    if event["event"] == "broken":
        raise DefinitionError(
            f"The checks of lab `{lab.id}` cannot be loaded", details=event["message"]
        )
    return tuple(Check(**about) for about in event["checks"])
