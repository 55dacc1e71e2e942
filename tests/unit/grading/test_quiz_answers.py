"""Questions are put in any order, and answers judged whatever the order was."""

from __future__ import annotations

import random
from string import ascii_lowercase
from types import SimpleNamespace

import pytest
from rich.console import Console

from labctl.cli import report as view
from labctl.errors import UsageError
from labctl.grading import quiz
from labctl.grading.batch import worker
from labctl.grading.quiz import Shown, from_json, judge, key, remarks, right, score, solution
from labctl.grading.report import Report
from labctl.lab.quiz import Quiz

TAIL = {"ask": "A?", "explain": "E", "source": "S"}
QUIZ = Quiz.model_validate(
    {
        "format": 1,
        "title": "T",
        "questions": [
            {
                "id": "one",
                "kind": "single",
                "choices": [{"say": "yes", "right": True}, {"say": "no", "why": "why not"}],
                **TAIL,
            },
            {
                "id": "some",
                "kind": "multiple",
                "choices": [
                    {"say": "red", "right": True, "why": "it is"},
                    {"say": "green"},
                    {"say": "blue", "right": True},
                ],
                **TAIL,
            },
            {"id": "steps", "kind": "order", "steps": ["get up", "wash", "eat"], **TAIL},
            {
                "id": "pairs",
                "kind": "match",
                "pairs": {"cat": "meow", "dog": "bark", "kitten": "meow"},
                **TAIL,
            },
            {
                "id": "how-many",
                "kind": "number",
                "right": 64,
                "within": 0.5,
                "unit": "bits",
                **TAIL,
            },
        ],
    }
)
ONE, SOME, STEPS, PAIRS, NUMBER = QUIZ.questions


def letter(shown, text):
    return ascii_lowercase[shown.options.index(text)]


@pytest.fixture(params=range(5))
def shown(request):
    return lambda question: Shown.of(question, random.Random(request.param))


def test_typed_letters_mean_what_was_shown(shown):
    one, some, steps = shown(ONE), shown(SOME), shown(STEPS)
    assert judge(ONE, one.read(letter(one, "yes")))
    assert not judge(ONE, one.read(letter(one, "no").upper()))
    red, blue = letter(some, "red"), letter(some, "blue")
    assert judge(SOME, some.read(f"{blue}{red}"))
    assert judge(SOME, some.read(f" {red}, {blue} "))
    assert not judge(SOME, some.read(red))
    assert not judge(SOME, some.read("abc"))
    letters = [letter(steps, step) for step in STEPS.steps]
    assert judge(STEPS, steps.read(" ".join(letters)))
    assert not judge(STEPS, steps.read("".join(reversed(letters))))


def test_typed_pairs_mean_what_was_shown(shown):
    pairs = shown(PAIRS)
    assert sorted(pairs.options) == ["bark", "meow"]
    typed = [f"{n}{letter(pairs, PAIRS.pairs[a])}" for n, a in enumerate(pairs.left, 1)]
    assert judge(PAIRS, pairs.read(" ".join(typed)))
    assert judge(PAIRS, pairs.read(", ".join(f"{t[0]} = {t[1]}" for t in reversed(typed))))
    assert not judge(PAIRS, pairs.read("1a 2a 3a"))


def test_steps_are_never_shown_in_the_right_order(shown):
    assert list(shown(STEPS).options) != STEPS.steps


@pytest.mark.parametrize(
    ("typed", "good"),
    [("64", True), ("64.5", True), ("64 bits", True), ("+65", False), ("0", False)],
)
def test_numbers_may_be_a_little_off(typed, good):
    assert judge(NUMBER, Shown.of(NUMBER).read(typed)) is good


