"""What a confined child may say, and when: which checks there are, then how each goes, in turn."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from labctl.grading.frames import Breach
from labctl.grading.report import clean
from labctl.lab.model import Strict

_LINES = 60

Short = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[ -~]+$")]
Long = Annotated[str, StringConstraints(max_length=500_000)]


class About(Strict):
    """One check, as collect.Check has it. `seconds` is how long labctl waits for it."""

    id: Short
    kind: Literal["check", "weakness"]
    points: Annotated[int, Field(ge=0, le=1000)]
    hint: Long
    seconds: Annotated[int, Field(ge=1, le=900)]
    statement: Long


class Collected(Strict):
    """The checks that there are."""

    event: Literal["collected"]
    checks: Annotated[list[About], Field(max_length=500)]


class Broken(Strict):
    """The checks cannot be loaded."""

    event: Literal["broken"]
    message: Long


class Start(Strict):
    """A check begins."""

    event: Literal["start"]
    id: Short


class Result(Strict):
    """A check has ended; what comes with an outcome that there is not counts as an error."""

    event: Literal["result"]
    id: Short
    outcome: Literal["passed", "failed", "error"]
    message: Long
    seconds: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    again: bool


class Request(Strict):
    """A request to the API of a cluster: what `requests` would be given, and no more of it."""

    id: int
    cluster: Short
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, StringConstraints(max_length=4096, pattern=r"^/[!-~]*$")]
    params: dict[str, str | int | float | bool | list[str] | None] = Field(default_factory=dict)
    headers: dict[Literal["Accept", "Content-Type"], Short] = Field(default_factory=dict)
    content: Any = Field(default=None, alias="json")
    data: Long | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What is said besides method and path."""
        return {
            "params": self.params,
            "headers": self.headers,
            "json": self.content,
            "data": self.data,
        }


_Event = Annotated[Collected | Broken | Start | Result, Field(discriminator="event")]
_EVENTS: TypeAdapter[Collected | Broken | Start | Result] = TypeAdapter(_Event)


def request(payload: bytes) -> Request:
    """A request, taken apart. Raises Breach."""
    try:
        return Request.model_validate(json.loads(payload))
    except (ValueError, RecursionError) as e:
        raise Breach(f"it asked for what it may not have: {_short(e)}") from e


class Script:
    """Reads the events of one child, in their order."""

    def __init__(self) -> None:
        self._left: set[str] | None = None
        self._runs = ""

    def read(self, payload: bytes) -> dict[str, Any]:
        """The next event, fit to be shown. Raises Breach."""
        try:
            event = _EVENTS.validate_python(json.loads(payload))
        except (ValueError, RecursionError) as e:
            raise Breach(f"it told something that is no event: {_short(e)}") from e
        if not self._fits(event):
            raise Breach(f"it told of `{event.event}` out of turn")
        return _clean(event.model_dump())

    def _fits(self, event: Collected | Broken | Start | Result) -> bool:
        if isinstance(event, Collected | Broken):
            first = self._left is None
            self._left = {c.id for c in event.checks} if isinstance(event, Collected) else set()
            return first
        if isinstance(event, Start):
            due = not self._runs and event.id in (self._left or ())
            self._runs = event.id
            return due
        due = bool(self._runs) and event.id == self._runs
        (self._left or set()).discard(event.id)
        self._runs = ""
        return due


def _clean(event: dict[str, Any]) -> dict[str, Any]:
    """Without anything that a terminal would act upon."""
    for about in event.get("checks", ()):
        about["statement"], about["hint"] = clean(about["statement"]), clean(about["hint"])
    if event["event"] == "broken":
        lines = event["message"].splitlines()[-_LINES:]
        event["message"] = "\n".join(clean(line) for line in lines)
    return event


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return clean(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", 200)
    return type(error).__name__
