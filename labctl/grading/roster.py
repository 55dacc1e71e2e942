"""Who takes part: the learners of a CSV file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import UsageError
from labctl.session.model import valid_learner

MAX_BYTES = 4 << 20

# What the column of ids, names and addresses is called in rosters and exports, best first.
_ID = ("learner", "id", "student", "sis id", "sis user id", "id number", "student id", "username")
_NAME = ("name", "student name", "full name", "student")
_EMAIL = ("email", "email address", "e-mail", "mail")


@dataclass(frozen=True)
class Learner:
    """One line of a roster; name and e-mail address may be empty."""

    id: str
    name: str = ""
    email: str = ""


def read(path: Path) -> tuple[Learner, ...]:
    """The learners of a CSV file with a header line, in its order.

    The id is in a column `learner` (or `id`, `student`, `sis id`, ...). Lines without an id are
    left out. Raises UsageError for a file without such a column, an unfit id, or one that
    stands twice.
    """
    rows = list(csv.reader(io.StringIO(_text(path), newline=""), strict=False))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = {
        what: next((header.index(word) for word in words if word in header), None)
        for what, words in (("id", _ID), ("name", _NAME), ("email", _EMAIL))
    }
    if column["id"] is None:
        raise UsageError(
            f"The roster {path} has no column with the learners' ids",
            details="Its columns: " + ", ".join(header) if header else "It is empty.",
            resolution="Its first line names the columns; call one of them `learner`.",
        )
    found: dict[str, Learner] = {}
    for number, row in enumerate(rows[1:], start=2):

        def cell(what: str, row: list[str] = row) -> str:
            at = column[what]
            return row[at].strip() if at is not None and at < len(row) else ""

        if not (learner := cell("id")):
            continue
        if learner in found:
            raise UsageError(f"{path}:{number}: the learner {learner!r} stands twice")
        found[valid_learner(learner)] = Learner(learner, cell("name"), cell("email"))
    return tuple(found.values())


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as e:
        raise UsageError(f"The roster {path} cannot be read", details=e.strerror) from e
    if len(data) > MAX_BYTES:
        raise UsageError(f"The roster {path} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise UsageError(f"The roster {path} is not UTF-8 text", details=str(e)) from e
