"""grade on the command line: exit codes, and lines that a log can hold."""

from __future__ import annotations

import pytest

from labctl.cli.grade import _exit_code, _jobs
from labctl.cli.grade_view import View
from labctl.errors import UsageError
from labctl.grading.batch.board import Line
from labctl.grading.gradebook.model import Entry, Gradebook


def book(*statuses):
    entries = [Entry("ann", "one", "a.zip", "", status, 2) for status in statuses]
    return Gradebook("course", ("one",), "t", tuple(entries))


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["graded", "graded"], 0),
        (["graded", "refused"], 1),
        (["graded", "missing"], 1),
        (["graded", "error", "refused"], 3),
    ],
)
def test_exit_codes(statuses, code):
    assert _exit_code(book(*statuses)) == code


def test_jobs_are_a_number_or_auto():
    assert _jobs("auto") is None
    assert _jobs("3") == 3
    for text in ("0", "-1", "many", "²"):
        with pytest.raises(UsageError):
            _jobs(text)


@pytest.fixture
def view(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    return View(everything=True)


def test_elsewhere_than_on_a_terminal_each_end_is_a_line(view, capsys):
    board = view.open()
    lines = [board.add(Line(f"{n}.zip", f"l{n}", "one")) for n in range(2)]
    for line, stage, detail in ((lines[0], "graded", "1/2"), (lines[1], "error", "kind broke")):
        board.enter(line, "prepare")
        board.enter(line, stage, detail)
    board.wait("The engine does not answer")
    view.close()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "l0, one: graded 1/2 (0 s) [1 of 2 done.]"
    assert told[1] == "l1, one: error kind broke (0 s) [2 of 2 done, 1 to be regraded.]"
    assert told[2] == "The engine does not answer."


def test_a_terminal_does_not_obey_what_learners_write(view, capsys):
    board = view.open()
    line = board.add(Line("a.zip", "ann\x1b[2J", "one"))
    board.enter(line, "prepare")
    board.enter(line, "graded", "\x1b]0;owned\x07")
    view.close()
    assert "\x1b" not in capsys.readouterr().err


def test_nobody_listening_does_not_stop_the_grading(view, monkeypatch):
    board = view.open()

    def gone(*args, **kwargs):
        raise BrokenPipeError

    monkeypatch.setattr(view._console, "print", gone)
    line = board.add(Line("a.zip", "ann", "one"))
    board.enter(line, "prepare")
    board.enter(line, "graded", "1/2")
    assert view.summary == "1 of 1 done."


def test_the_picture_shows_everybody_or_those_at_work(view):
    from rich.console import Console

    board = view.open()
    for name, stage in (("ann", "graded"), ("bob", "check"), ("cid", "waiting")):
        board.enter(board.add(Line(f"{name}.zip", name, "one")), stage)

    def drawn():
        console = Console(width=80)
        with console.capture() as capture:
            console.print(view._picture())
        return capture.get()

    assert all(name in drawn() for name in ("ann", "bob", "cid", "checks", "1 of 3 done"))
    view._everything = False
    assert "bob" in drawn()
    assert "cid" not in drawn()
