"""What comes in: files, read with care, and sorted into jobs and refusals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.errors import UsageError
from labctl.grading.batch.assignment import Assignment
from labctl.grading.batch.reader import Seen
from labctl.grading.gradebook.model import Entry

Seed = Callable[[str, str], str]


@dataclass(frozen=True)
class Found:
    """One file: where it is, what it is called in the gradebook, and what is in it.

    `seen` is a text when it cannot be read: why.
    """

    path: Path
    name: str
    seen: Seen | str


@dataclass(frozen=True)
class Job:
    """A submission that is worth a session. `seed` is the course's, not the submission's word."""

    path: Path
    file: str
    submission: str
    learner: str
    lab: str
    seed: str
    notes: tuple[str, ...] = ()


@dataclass
class Sorted:
    """What is to be graded, and the entries of what is not."""

    jobs: list[Job] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def files(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """All submissions with their names: files as they are, of folders every .zip below.

    Raises UsageError when there are none.
    """
    found = 0
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix.lower() == ".zip")
            chosen = [(p, p.relative_to(path).as_posix()) for p in below if not p.is_dir()]
        elif path.exists():
            chosen = [(path, path.name)]
        else:
            raise UsageError(f"There is no {path}", resolution="Name submissions, or folders.")
        found += len(chosen)
        yield from chosen
    if not found:
        raise UsageError(
            "There are no submissions",
            resolution="`labctl submit` makes them: files that end in .zip.",
        )


@dataclass(frozen=True)
class Rules:
    """What a submission must be to be graded.

    `course` is the course's key, `seed` tells a learner's seed for a lab, `roster` who takes
    part (None: everybody), `any_version` whether the edition of the lab may be another one.
    """

    course: str
    seed: Seed
    assignments: Mapping[str, Assignment]
    roster: Collection[str] | None = None
    any_version: bool = False

    def objection(self, seen: Seen) -> str:
        """Why a submission is refused, or nothing."""
        assignment = self.assignments.get(seen.lab)
        if assignment is None:
            return f"it is for the lab `{seen.lab}`, which is not graded here"
        if self.roster is not None and seen.learner not in self.roster:
            return f"{seen.learner} is not on the roster"
        if seen.practice:
            return "it is from a practice session, which was started without the course's ticket"
        if seen.course != self.course:
            return "it was made for another course"
        if seen.seed != self.seed(seen.learner, seen.lab):
            return f"its seed is not the one that the course gives to {seen.learner}"
        if seen.digest != assignment.edition.lab and not self.any_version:
            return "it was made with another version of the lab (`--any-version` grades it)"
        return "; ".join(seen.problems)


def sort(found: Iterable[Found], rules: Rules) -> Sorted:
    """Decide about every file. No learner gets two entries for one lab.

    A refused file that only claims to be a learner's does not stand in that learner's way, and
    two acceptable ones of one learner for one lab are both refused: nobody guesses which counts.
    """
    sorted_: Sorted = Sorted()
    accepted: dict[tuple[str, str], dict[str, list[Found]]] = {}
    refused: list[tuple[Found, str]] = []
    for one in found:
        if isinstance(one.seen, str):
            refused.append((one, one.seen))
        elif reason := rules.objection(one.seen):
            refused.append((one, reason))
        else:
            same = accepted.setdefault((one.seen.learner, one.seen.lab), {})
            # The same bytes twice are one submission.
            same.setdefault(one.seen.submission, []).append(one)
    for (learner, lab), different in accepted.items():
        names = " and ".join(sorted(one.name for copies in different.values() for one in copies))
        first = next(iter(different.values()))[0]
        if len(different) > 1:
            reason = f"two submissions of {learner} for {lab}: {names}"
            sorted_.entries.append(_entry(first, reason, rules, file=names))
        else:
            sorted_.jobs.append(_job(first, rules))
    named = set(accepted)
    for one, reason in refused:
        key = (one.seen.learner, one.seen.lab) if isinstance(one.seen, Seen) else None
        alone = key is not None and key not in named
        if key is not None:
            named.add(key)
        sorted_.entries.append(_entry(one, reason, rules, attributed=alone))
    return sorted_


def missing(
    sorted_: Sorted, roster: Iterable[str], assignments: Mapping[str, Assignment]
) -> Iterator[Entry]:
    """The entries of learners who handed in nothing for a lab."""
    there = {(entry.learner, entry.lab) for entry in sorted_.entries}
    there |= {(job.learner, job.lab) for job in sorted_.jobs}
    for learner in roster:
        for lab, assignment in assignments.items():
            if (learner, lab) not in there:
                yield Entry(learner, lab, "", "", "missing", assignment.points)


def _job(one: Found, rules: Rules) -> Job:
    seen = one.seen
    assert isinstance(seen, Seen)
    notes = []
    if seen.digest != rules.assignments[seen.lab].edition.lab:
        notes.append("made with another version of the lab")
    seed = rules.seed(seen.learner, seen.lab)
    return Job(one.path, one.name, seen.submission, seen.learner, seen.lab, seed, tuple(notes))


def _entry(
    one: Found, reason: str, rules: Rules, *, file: str = "", attributed: bool = True
) -> Entry:
    seen = one.seen if isinstance(one.seen, Seen) else None
    assignment = rules.assignments.get(seen.lab) if seen else None
    if seen and not attributed:
        reason = f"handed in as {seen.learner}'s: {reason}"
    mine = seen if attributed else None
    return Entry(
        learner=mine.learner if mine else "",
        lab=seen.lab if seen else "",
        file=file or one.name,
        submission=seen.submission if seen else "",
        status="refused",
        points=assignment.points if assignment and mine else 0,
        reason=reason,
    )
