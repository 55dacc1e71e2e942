"""labctl quiz: a dialogue of plain lines, and JSON for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.session.model import Record
from labctl.session.store import Store

LABCTL = Path(sys.executable).parent / "labctl"
QUIZ = """\
format: 1
title: A quiz
questions:
  - {id: one, kind: single, ask: "Yes?", explain: Because., source: A book,
     choices: [{say: "yes", right: true}, {say: "no", why: Never.}]}
  - {id: two, kind: number, ask: "How many?", right: 2, explain: Count., source: A book}
"""


@pytest.fixture
def run(tmp_path):
    labs = tmp_path / "labs"
    (labs / "small").mkdir(parents=True)
    (labs / "small" / "quiz.yaml").write_text(QUIZ)

    def call(*argv, typed=""):
        variables = {"LABCTL_DATA_DIR": str(tmp_path / "data"), "LABCTL_LABS_DIR": str(labs)}
        return subprocess.run(
            [LABCTL, "quiz", *argv],
            env={**os.environ, **variables},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture
def session(tmp_path):
    store = Store(tmp_path / "data")
    store.save(Record("s", "small", "d", seed="0", learner="", created="t"))
    return lambda: store.load("s").answers


def test_quizzes_are_listed(run):
    done = run()
    assert done.stdout.splitlines()[1].split() == ["small", "2", "A", "quiz"]
    assert json.loads(run("--json").stdout) == [
        {"quiz": "small", "questions": 2, "title": "A quiz"}
    ]


def test_what_was_wrong_comes_back_until_it_is_right(run):
    # Letters are shuffled: of two different ones, one is right.
    done = run("small", typed="a\nb\n7\nhm\n2\na\nb\n2\nq\n")
    assert done.returncode == 0
    assert "Not right. This one comes back later." in done.stdout
    assert "Type a number." in done.stdout or "Type one letter" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Because.\nSource: A book" in done.stdout


def test_the_end_of_input_is_the_end(run):
    done = run("small", typed="")
    assert done.returncode == 0
    assert done.stdout.endswith("0 of 2 right at the first try.\n")


def answers(run, tmp_path, **given):
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(given))
    return run("small", "--answers", str(file), "--json")


def keys(run):
    (one, _) = json.loads(run("small", "--json").stdout)["questions"]
    return {each["say"]: each["key"] for each in one["options"]}


def test_programs_ask_and_answer(run, tmp_path):
    known = keys(run)
    good = answers(run, tmp_path, one=known["yes"], two=2)
    assert (good.returncode, json.loads(good.stdout)["right"]) == (0, 2)
    bad = answers(run, tmp_path, one=known["no"])
    told = json.loads(bad.stdout)
    assert (bad.returncode, told["right"], told["answered"]) == (1, 0, 1)
    assert told["results"][0]["remarks"] == ["no: Never."]
    assert told["results"][1]["solution"] == ["2"]


def test_first_answers_stay_in_the_session_that_runs_the_lab(run, tmp_path, session):
    known = keys(run)
    answers(run, tmp_path, one=known["no"])
    answers(run, tmp_path, one=known["yes"], two=2)
    assert session() == {"one": known["no"], "two": "2"}


def test_without_a_session_it_is_practice(run, tmp_path):
    assert "(practice)" in run("small", typed="q\n").stdout


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nix"], "There is no quiz `nix`"),
        (["small", "--answers", "/nowhere"], "cannot be read"),
        (["small", "--answers", "-"], "is no JSON"),
        (["small", "--session", "nix"], "There is no session"),
    ],
)
def test_what_cannot_be_asked_is_told(run, argv, said):
    done = run(*argv)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_question_is_told(run, tmp_path):
    assert "There is no question `three`" in answers(run, tmp_path, three=1).stderr
