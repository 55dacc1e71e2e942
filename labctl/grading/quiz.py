"""Putting questions and judging answers, without printing anything.

An answer is kept as a short text that does not depend on the order in which things were shown:
choices and steps go by a key that is made of their words. `3fa2c1` for one choice, `3fa2c1 77e0b2`
for several, or for steps in order, `3fa2c1=77e0b2 ...` for pairs, `64` for a number.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from labctl.errors import UsageError
from labctl.lab.quiz import (
    ChoiceQuestion,
    MatchQuestion,
    NumberQuestion,
    OrderQuestion,
    Question,
    Quiz,
)


def key(text: str) -> str:
    """What a choice, a step or a side of a pair is called in an answer."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def right(question: Question) -> str:
    """The right answer."""
    if isinstance(question, ChoiceQuestion):
        return " ".join(sorted(key(c.say) for c in question.choices if c.right))
    if isinstance(question, OrderQuestion):
        return " ".join(key(step) for step in question.steps)
    if isinstance(question, MatchQuestion):
        return " ".join(sorted(f"{key(a)}={key(b)}" for a, b in question.pairs.items()))
    return f"{question.right:g}"


def judge(question: Question, answer: str) -> bool:
    """Whether an answer is right, whoever wrote it."""
    if not isinstance(question, NumberQuestion):
        words = answer.split()
        return " ".join(words if isinstance(question, OrderQuestion) else sorted(words)) == right(
            question
        )
    try:
        number = float(answer)
    except ValueError:
        return False
    return math.isfinite(number) and abs(number - question.right) <= question.within + 1e-9


@dataclass(frozen=True)
class Score:
    """How many questions there are, how many were answered, and how many of these rightly."""

    questions: int
    answered: int
    right: int

    def __str__(self) -> str:
        return f"{self.right} of {self.questions} right at the first try"


def score(quiz: Quiz, answers: Mapping[str, str]) -> Score:
    """The score of first answers, by the questions' ids; others are nobody's."""
    given = [(q, answers[q.id]) for q in quiz.questions if q.id in answers]
    good = sum(judge(question, answer) for question, answer in given)
    return Score(len(quiz.questions), len(given), good)


