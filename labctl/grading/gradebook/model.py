"""What a gradebook holds: small immutable values, and the JSON that they are kept in."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from labctl.errors import UsageError
from labctl.grading.report import CheckResult, Report, clean

FORMAT = 1
FILE = "gradebook.json"

_NAMED = 10  # learners in a sentence

Status = Literal["graded", "refused", "error", "missing"]
Value = TypeVar("Value")
Kind = Literal["same-bytes", "same-text", "seeded-value"]


def visible(text: str) -> str:
    """A name that somebody else chose, with what would hide in it written out.

    Unlike with `clean`, two names that differ stay two: a zero-width blank becomes its number.
    """
    return "".join(
        c if unicodedata.category(c) not in _HIDDEN and (c == " " or not c.isspace()) else _code(c)
        for c in text
    )


_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _code(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


@dataclass(frozen=True)
class Entry:
    """What became of one learner's submission for one lab.

    `points` is what the lab is worth, hidden checks included, whatever became of the
    submission. `file` is the submission's name, `submission` its sha256 ("" when missing).
    `learner` is empty when a file does not tell whose it is.
    `reason` tells why it was refused or ended as error. `hidden` are the ids of checks that
    learners must not see. `signed` is the envelope around the report. Times are ISO 8601, UTC.

    Names never hold hidden characters, and texts no control characters, whoever wrote them.
    """

    learner: str
    lab: str
    file: str
    submission: str
    status: Status
    points: int
    reason: str = ""
    notes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    report: Report | None = None
    signed: Mapping[str, Any] | None = None
    started: str = ""
    finished: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "learner", visible(self.learner))
        object.__setattr__(self, "file", visible(self.file))
        object.__setattr__(self, "reason", clean(self.reason))
        object.__setattr__(self, "notes", tuple(clean(note) for note in self.notes))

    @property
    def who(self) -> str:
        """Whose it is, or which file it is when that is not known."""
        return self.learner or f"({self.file})"

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """The results of a graded submission; nothing for any other."""
        return self.report.results if self.report and self.status == "graded" else ()

    @property
    def earned(self) -> int:
        """The points that were earned; nothing unless it was graded."""
        return sum(result.earned for result in self.results)

    @property
    def regrade(self) -> bool:
        """Whether it must be graded again: labctl, and not the learner, left points open."""
        return self.status == "error" or any(r.outcome == "error" for r in self.results)

    def to_json(self) -> dict[str, Any]:
        """As plain data, with what readers would otherwise have to work out."""
        return {
            **asdict(self),
            "report": self.report.to_json() if self.report else None,
            "earned": self.earned,
            "regrade": self.regrade,
        }

    @classmethod
    def from_json(cls, data: object) -> Entry:
        """From plain data. Raises UsageError when it is damaged."""
        return _read(cls, data)


@dataclass(frozen=True)
class Similarity:
    """Something that submissions for one lab have in common. It accuses nobody.

    - `same-bytes`, `same-text`: `learners` handed in the same `file`, to the byte, or but for
      blanks and line ends.
    - `seeded-value`: `file` of the first of `learners` holds `value`, which was given to the
      others as the fact `fact`.
    """

    kind: Kind
    lab: str
    learners: tuple[str, ...]
    file: str
    fact: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "learners", tuple(visible(name) for name in self.learners))
        object.__setattr__(self, "file", visible(self.file))

    def __str__(self) -> str:
        if self.kind == "seeded-value":
            holder, *owners = self.learners
            return (
                f"`{self.file}` of {holder} holds {self.value}, "
                f"the {self.fact} that was given to {_listed(owners)}"
            )
        alike = "" if self.kind == "same-bytes" else " but for blanks and line ends"
        return f"{_listed(self.learners)} handed in the same `{self.file}`{alike}"


@dataclass(frozen=True)
class Gradebook:
    """What became of every learner's submission for every lab. `created`: ISO 8601, UTC."""

    course: str
    labs: tuple[str, ...]
    created: str
    entries: tuple[Entry, ...]
    similar: tuple[Similarity, ...] = ()
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **asdict(self),
            "entries": [entry.to_json() for entry in self.entries],
        }

    @classmethod
    def from_json(cls, data: object) -> Gradebook:
        """From plain data. Raises UsageError when it is damaged, or of another format."""
        if isinstance(data, Mapping) and data.get("format") not in (None, FORMAT):
            raise UsageError(
                f"The gradebook has format {data['format']}; this labctl reads format {FORMAT}",
                resolution="Use the labctl that wrote it, or `labctl grade` again.",
            )
        return _read(cls, data)


def load(path: Path) -> Gradebook:
    """Read a gradebook: its file, or the folder that `labctl grade` wrote it into.

    Raises UsageError when there is none, or it cannot be read.
    """
    file = path / FILE if path.is_dir() else path
    try:
        return Gradebook.from_json(json.loads(file.read_text(encoding="utf-8")))
    except OSError as e:
        raise UsageError(
            f"There is no gradebook at {file}: {e.strerror}",
            resolution="Name the folder that `labctl grade` wrote to, or its gradebook.json.",
        ) from e
    except ValueError as e:
        raise UsageError(f"{file} is no JSON file", details=str(e)) from e


def _read(kind: type[Value], data: object) -> Value:
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as e:
        problems = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in e.errors()[:10]]
        raise UsageError(
            "The gradebook is damaged",
            details="\n".join(problems),
            resolution="`labctl grade` writes a new one.",
        ) from e


def _listed(names: tuple[str, ...] | list[str]) -> str:
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
