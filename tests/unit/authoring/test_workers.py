"""What a worker's parent makes of what it tells."""

from __future__ import annotations

import pytest

from labctl.authoring import workers
from labctl.authoring.workers import Run, Task, Worker
from labctl.grading.report import CheckResult, Report
from labctl.lab.model import Lab
from labctl.progress import Silent
from labctl.session.store import Store

LAB = Lab.model_validate(
    {
        "format": 1,
        "title": "A lab",
        "track": "isolation",
        "minutes": 5,
        "objectives": ["See"],
        "shell": "box",
        "machines": {"box": {"provider": "docker", "image": "box", "about": "A box"}},
    }
).model_copy(update={"id": "a"})


class FakeHelper:
    """Tells a list of events, one at a time, then ends."""

    script: tuple[dict, ...] = ()

    def __init__(self, module, folder):
        self.left = list(self.script)
        self.told, self.hung_up, self.closed = [], False, False
        self.output = "Traceback: it broke"
        FakeHelper.last = self

    @property
    def ended(self):
        return not self.left

    def tell(self, message):
        self.told.append(message)

    def hear(self, seconds):
        return [self.left.pop(0)] if self.left else []

    def hang_up(self):
        self.hung_up = True

    def close(self):
        self.closed = True


@pytest.fixture
def carry_out(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "Helper", FakeHelper)

    def run(*events: dict, variants: tuple[str, ...] = ("untouched", "solution")):
        FakeHelper.script = events
        task = Task(LAB, tuple(Run(variant, 1) for variant in variants))
        worker = Worker(task, Store(tmp_path), "t1-0-a")
        return worker.carry_out(Silent())

    return run


def told(outcome: str) -> dict:
    result = CheckResult("one", "one", outcome, 1, "so it is", "", 0.1, 30)  # type: ignore[arg-type]
    report = Report("a", "A", "", "s", "", "5eed", "", "", (result,), solved=False, hints=())
    return {"event": "report", "report": report.to_json()}


def test_each_report_is_judged_as_its_variant(carry_out):
    step = {"event": "step", "name": "Create machines"}
    first, second = carry_out(step, told("failed"), step, told("failed"))
    assert (first.variant, first.ok) == ("untouched", True)
    assert (second.variant, [each.outcome for each in second.wrong]) == ("solution", ["failed"])
    assert FakeHelper.last.told[0]["variants"] == ["untouched", "solution"]
    assert FakeHelper.last.closed


def test_an_environment_that_failed_spoils_one_run_only(carry_out):
    first, second = carry_out({"event": "failure", "reason": "no engine"}, told("passed"))
    assert (first.failure, first.report) == ("no engine", None)
    assert second.ok


def test_a_process_that_dies_fails_what_is_left(carry_out):
    first, second = carry_out(told("failed"))
    assert first.ok
    assert second.failure == "The process that tried it has ended\nTraceback: it broke"


def test_a_worker_that_is_stopped_before_it_began_does_nothing(carry_out, tmp_path):
    FakeHelper.script = (told("failed"),)
    worker = Worker(Task(LAB, (Run("untouched", 1),)), Store(tmp_path), "t1-0-a")
    worker.stop()
    assert worker.carry_out(Silent()) == []
    assert FakeHelper.last.told == []


def test_a_worker_is_stopped_by_hanging_up(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "Helper", FakeHelper)

    class Stopping(FakeHelper):
        def hear(self, seconds):
            worker.stop()
            self.left = []
            return []

    monkeypatch.setattr(workers, "Helper", Stopping)
    FakeHelper.script = (told("failed"),)
    worker = Worker(Task(LAB, (Run("untouched", 1),)), Store(tmp_path), "t1-0-a")
    (outcome,) = worker.carry_out(Silent())
    assert FakeHelper.last.hung_up
    assert not outcome.ok
