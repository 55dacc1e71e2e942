"""`grade` as a list of steps: read, sort, go on where the last run ended, grade, write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labctl.environment.images import build
from labctl.errors import EnvironmentFailure, UsageError
from labctl.grading import roster as people
from labctl.grading.batch import admission, intake
from labctl.grading.batch.assignment import Assignment, assignment
from labctl.grading.batch.board import Board, Line
from labctl.grading.batch.grader import Grader
from labctl.grading.batch.intake import Found, Job, Rules
from labctl.grading.batch.reader import Reader, Seen
from labctl.grading.batch.state import State
from labctl.grading.batch.watch import Watch
from labctl.grading.course import Course
from labctl.grading.gradebook import model
from labctl.grading.gradebook.model import Entry, Gradebook
from labctl.grading.gradebook.similar import Work, similar
from labctl.grading.submission import unpack
from labctl.grading.submission.model import WORKSPACE
from labctl.host.model import Host
from labctl.lab import catalog
from labctl.progress import Progress
from labctl.session import opened
from labctl.session.model import now
from labctl.session.store import write_atomically

# Bytes of one submission that are compared with the others' (memory stays flat).
_COMPARED = 256 << 10


@dataclass(frozen=True)
class Request:
    """What the user asked for. `jobs` None: as many as fit. `deadline` in seconds, of one try."""

    paths: Sequence[Path]
    course: Path
    out: Path
    lab: str | None = None
    roster: Path | None = None
    hidden: Path | None = None
    jobs: int | None = None
    deadline: float | None = None
    any_version: bool = False
    disposable: bool = False


def grade(
    request: Request, host: Host, progress: Progress, board: Callable[[], Board]
) -> Gradebook:
    """Grade all submissions and write the gradebook into the output folder.

    `board` is called once, for the board on which the grading is shown. Raises UsageError,
    DefinitionError, EnvironmentFailure; KeyboardInterrupt on Ctrl-C. In any case what was
    finished stays, and the same request goes on from there.
    """
    course = Course.load(request.course)
    learners = [p.id for p in people.read(request.roster)] if request.roster else None
    paths = list(intake.files(request.paths))
    state = State(request.out)
    with state.lock():
        with progress.step("Remove what an interrupted run left"):
            state.sweep(host)
        with progress.step(f"Read {len(paths)} files") as detail:
            found = list(_read(paths, state, detail, disposable=request.disposable))
        with progress.step("Read the labs and their checks"):
            labs = _labs(request, found)
            hidden = {lab: _hidden(request.hidden, lab) for lab in labs}
            if request.hidden and not any(hidden.values()):
                raise UsageError(
                    f"{request.hidden} has no hidden checks for {', '.join(labs)}",
                    resolution="Hidden checks are files DIR/LAB/test_*.py.",
                )
            known = {lab: assignment(lab, state, course.key, hidden[lab]) for lab in labs}
        rules = Rules(course.key, course.seed, known, learners, request.any_version)
        sorted_ = intake.sort(found, rules)
        entries = [*sorted_.entries, *intake.missing(sorted_, learners or (), known)]
        shown = board()
        todo = _todo(sorted_, state, known, shown)
        if todo:
            _grade(request, host, progress, state, known, shown, todo, course)
        with progress.step("Write the gradebook"):
            entries += [state.entry(job.submission) for job in sorted_.jobs]
            return _write(state, course, known, entries, sorted_.jobs)


def _read(
    paths: Sequence[tuple[Path, str]],
    state: State,
    detail: Callable[[str], None],
    *,
    disposable: bool,
) -> Iterator[Found]:
    reader = Reader(state.store.root, disposable=disposable)
    try:
        for path, name in paths:
            detail(name)
            yield Found(path, name, reader.read(path))
    finally:
        reader.close()


def _labs(request: Request, found: Sequence[Found]) -> list[str]:
    """The labs that are graded: the one asked for, else all that something was handed in for."""
    known = catalog.ids()
    if request.lab:
        if request.lab not in known:
            raise UsageError(
                f"There is no lab `{request.lab}`", resolution="`labctl list` shows all labs."
            )
        return [request.lab]
    named = {one.seen.lab for one in found if isinstance(one.seen, Seen)}
    return sorted(named & set(known))


def _hidden(folder: Path | None, lab: str) -> Path | None:
    return folder / lab if folder and (folder / lab).is_dir() else None


def _todo(
    sorted_: intake.Sorted, state: State, known: Mapping[str, Assignment], board: Board
) -> list[tuple[Job, Line]]:
    """The jobs that no run before this one has finished; all submissions go onto the board."""
    for entry in sorted_.entries:
        board.add(Line(entry.file, entry.learner, entry.lab, "refused", entry.reason))
    todo = []
    for job in sorted_.jobs:
        line = board.add(Line(job.file, job.learner, job.lab))
        kept = state.load(job.submission, known[job.lab].edition)
        if kept:
            line.stage, line.detail = "graded", f"{kept.earned}/{kept.points}"
        else:
            todo.append((job, line))
    return todo


def _grade(
    request: Request,
    host: Host,
    progress: Progress,
    state: State,
    known: Mapping[str, Assignment],
    board: Board,
    todo: Sequence[tuple[Job, Line]],
    course: Course,
) -> None:
    labs = {job.lab for job, _ in todo}
    with progress.step("Prepare images") as detail:
        for lab in sorted(labs):
            build.ensure(host.client(), opened.images(known[lab].lab), detail)
    watch = Watch(host)
    watch.start()
    grader = Grader(
        state=state,
        assignments=known,
        board=board,
        watch=watch,
        objection=admission.Admission(host, request.jobs).objection,
        sign=course.sign,
        deadline=request.deadline,
        disposable=request.disposable,
    )
    try:
        grader.run(todo)
    finally:
        watch.stop()
        # What a helper that had to be killed could not remove; else the next run removes it.
        with suppress(EnvironmentFailure):
            state.sweep(host)


def _write(
    state: State,
    course: Course,
    known: Mapping[str, Assignment],
    entries: Sequence[Entry],
    jobs: Sequence[Job],
) -> Gradebook:
    from labctl.grading.gradebook import page

    labs = {lab: one.lab for lab, one in known.items()}
    book = Gradebook(
        course=course.name,
        labs=tuple(labs),
        created=now(),
        entries=tuple(sorted(entries, key=lambda e: (e.learner == "", e.learner, e.lab, e.file))),
        similar=similar(map(_work, jobs), labs),
    )
    write_atomically(
        state.root / model.FILE, json.dumps(book.to_json(), indent=2, ensure_ascii=False)
    )
    write_atomically(state.root / "gradebook.html", page.render(book))
    return book


def _work(job: Job) -> Work:
    """What a learner made, as far as it is compared with the others' work."""
    files: dict[str, bytes] = {}
    left = _COMPARED
    try:
        found: Mapping[str, bytes] = unpack.read(job.path).files
    except UsageError:
        found = {}  # the file is gone by now; it was graded
    for name, data in sorted(found.items()):
        if name.startswith((WORKSPACE, "clusters/", "machines/")) and len(data) <= left:
            files[name] = data
            left -= len(data)
    return Work(job.learner, job.lab, job.seed, files)
