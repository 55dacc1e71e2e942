"""The whole of `grade`, with the engine and the sessions left out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.errors import UsageError
from labctl.grading.batch import run
from labctl.grading.batch.assignment import Assignment
from labctl.grading.batch.board import Board
from labctl.grading.batch.reader import Seen
from labctl.grading.batch.run import Request
from labctl.grading.batch.state import Edition, State
from labctl.grading.course import Course
from labctl.grading.gradebook.model import Entry
from labctl.grading.report import CheckResult, Report
from labctl.lab import loader
from labctl.progress import Silent

LAB = "namespaces"
DIGEST = "d" * 64


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


class Bench:
    """Reads files that hold a learner's name, and grades each with one point."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.course = Course.init(folder / "course", "C")
        (folder / "in").mkdir()
        self.graded = []
        self.outcome = "passed"
        bench = self

        class FakeReader:
            def __init__(self, folder, *, disposable):
                pass

            def read(self, path):
                return bench.seen(path.read_text())

            def close(self):
                pass

        class FakeGrader:
            def __init__(self, *, state, board, sign, **rest):
                self.state, self.sign = state, sign

            def run(self, todo):
                for job, _ in todo:
                    bench.graded.append(job.learner)
                    self.state.save(bench.entry(job), bench.edition)

        nothing = SimpleNamespace(start=lambda: None, stop=lambda: None, objection=None)
        monkeypatch.setattr(run, "Reader", FakeReader)
        monkeypatch.setattr(run, "Grader", FakeGrader)
        monkeypatch.setattr(run, "Watch", lambda host: nothing)
        monkeypatch.setattr(run.admission, "Admission", lambda host, jobs: nothing)
        monkeypatch.setattr(run.build, "ensure", lambda client, images, detail: {})
        monkeypatch.setattr(run, "assignment", self.assignment)
        monkeypatch.setattr(State, "sweep", lambda self, host: 0)

    @property
    def edition(self):
        return Edition(course=self.course.key, lab=DIGEST, hidden="")

    def assignment(self, lab, state, course, hidden):
        return Assignment(loader.find(lab), self.edition, 1, (), "", 60.0)

    def seen(self, learner):
        seed = self.course.seed(learner, LAB)
        sha = f"{ord(learner[0]):064x}"
        return Seen(sha, LAB, DIGEST, learner, seed, False, self.course.key, ())

    def entry(self, job):
        result = CheckResult("own-pid", "s", self.outcome, 1, "m", "", 1.0, 30)
        report = Report(LAB, "T", DIGEST, "g", job.learner, "s", "t", "t", (result,), False, ())
        return Entry(job.learner, LAB, job.file, job.submission, "graded", 1, report=report)

    def hand_in(self, *learners):
        for learner in learners:
            (self.folder / "in" / f"{learner}.zip").write_text(learner)

    def grade(self, **more):
        self.board = Board(lambda board, line: None)
        request = Request([self.folder / "in"], self.folder / "course", self.folder / "out", **more)
        host = SimpleNamespace(client=lambda: None)
        return run.grade(request, host, Silent(), lambda: self.board)


def test_all_are_graded_and_the_gradebook_is_written(bench):
    bench.hand_in("bob", "ann")
    book = bench.grade()
    assert [(e.learner, e.status, e.earned) for e in book.entries] == [
        ("ann", "graded", 1),
        ("bob", "graded", 1),
    ]
    assert book.labs == (LAB,)
    out = bench.folder / "out"
    assert json.loads((out / "gradebook.json").read_text())["course"] == "C"
    assert "ann" in (out / "gradebook.html").read_text()


def test_what_is_done_is_not_graded_again_and_the_board_shows_it(bench):
    bench.hand_in("ann")
    bench.grade()
    bench.hand_in("bob")
    book = bench.grade()
    assert bench.graded == ["ann", "bob"]
    assert len(book.entries) == 2
    assert bench.board.lines[0].stage == "graded"


def test_what_wants_a_regrade_is_graded_again(bench):
    bench.hand_in("ann")
    bench.outcome = "error"
    assert bench.grade().entries[0].regrade
    bench.outcome = "passed"
    assert not bench.grade().entries[0].regrade
    assert bench.graded == ["ann", "ann"]


def test_the_roster_tells_who_is_missing_and_who_does_not_belong(bench, tmp_path):
    bench.hand_in("ann", "eve")
    roster = tmp_path / "roster.csv"
    roster.write_text("learner\nann\nzoe\n")
    found = {e.learner: e.status for e in bench.grade(roster=roster).entries}
    assert found == {"ann": "graded", "eve": "refused", "zoe": "missing"}


def test_a_lab_that_is_asked_for_must_be_there(bench):
    bench.hand_in("ann")
    with pytest.raises(UsageError, match="no lab `nothing`"):
        bench.grade(lab="nothing")


def test_work_for_another_lab_than_the_one_asked_for_is_refused(bench):
    bench.hand_in("ann")
    (entry,) = bench.grade(lab="default-deny").entries
    assert entry.status == "refused"
    assert bench.graded == []


def test_hidden_checks_that_are_nowhere_are_a_mistake_of_the_grader(bench, tmp_path):
    bench.hand_in("ann")
    with pytest.raises(UsageError, match="no hidden checks"):
        bench.grade(hidden=tmp_path)


def test_two_graders_exclude_each_other(bench):
    bench.hand_in("ann")
    with State(bench.folder / "out").lock(), pytest.raises(UsageError, match="Another"):
        bench.grade()


def test_a_folder_without_a_course_is_said_first(bench):
    (bench.folder / "course" / "course.json").unlink()
    with pytest.raises(UsageError, match=r"course\.json"):
        bench.grade()
    assert not Path(bench.folder / "out").exists()
