"""Fill one column of a gradebook that Canvas or Moodle exported.

What their own source says about the files:

- Canvas (lib/gradebook_exporter.rb, gradebook_importer.rb of canvas-lms). The first row has
  `Student` (or `LastName`, `FirstName`), `ID`, `SIS User ID`, `SIS Login ID`, perhaps
  `Integration ID`, `Section`, then assignments as `Title (number)`, then sums. Below it may be a
  row that names the posting policy, then the row `    Points Possible`, where `(read only)`
  marks the columns that an import ignores. Separator (comma or semicolon) and byte order mark
  depend on the user's settings. A cell holds `EX` for an excused learner and `N/A` for one who
  does not have the assignment: both stay, because a number would undo what a person decided.
- Moodle (grade/export/txt/grade_export_txt.php). The first row has the profile fields that the
  site exports (`First name`, `Last name`, `ID number`, `Email address`, ...) and a column for each
  grade item, such as `Assignment: Lab 1 (Real)`; grades start in the second. All names are in the
  teacher's language; the separator is a comma, semicolon, colon or tab; no grade is `-`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labctl.errors import UsageError
from labctl.grading.gradebook.delimited import Cell, Encoding, replaced, rows
from labctl.grading.gradebook.model import Gradebook


@dataclass(frozen=True)
class System:
    """A learning platform. `keys`: columns that tell learners; `kept`: cells that stay."""

    name: str
    keys: tuple[str, ...]
    kept: frozenset[str] = frozenset()


CANVAS = System(
    "Canvas", ("SIS Login ID", "SIS User ID", "Integration ID"), frozenset({"EX", "N/A"})
)
MOODLE = System("Moodle", ("ID number", "Email address", "Username"))

_SEPARATORS = (",", ";", "\t", ":")
_READ_ONLY = "(read only)"

# A learner's points, or why there are none to write.
Grades = Mapping[str, int | str]
REGRADE = "needs a regrade; the cell is empty"


@dataclass(frozen=True)
class Filled:
    """A filled export, and what was not filled in.

    `left`: learners of the gradebook, and why they got nothing. `others`: rows of learners that
    the gradebook does not know. `remarks`: what a person should look at.
    """

    data: bytes
    filled: int
    left: tuple[tuple[str, str], ...]
    others: tuple[str, ...]
    remarks: tuple[str, ...]


def grades(gradebook: Gradebook, lab: str | None) -> tuple[Grades, int]:
    """What each learner gets for a lab, and what the lab is worth.

    A refused submission, or a missing one, gets 0. `lab` may be None when there is only one.
    Raises UsageError when the lab is not in the gradebook, or is not clear.
    """
    if lab is None and len(gradebook.labs) == 1:
        lab = gradebook.labs[0]
    if lab not in gradebook.labs:
        known = ", ".join(gradebook.labs)
        raise UsageError(
            f"There is no lab `{lab}` in the gradebook"
            if lab
            else "The gradebook holds several labs, and a column takes one",
            resolution=f"Name one with --lab: {known}.",
        )
    found: dict[str, int | str] = {}
    worth = 0
    for entry in gradebook.entries:
        if entry.lab != lab or not entry.learner:
            continue
        worth = max(worth, entry.points)
        grade = REGRADE if entry.regrade else entry.earned
        if found.setdefault(entry.learner, grade) != grade:
            found[entry.learner] = "has several grades for the lab"
    return found, worth


def fill(
    data: bytes,
    system: System,
    column: str,
    found: Grades,
    worth: int,
    *,
    by: str | None = None,
    aliases: Mapping[str, Iterable[str]] | None = None,
) -> Filled:
    """Write the grades into one column; every other byte of the export stays as it was.

    `column`: its name, with or without what the platform adds in brackets. `by`: the column
    that tells who a row is about, instead of the platform's own. `aliases`: other names that a
    learner has in these columns. A learner who fits no row, or more than one, is left out: upper
    and lower case are the same, and nothing else is guessed.
    Raises UsageError when a column is missing, ambiguous or read-only.
    """
    encoding = Encoding.of(data)
    text = encoding.decode(data)
    keys = (by,) if by else system.keys
    separator, header, body = _table(text, column, keys, system)
    place = _find(header, column) or 0
    key_places = [i for i, cell in enumerate(header) if cell.value.strip() in keys]
    remarks = _about_points(system, header, body, place, worth)

    owners: dict[str, set[str]] = {}
    for learner in found:
        for name in (learner, *(aliases or {}).get(learner, ())):
            if name.strip():
                owners.setdefault(name.strip().casefold(), set()).add(learner)
    lines: dict[str, list[list[Cell]]] = {}
    others: list[str] = []
    unclear: dict[str, str] = {}
    for row in body:
        names = [row[i].value.strip() for i in key_places if i < len(row) and row[i].value.strip()]
        learners = set().union(*(owners.get(name.casefold(), set()) for name in names))
        if len(learners) == 1:
            lines.setdefault(learners.pop(), []).append(row)
        elif learners:
            unclear |= dict.fromkeys(learners, f"shares the row of {names[0]} with another learner")
        elif names:
            others.append(names[0])

    changes: list[tuple[Cell, str]] = []
    left: list[tuple[str, str]] = []
    filled = 0
    for learner, grade in found.items():
        own = lines.get(learner, [])
        if learner in unclear or len(own) != 1:
            why = "fits several rows of the export" if own else "is not in the export"
            left.append((learner, unclear.get(learner, why)))
            continue
        cell, before = _cell(own[0], place, separator)
        if cell.value.strip() in system.kept:
            left.append((learner, f"stays {cell.value.strip()}, as in the export"))
        elif isinstance(grade, str):
            left.append((learner, grade))
            changes.append((cell, before))
        else:
            filled += 1
            changes.append((cell, before + str(grade)))
    out = encoding.encode(replaced(text, changes))
    return Filled(out, filled, tuple(left), tuple(others), remarks)


def _table(
    text: str, column: str, keys: tuple[str, ...], system: System
) -> tuple[str, list[Cell], list[list[Cell]]]:
    """The separator under which the header makes sense, the header, and all other rows."""
    best: list[str] = []
    for separator in _SEPARATORS:
        table = rows(text, separator)
        header = table[0] if table else []
        names = [cell.value.strip() for cell in header]
        if len(names) > len(best):
            best = names
        if _find(header, column) is not None and set(keys) & set(names):
            return separator, header, table[1:]
    known = ", ".join(best)
    if not set(keys) & set(best):
        raise UsageError(
            f"The {system.name} export has none of the columns {', '.join(keys)}",
            details=f"Its columns: {known}",
            resolution="Name the column that tells who a row is about with --by.",
        )
    raise UsageError(
        f"The {system.name} export has no column `{column}`",
        details=f"Its columns: {known}",
        resolution="Make it there first, export again, and name it with --column.",
    )


def _find(header: list[Cell], column: str) -> int | None:
    """The place of a column. Raises UsageError when several could be meant."""
    names = [cell.value.strip() for cell in header]
    wanted = column.strip()
    places = [i for i, name in enumerate(names) if name == wanted]
    if not places:
        added = re.compile(re.escape(wanted) + r" \([^()]*\)")
        places = [i for i, name in enumerate(names) if added.fullmatch(name)]
    if len(places) > 1:
        raise UsageError(
            f"Several columns could be `{column}`",
            details="\n".join(names[i] for i in places),
            resolution="Give the whole name of one.",
        )
    return places[0] if places else None


def _about_points(
    system: System, header: list[Cell], body: list[list[Cell]], place: int, worth: int
) -> tuple[str, ...]:
    if system is not CANVAS:
        return ()
    for row in body[:2]:
        if row[0].value.strip() == "Points Possible" and place < len(row):
            says = row[place].value.strip()
            if says == _READ_ONLY:
                raise UsageError(
                    f"Canvas does not import the column `{header[place].value}`: it is read-only",
                    resolution="Name the column of an assignment.",
                )
            number = re.fullmatch(r"[0-9]+([.,][0-9]+)?", says)
            if number and float(says.replace(",", ".")) != worth:
                return (f"Canvas gives {says} points for this column, the lab has {worth}.",)
    return ()


def _cell(row: list[Cell], place: int, separator: str) -> tuple[Cell, str]:
    """The cell to write into, and the separators that a row which ends early still needs."""
    if place < len(row):
        return row[place], ""
    end = row[-1].end
    return Cell(end, end, "", quoted=False), separator * (place - len(row) + 1)
