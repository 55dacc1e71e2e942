"""What labctl remembers of a session: only what the engine cannot know."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab.names import NAME_PATTERN

FORMAT = 1
MAX_NAME = 24
MAX_LEARNER = 128


@dataclass(frozen=True)
class Record:
    """A session's record. Times are ISO 8601 in UTC; empty means: not yet.

    `ready` is set when `start` has finished, so a record without it, whose lock is free,
    is an interrupted start. `ending` is set first thing by `stop`, so an interrupted stop
    shows too. `began` is when it was first ready, which no reset moves: what a timed lab counts
    from. `workspace` is the digest of the workspace as the learner got it. `course` is
    the id of the course whose ticket the session was started with; without one it is practice.
    """

    name: str
    lab: str
    digest: str
    seed: str
    learner: str
    created: str
    course: str = ""
    ready: str = ""
    began: str = ""
    workspace: str = ""
    machines: dict[str, str] = field(default_factory=dict)
    ending: bool = False
    solved: bool = False
    hints: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def minutes(self, at: str) -> float:
        """How long the learner has had the lab at a time (ISO 8601); 0 when that is not known."""
        try:
            passed = datetime.fromisoformat(at) - datetime.fromisoformat(self.began or self.created)
        except (ValueError, TypeError):
            return 0.0
        return round(max(passed.total_seconds(), 0.0) / 60, 1)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Record:
        """From plain data. Raises EnvironmentFailure when it is not a record of this format."""
        known = {f.name for f in fields(cls)}
        if not isinstance(data, dict) or data.get("format") != FORMAT or set(data) - known:
            raise EnvironmentFailure(
                "A session's record is of another format, or damaged",
                resolution="`labctl gc` removes what it describes; then start the lab again.",
            )
        try:
            record = cls(**data)
        except TypeError as e:
            raise EnvironmentFailure("A session's record is incomplete", details=str(e)) from e
        wrong = [f.name for f in fields(cls) if not _fits(getattr(record, f.name), f.name)]
        if wrong:
            raise EnvironmentFailure(
                f"A session's record is damaged: {', '.join(wrong)}",
                resolution="`labctl gc` removes what it describes; then start the lab again.",
            )
        return record


_KINDS = {
    "machines": dict,
    "answers": dict,
    "hints": list,
    "ending": bool,
    "solved": bool,
    "format": int,
}


def _fits(value: object, name: str) -> bool:
    """Whether a value read from a file is of the kind that the record holds under that name."""
    if type(value) is not _KINDS.get(name, str):
        return False
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    return not isinstance(parts, list) or all(isinstance(part, str) for part in parts)


def now() -> str:
    """The time, as records hold it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def valid_name(name: str) -> str:
    """The name, if a session may be called so. Raises UsageError otherwise."""
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > MAX_NAME:
        raise UsageError(
            f"`{name}` cannot be a session's name",
            resolution="Use lower case letters, digits and single hyphens, "
            f"{MAX_NAME} characters at most.",
        )
    return name


def valid_learner(name: str) -> str:
    """The id, if a learner may be called so. Raises UsageError otherwise."""
    normal = unicodedata.normalize("NFC", name)
    if not name.isprintable() or name != normal.strip() or not 0 < len(name) <= MAX_LEARNER:
        raise UsageError(
            f"{name[:MAX_LEARNER]!r} cannot be a learner's id",
            resolution="An id is one line of text without blanks around it, "
            f"{MAX_LEARNER} characters at most.",
        )
    return name