@dataclass(frozen=True)
class Shown:
    """A question as it is put: `left` and `options` are in the order in which they are shown.

    `left` is what pairs begin with; other questions have none. A number has no options.
    """

    question: Question
    left: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, question: Question, shuffle: random.Random | None = None) -> Shown:
        """Shuffled, so that nobody learns letters."""
        chance = shuffle or random.SystemRandom()
        if isinstance(question, ChoiceQuestion):
            options = [choice.say for choice in question.choices]
        elif isinstance(question, OrderQuestion):
            options = list(question.steps)
        elif isinstance(question, MatchQuestion):
            options = sorted(set(question.pairs.values()))
        else:
            return cls(question)
        chance.shuffle(options)
        if isinstance(question, OrderQuestion) and options == question.steps:
            options = options[1:] + options[:1]  # nothing to do is no question
        left = list(question.pairs) if isinstance(question, MatchQuestion) else []
        chance.shuffle(left)
        return cls(question, tuple(left), tuple(options))

    @property
    def how(self) -> str:
        """What to type."""
        last = ascii_lowercase[len(self.options) - 1] if self.options else ""
        if isinstance(self.question, NumberQuestion):
            return "a number" + (f", in {self.question.unit}" if self.question.unit else "")
        if isinstance(self.question, OrderQuestion):
            return f"all letters, a to {last}, first to last"
        if isinstance(self.question, MatchQuestion):
            return f"a letter for each number, as in 1a 2{last}"
        return (
            f"one letter, a to {last}" if self.question.kind == "single" else "one letter or more"
        )

    def lines(self) -> list[str]:
        """The question's words and what there is to choose from, to be read from top to bottom."""
        found = [self.question.ask]
        found += [f"  {number}. {text}" for number, text in enumerate(self.left, 1)]
        found += [f"  {ascii_lowercase[i]}) {text}" for i, text in enumerate(self.options)]
        return found

    def read(self, typed: str) -> str:
        """The answer that was typed. Raises UsageError when it is no answer to this question."""
        if isinstance(self.question, NumberQuestion):
            return self._number(typed)
        if isinstance(self.question, MatchQuestion):
            return self._pairs(typed)
        letters = re.findall(r"[a-z]", typed.lower())
        junk = re.sub(r"[a-z\s,;]", "", typed.lower())
        known = all(ascii_lowercase.index(each) < len(self.options) for each in letters)
        if junk or not letters or not known or len(set(letters)) < len(letters):
            raise UsageError(f"Type {self.how}")
        keys = [key(self.options[ascii_lowercase.index(each)]) for each in letters]
        if isinstance(self.question, OrderQuestion):
            if len(keys) < len(self.options):
                raise UsageError(f"Type {self.how}")
            return " ".join(keys)
        if self.question.kind == "single" and len(keys) > 1:
            raise UsageError(f"Type {self.how}")
        return " ".join(sorted(keys))

    def _number(self, typed: str) -> str:
        unit = getattr(self.question, "unit", None) or ""
        text = typed.strip().removesuffix(unit).strip()
        if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
            raise UsageError(f"Type {self.how}")
        return f"{float(text):g}"

    def _pairs(self, typed: str) -> str:
        pair = re.compile(r"(\d)\s*[=:.-]?\s*([a-z])")
        found = pair.findall(typed.lower())
        junk = re.sub(r"[\s,;]", "", pair.sub("", typed.lower()))
        numbers = sorted(int(number) for number, _ in found)
        letters = [ascii_lowercase.index(letter) for _, letter in found]
        whole = numbers == list(range(1, len(self.left) + 1))
        if junk or not whole or any(index >= len(self.options) for index in letters):
            raise UsageError(f"Type {self.how}")
        return " ".join(
            sorted(
                f"{key(self.left[int(number) - 1])}={key(self.options[index])}"
                for (number, _), index in zip(found, letters, strict=True)
            )
        )

    def to_json(self) -> dict[str, Any]:
        """For programs: an answer names what is chosen by its key."""
        told = {"id": self.question.id, "kind": self.question.kind, "ask": self.question.ask}
        return {
            **told,
            "left": [{"key": key(text), "say": text} for text in self.left],
            "options": [{"key": key(text), "say": text} for text in self.options],
            "unit": getattr(self.question, "unit", None),
        }


def from_json(question: Question, value: object) -> str:
    """An answer as a program gives it: a key, a list of keys, an object of keys, or a number.

    Raises UsageError when it is of another kind.
    """
    text = isinstance(value, str)
    if isinstance(question, NumberQuestion):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:g}"
    elif isinstance(question, MatchQuestion):
        if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            return " ".join(sorted(f"{a}={b}" for a, b in value.items()))
    elif isinstance(question, OrderQuestion) or question.kind == "multiple":
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            ordered = value if isinstance(question, OrderQuestion) else sorted(value)
            return " ".join(ordered)
    elif text:
        return str(value)
    wanted = {"single": "a key", "number": "a number", "match": "an object of keys"}
    raise UsageError(
        f"The answer to `{question.id}` is to be {wanted.get(question.kind, 'a list of keys')}",
        resolution="`labctl quiz NAME --json` shows the questions with their keys.",
    )


def remarks(question: Question, answer: str) -> Sequence[str]:
    """What there is to say to somebody who gave that answer: of what they took or left wrongly."""
    if not isinstance(question, ChoiceQuestion):
        return ()
    taken = set(answer.split())
    wrongly = [c for c in question.choices if c.right != (key(c.say) in taken)]
    return [f"{choice.say}: {choice.why}" for choice in wrongly if choice.why]


def solution(question: Question) -> Sequence[str]:
    """The right answer in words."""
    if isinstance(question, ChoiceQuestion):
        return [choice.say for choice in question.choices if choice.right]
    if isinstance(question, OrderQuestion):
        return [f"{number}. {step}" for number, step in enumerate(question.steps, 1)]
    if isinstance(question, MatchQuestion):
        return [f"{a}: {b}" for a, b in question.pairs.items()]
    return [f"{question.right:g}" + (f" {question.unit}" if question.unit else "")]