@pytest.mark.parametrize(
    ("question", "typed"),
    [
        (ONE, ""),
        (ONE, "c"),
        (ONE, "ab"),
        (ONE, "1"),
        (SOME, "aa"),
        (SOME, "a!"),
        (STEPS, "ab"),
        (STEPS, "abcc"),
        (PAIRS, "1a 2b"),
        (PAIRS, "1a 2b 3c"),
        (PAIRS, "1a 1b 2a"),
        (PAIRS, "1a 2b 3a z"),
        (NUMBER, "many"),
        (NUMBER, "nan"),
        (NUMBER, "1e3"),
        (NUMBER, ""),
    ],
)
def test_what_is_no_answer_is_told_what_is_one(question, typed):
    with pytest.raises(UsageError) as caught:
        Shown.of(question, random.Random(1)).read(typed)
    assert caught.value.message.startswith("Type ")


def test_programs_answer_with_keys():
    told = Shown.of(PAIRS).to_json()
    keys = {each["say"]: each["key"] for each in (*told["left"], *told["options"])}
    answer = {keys[a]: keys[b] for a, b in PAIRS.pairs.items()}
    assert judge(PAIRS, from_json(PAIRS, answer))
    assert judge(ONE, from_json(ONE, key("yes")))
    assert judge(SOME, from_json(SOME, [key("blue"), key("red")]))
    assert judge(STEPS, from_json(STEPS, [key(step) for step in STEPS.steps]))
    assert judge(NUMBER, from_json(NUMBER, 64))


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (ONE, ["x"]),
        (SOME, "x"),
        (STEPS, {}),
        (PAIRS, []),
        (NUMBER, True),
        (NUMBER, "64"),
        (ONE, None),
    ],
)
def test_answers_of_another_kind_are_refused(question, value):
    with pytest.raises(UsageError, match="is to be"):
        from_json(question, value)


@pytest.mark.parametrize("answer", ["", "x", "=", "nan", "inf", "1e999", "\x1b[2J", "a=b=c"])
def test_whatever_somebody_hands_in_is_only_wrong(answer):
    assert [judge(question, answer) for question in QUIZ.questions] == [False] * 5


def test_the_score_counts_first_answers():
    answers = {"one": right(ONE), "some": right(ONE), "how-many": "64", "else": "x"}
    found = score(QUIZ, answers)
    assert (found.questions, found.answered, found.right) == (5, 3, 2)
    assert str(found) == "2 of 5 right at the first try"


def test_remarks_are_about_what_was_taken_or_left_wrongly():
    assert list(remarks(ONE, key("no"))) == ["no: why not"]
    assert list(remarks(ONE, key("yes"))) == []
    assert list(remarks(SOME, key("blue"))) == ["red: it is"]
    assert list(remarks(STEPS, "x")) == []


def test_solutions_are_words():
    assert [list(solution(q)) for q in QUIZ.questions] == [
        ["yes"],
        ["red", "blue"],
        ["1. get up", "2. wash", "3. eat"],
        ["cat: meow", "dog: bark", "kitten: meow"],
        ["64 bits"],
    ]


def test_every_question_of_every_quiz_has_an_answer_that_can_be_typed():
    from labctl.lab import quiz as quizzes

    for name in quizzes.folders():
        for question in quizzes.find(name).questions:
            assert judge(question, right(question))
            texts = [*Shown.of(question).options, *Shown.of(question).left]
            assert len({quiz.key(text) for text in texts}) == len(texts)


def test_the_terminal_tells_the_score_or_that_there_are_questions():
    def shown(answered):
        told = Report(
            lab="small",
            title="T",
            digest="d",
            session="s",
            learner="me",
            seed="0",
            started="t",
            finished="t",
            results=(),
            solved=False,
            hints=(),
            quiz=quiz.Score(5, answered, 1),
        )
        assert Report.from_json(told.to_json()) == told
        console = Console(width=80, record=True, no_color=True)
        view.render(told, console)
        return console.export_text()

    assert "Quiz: 1 of 5 right at the first try." in shown(2)
    assert "5 questions go with this lab: labctl quiz small" in shown(0)


def test_a_submissions_answers_are_judged_anew():
    def answers(text):
        return worker._answers(SimpleNamespace(files={"answers.json": text}))

    assert answers(b'{"one": "x", "two": 2}') == {"one": "x"}
    for bad in (b"", b"[]", b"7", b"\xff", b"[" * 5000):
        assert answers(bad) == {}
    assert worker._answers(SimpleNamespace(files={})) == {}
