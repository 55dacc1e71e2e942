"""quiz.yaml: what is refused, and that all quizzes that come with labctl are whole."""

from __future__ import annotations

import pytest

from labctl.errors import DefinitionError, UsageError
from labctl.lab import quiz

HEAD = "format: 1\ntitle: T\nquestions:\n"
TAIL = "ask: A, explain: E, source: S"


def load(tmp_path, text):
    (tmp_path / "quiz.yaml").write_text(HEAD + text)
    return quiz.load(tmp_path)


@pytest.mark.parametrize("name", quiz.folders())
def test_every_quiz_is_whole(name):
    assert quiz.find(name).questions


def test_the_exam_has_forty_questions_of_every_kind_each_with_its_source():
    questions = quiz.find("exam").questions
    assert len(questions) >= 40
    assert {q.kind for q in questions} == {"single", "multiple", "order", "match", "number"}
    asked = {f"practice question {number}" for number in range(1, 6)}
    assert asked <= {q.source.partition("The lesson, ")[2] for q in questions}


def test_a_lab_without_one_has_none(tmp_path):
    assert quiz.load(tmp_path) is None


def test_an_unknown_quiz_is_told_the_known_ones():
    with pytest.raises(UsageError, match="no quiz `nix`") as caught:
        quiz.find("nix")
    assert "exam" in caught.value.details


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ("{id: a, kind: single, choices: [{say: x}, {say: y}], TAIL}", "one choice"),
        (
            "{id: a, kind: single, choices: [{say: x, right: true}, {say: y, right: true}], TAIL}",
            "one choice",
        ),
        ("{id: a, kind: multiple, choices: [{say: x}, {say: y}], TAIL}", "at least one choice"),
        (
            "{id: a, kind: multiple, choices: [{say: x, right: true}, {say: x}], TAIL}",
            "two choices",
        ),
        ("{id: a, kind: order, steps: [x, y, x], TAIL}", "two steps"),
        ("{id: a, kind: order, steps: [x, y], TAIL}", "steps"),
        ("{id: a, kind: match, pairs: {x: y}, TAIL}", "pairs"),
        ("{id: a, kind: number, right: much, TAIL}", "right"),
        ("{id: a, kind: essay, TAIL}", "essay"),
        ("{id: a, kind: number, right: 1, ask: A, explain: E}", "source"),
        ("{id: a, kind: number, right: 1, TAIL}\n  - {id: a, kind: number, right: 2, TAIL}", "two"),
    ],
)
def test_what_is_no_question_is_refused(tmp_path, question, problem):
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, f"  - {question}\n".replace("TAIL", TAIL))
    assert problem in caught.value.details
