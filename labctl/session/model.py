"""What labctl remembers of a session: only what the engine cannot know."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab.names import NAME_PATTERN

FORMAT = 1
MAX_NAME = 24


@dataclass(frozen=True)
class Record:
    """A session's record. Times are ISO 8601 in UTC; empty means: not yet.

    `ready` is set when `start` has finished, so a record without it, whose lock is free,
    is an interrupted start. `ending` is set first thing by `stop`, so an interrupted stop
    shows too. `workspace` is the digest of the workspace as the learner got it.
    """

    name: str
    lab: str
    digest: str
    seed: str
    learner: str
    created: str
    ready: str = ""
    workspace: str = ""
    machines: dict[str, str] = field(default_factory=dict)
    ending: bool = False
    solved: bool = False
    hints: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

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
            return cls(**data)
        except TypeError as e:
            raise EnvironmentFailure("A session's record is incomplete", details=str(e)) from e


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
