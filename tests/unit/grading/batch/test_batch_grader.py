"""The queue: nothing is lost, nothing graded twice, and no outage costs a learner a point."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.errors import EnvironmentFailure
from labctl.grading.batch import grader as module
from labctl.grading.batch.board import Board, Line
from labctl.grading.batch.grader import Grader
from labctl.grading.batch.intake import Job
from labctl.grading.batch.state import Edition, State
from labctl.grading.report import CheckResult, Report

EDITION = Edition(course="c" * 16, lab="d" * 64, hidden="")


def report(outcome="passed"):
    result = CheckResult("own-pid", "it is so", outcome, 2, "message", "hint", 1.0, 30)
    whole = Report("one", "One", "d", "g", "ann", "s", "t", "t", (result,), False, (), True)
    return whole.to_json()


def graded(outcome="passed", *notes):
    return [
        {"event": "stage", "stage": "prepare"},
        {"event": "step", "name": "Create machines"},
        {"event": "stage", "stage": "replay"},
        {"event": "stage", "stage": "check"},
        {"event": "graded", "report": report(outcome), "notes": list(notes)},
        {"event": "stage", "stage": "remove"},
        {"event": "end"},
    ]


def trouble(reason="kind broke"):
    return [{"event": "stage", "stage": "prepare"}, {"event": "trouble", "reason": reason}]


SILENT = None  # a worker that says nothing until it is hung up on


class FakeHelper:
    """Plays a list of events, one each time it is heard; then it has ended."""

    def __init__(self, script, crew):
        self._script = None if script is SILENT else list(script)
        self._crew = crew
        self._reading, self._writing = os.pipe()
        self.ended = False
        self.output = ""
        if self._script is not None:
            os.write(self._writing, b"x")  # always something to hear

    def fileno(self):
        return self._reading

    def tell(self, message):
        self._crew.tasks.append(message)

    def hear(self, seconds=0.0):
        if not self._script:
            self.ended = True
            return []
        event = self._script.pop(0)
        if callable(event):
            event()
            return []
        return [event]

    def hang_up(self):
        self._crew.hung_up += 1
        self._script = []
        os.write(self._writing, b"x")

    def close(self):
        if not self._crew.closed.count(self):
            os.close(self._reading)
            os.close(self._writing)
            self._crew.closed.append(self)


class Crew:
    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.tasks, self.closed, self.hung_up = [], [], 0

    def hire(self):
        return FakeHelper(self.scripts.pop(0), self)


class FakeWatch:
    def __init__(self):
        self.losses = 0
        self.up = True

    def answers(self):
        return self.up


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "_TICK", 0.01)
    monkeypatch.setattr(module, "_GRACE", 0.5)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


class Bench:
    def __init__(self, folder):
        self.state = State(folder / "out")
        self.watch = FakeWatch()
        self.seen = []
        self.board = Board(lambda board, line: self.seen.append(line.stage if line else "trouble"))
        self.objections = []
        self.most = 1

    def objection(self, lab, starting, running):
        self.objections.append((len(starting), running))
        return "full" if running >= self.most else ""

    def run(self, crew, count=1, **more):
        lab = SimpleNamespace(id="one")
        known = SimpleNamespace(
            lab=lab, edition=EDITION, points=2, hidden=(), checks="", seconds=60.0
        )
        self.jobs = [
            Job(self.state.root, f"{i}.zip", f"{i:064x}", f"l{i}", "one", "seed", ("note",))
            for i in range(count)
        ]
        grader = Grader(
            state=self.state,
            assignments={"one": known},
            board=self.board,
            watch=self.watch,
            objection=self.objection,
            sign=lambda report: {"report": dict(report), "key": "k", "signature": "s"},
            hire=crew.hire,
            **more,
        )
        grader.run([(job, self.board.add(Line(job.file, job.learner, "one"))) for job in self.jobs])

    def entries(self):
        return [self.state.entry(job.submission) for job in self.jobs]


def test_a_verdict_is_signed_and_kept_with_its_notes(bench):
    crew = Crew(graded("passed", "container `x` did not start"))
    bench.run(crew)
    (entry,) = bench.entries()
    assert (entry.status, entry.earned, entry.points) == ("graded", 2, 2)
    assert entry.notes == ("note", "container `x` did not start")
    assert entry.signed["report"] == json.loads(json.dumps(entry.report.to_json()))
    assert bench.state.load(bench.jobs[0].submission, EDITION) == entry
    assert [line.stage for line in bench.board.lines] == ["graded"]
    assert bench.board.lines[0].detail == "2/2"


def test_the_worker_is_told_the_courses_seed_and_no_key(bench):
    crew = Crew(graded())
    bench.run(crew)
    (task,) = crew.tasks
    assert (task["seed"], task["learner"], task["digest"]) == ("seed", "l0", EDITION.lab)
    assert "key" not in json.dumps(task)


def test_a_failed_check_is_a_verdict_and_no_reason_to_try_again(bench):
    crew = Crew(graded("failed"))
    bench.run(crew)
    assert bench.entries()[0].earned == 0
    assert not bench.entries()[0].regrade


def test_trouble_is_tried_again_in_a_fresh_environment(bench):
    crew = Crew(trouble(), trouble(), graded())
    bench.run(crew)
    assert bench.entries()[0].earned == 2
    assert len(crew.closed) == 3


def test_trouble_that_stays_wants_a_regrade(bench):
    bench.run(Crew(trouble("a"), trouble("b"), trouble("c")))
    (entry,) = bench.entries()
    assert (entry.status, entry.regrade, entry.earned, entry.points) == ("error", True, 0, 2)
    assert entry.reason == "c"
    assert bench.state.load(bench.jobs[0].submission, EDITION) is None


def test_a_check_that_could_not_be_asked_is_tried_again(bench):
    crew = Crew(graded("error"), graded("passed"))
    bench.run(crew)
    assert bench.entries()[0].earned == 2


def test_a_check_that_can_never_be_asked_wants_a_regrade(bench):
    bench.run(Crew(*[graded("error")] * 3))
    (entry,) = bench.entries()
    assert (entry.status, entry.regrade, entry.earned) == ("graded", True, 0)


def test_a_worker_that_dies_without_a_word_is_replaced(bench):
    bench.run(Crew([], graded()))
    assert bench.entries()[0].earned == 2


def test_an_outage_is_no_try_and_its_verdict_does_not_count(bench):
    def lose():
        bench.watch.losses += 1

    # The engine goes down while the checks run: to them it looks like the learner's doing.
    lost = [*graded()[:4], lose, {"event": "graded", "report": report("failed"), "notes": []}]
    crew = Crew(lost, trouble(), trouble(), graded("passed"))
    bench.run(crew)
    assert bench.entries()[0].earned == 2
    assert bench.board.lines[0].tries == 4


def test_one_that_takes_the_engine_down_each_time_comes_to_an_end(bench):
    def lose():
        bench.watch.losses += 1

    bench.run(Crew(*[[*graded()[:4], lose]] * 6))
    assert bench.entries()[0].status == "error"


def test_nothing_starts_while_the_engine_is_down(bench):
    bench.watch.up = False
    ticks = []

    def objection(lab, starting, running):
        ticks.append(1)
        bench.watch.up = len(ticks) > 3
        return ""

    bench.objection = objection
    bench.run(Crew(graded()))
    assert len(ticks) == 4
    assert bench.seen[0] == "trouble"
    assert bench.entries()[0].earned == 2


def test_an_engine_that_fails_when_asked_for_room_is_waited_for(bench):
    answers = iter([EnvironmentFailure("gone"), EnvironmentFailure("gone"), ""])

    def objection(lab, starting, running):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    bench.objection = objection
    bench.run(Crew(graded()))
    assert bench.entries()[0].earned == 2


def test_patience_ends_with_what_to_do(bench, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    bench.most = 0
    with pytest.raises(EnvironmentFailure, match="Not one session fits: full") as error:
        bench.run(Crew())
    assert "the same command" in error.value.resolution


def test_a_late_one_is_ended_and_does_not_hold_up_the_others(bench):
    crew = Crew(SILENT, graded(), SILENT, SILENT)
    bench.run(crew, 2, deadline=0.05)
    late, good = bench.entries()
    assert (late.status, late.reason) == ("error", "it did not end within 0 s")
    assert good.earned == 2
    assert crew.hung_up == 3


def test_as_many_run_as_are_admitted_and_starting_ones_are_told(bench):
    bench.most = 2
    bench.run(Crew(graded(), graded(), graded(), graded()), 4)
    assert max(running for _, running in bench.objections) == 2
    assert (1, 1) in bench.objections, "one is starting"
    assert all(entry.earned == 2 for entry in bench.entries())


def test_an_interrupt_ends_the_helpers_and_keeps_what_is_done(bench):
    def interrupt():
        raise KeyboardInterrupt

    crew = Crew(graded(), [interrupt])
    with pytest.raises(KeyboardInterrupt):
        bench.run(crew, 3)
    assert bench.state.load(bench.jobs[0].submission, EDITION) is not None
    assert bench.state.load(bench.jobs[1].submission, EDITION) is None
    assert crew.hung_up == 1
    assert len(crew.closed) == 2


def test_labs_take_turns():
    jobs = [(Job(None, "", str(i), "", "a" if i < 3 else "b", ""), i) for i in range(5)]
    assert [number for _, number in module._mixed(jobs)] == [0, 3, 1, 4, 2]


def test_nothing_piles_up(bench):
    before = len(list(Path("/proc/self/fd").iterdir()))
    bench.run(Crew(*[graded() for _ in range(60)]), 60)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert all(entry.earned == 2 for entry in bench.entries())
