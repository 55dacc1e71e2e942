"""What submissions of different learners have in common. It says what is; it accuses nobody.

Two rules, each with a floor below which things are alike by chance:

1. *The same file.* Files of the same lab with the same bytes, or the same but for blanks and
   line ends. Lines that stand in the lab's own text or given files do not count, and what is
   left must have `OWN_CHARACTERS` characters that are not blank: short answers look alike
   because they are right. Answers to a quiz and definitions of containers (`machines/`) do not
   count at all: they say what the task says.
2. *A value of somebody else.* Each learner's session has seeded values. A number that was given
   to B and stands in A's work, while A was given another, has come from B. Only facts with at
   least `CHOICES` possible values count: a port out of 800, or a name out of six, turns up
   by chance. It counts as a number of its own only, not as part of a longer word or number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.grading.gradebook.model import Kind, Similarity
from labctl.lab.facts import Facts, facts, fill
from labctl.lab.model import Lab

OWN_CHARACTERS = 200
CHOICES = 100_000

# What labctl writes itself into every submission.
_NOT_WORK = ("submission.json", "report.json", "journal.jsonl")
_LARGEST = 1024 * 1024  # bytes of a file that are looked at
_NUMBER = re.compile(rb"(?<![0-9A-Za-z_.])[0-9]{5,18}(?![0-9A-Za-z_]|\.[0-9])")


@dataclass(frozen=True)
class Work:
    """What one learner handed in for one lab; `seed` is the one that the course gave out.

    `files` by path in the submission. A learner without files is known by the values only.
    """

    learner: str
    lab: str
    seed: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def similar(works: Iterable[Work], labs: Mapping[str, Lab]) -> tuple[Similarity, ...]:
    """What the works for each lab have in common. Works of an unknown lab or learner are left out.

    300 works take about a second.
    """
    by_lab: dict[str, list[Work]] = {}
    for work in works:
        if work.lab in labs and work.learner:
            by_lab.setdefault(work.lab, []).append(work)
    return tuple(
        finding
        for lab, own in sorted(by_lab.items())
        for finding in (*_same_files(own, labs[lab]), *_others_values(own, labs[lab]))
    )


def _same_files(works: list[Work], lab: Lab) -> list[Similarity]:
    given = _given(lab)
    groups: dict[bytes, list[tuple[str, str, bytes]]] = {}
    for work in works:
        known = _lines("\n".join(fill(text, facts(lab, work.seed)) for text in given))
        for path, data in sorted(work.files.items()):
            if path in (*_NOT_WORK, "answers.json") or path.startswith("machines/"):
                continue
            lines = _lines(data[:_LARGEST].decode("utf-8", "replace"))
            own = set(lines) - set(known)
            if sum(len(line.replace(" ", "")) for line in own) >= OWN_CHARACTERS:
                digest = hashlib.sha256("\n".join(lines).encode()).digest()
                groups.setdefault(digest, []).append((work.learner, path, data))
    found = []
    for group in groups.values():
        learners = tuple(dict.fromkeys(learner for learner, _, _ in group))
        if len(learners) > 1:
            same = len({data for _, _, data in group}) == 1
            kind: Kind = "same-bytes" if same else "same-text"
            found.append(Similarity(kind, lab.id, learners, group[0][1]))
    return sorted(found, key=lambda finding: (finding.learners, finding.file))


def _others_values(works: list[Work], lab: Lab) -> list[Similarity]:
    rare = {name for name, pick in lab.seeded.items() if _choices(pick.low, pick.high) >= CHOICES}
    values: dict[str, dict[str, str]] = {}
    for work in works:
        values.setdefault(work.learner, _only(rare, facts(lab, work.seed)))
    owners: dict[bytes, list[tuple[str, str]]] = {}
    for learner, own in values.items():
        for name, value in own.items():
            owners.setdefault(value.encode(), []).append((learner, name))
    found: dict[tuple[str, bytes], Similarity] = {}
    for work in works:
        for path, data in sorted(work.files.items()):
            if path in _NOT_WORK:
                continue
            for number in sorted(set(_NUMBER.findall(data[:_LARGEST])) & owners.keys()):
                if number.decode() in values[work.learner].values():
                    continue
                learners = tuple(dict.fromkeys(learner for learner, _ in owners[number]))
                finding = Similarity(
                    "seeded-value",
                    lab.id,
                    (work.learner, *learners),
                    path,
                    fact=owners[number][0][1],
                    value=number.decode(),
                )
                found.setdefault((work.learner, number), finding)
    return list(found.values())


def _only(names: set[str], own: Facts) -> dict[str, str]:
    return {name: value for name, value in own.items() if name in names}


def _choices(low: int | None, high: int | None) -> int:
    return 0 if low is None or high is None else high - low + 1


def _given(lab: Lab) -> list[str]:
    """The texts that every learner of the lab has been given."""
    files = [*lab.folder.glob("README*.md"), *(lab.folder / "environment").rglob("*")]
    return [text for file in sorted(files) if (text := _text(file)) is not None]


def _text(file: Path) -> str | None:
    if not file.is_file() or file.stat().st_size > _LARGEST:
        return None
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _lines(text: str) -> list[str]:
    """The lines of a text with their blanks made alike; empty ones are left out."""
    return [line for raw in text.splitlines() if (line := " ".join(raw.split()))]
