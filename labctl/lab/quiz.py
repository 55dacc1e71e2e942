"""quiz.yaml, format 1: questions about what a lab teaches. ARCHITECTURE.md documents every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from labctl import paths
from labctl.errors import UsageError
from labctl.lab import sources
from labctl.lab.model import Name, Strict, Text
from labctl.lab.source import Source, refuse

FILE = "quiz.yaml"


class QuestionBase(Strict):
    """What every question has: `explain` is told after each answer, `source` names where from."""

    id: Name
    ask: Text
    explain: Text
    source: Text


class Choice(Strict):
    """One choice; `why` is told to those who took it, or left it, wrongly."""

    say: Text
    right: bool = False
    why: Text | None = None


class ChoiceQuestion(QuestionBase):
    """Choices, of which one is right (`single`), or one or more are (`multiple`)."""

    kind: Literal["single", "multiple"]
    choices: Annotated[list[Choice], Field(min_length=2, max_length=8)]

    @model_validator(mode="after")
    def _right(self) -> Self:
        right = sum(choice.right for choice in self.choices)
        if not right or (self.kind == "single" and right > 1):
            wanted = "one choice" if self.kind == "single" else "at least one choice"
            raise ValueError(f"needs {wanted} with `right: true`, and has {right}")
        _different([choice.say for choice in self.choices], "choices")
        return self


class OrderQuestion(QuestionBase):
    """Steps that are to be put in order; the file has them in the right one."""

    kind: Literal["order"]
    steps: Annotated[list[Text], Field(min_length=3, max_length=8)]

    @model_validator(mode="after")
    def _steps(self) -> Self:
        _different(self.steps, "steps")
        return self


class MatchQuestion(QuestionBase):
    """Pairs: what stands on the left is to be matched with what stands on the right.

    Several on the left may belong to the same on the right.
    """

    kind: Literal["match"]
    pairs: Annotated[dict[Text, Text], Field(min_length=2, max_length=8)]


class NumberQuestion(QuestionBase):
    """A number, `within` so much of the right one."""

    kind: Literal["number"]
    right: float
    within: Annotated[float, Field(ge=0)] = 0.0
    unit: Text | None = None


Question = Annotated[
    ChoiceQuestion | OrderQuestion | MatchQuestion | NumberQuestion, Field(discriminator="kind")
]


class Quiz(Strict):
    """The questions of a lab, or of the exam."""

    format: Literal[1]
    title: Text
    questions: Annotated[list[Question], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids(self) -> Self:
        _different([question.id for question in self.questions], "questions by id")
        return self


def load(folder: Path) -> Quiz | None:
    """The quiz of a lab's folder, or None when it has none. Raises DefinitionError."""
    file = folder / FILE
    if not file.is_file():
        return None
    source = Source(file)
    quiz = source.model(Quiz)
    refuse(f"The quiz of `{folder.name}`", source.problems)
    return quiz


def folders() -> dict[str, Path]:
    """The folder of each quiz that there is, by the name of its lab, sorted."""
    own = {file.parent.name: file.parent for file in paths.labs_dir().glob(f"*/{FILE}")}
    added = {lab: folder for lab, folder in sources.folders().items() if (folder / FILE).is_file()}
    found = {**added, **own}
    return {name: found[name] for name in sorted(found)}


def find(name: str) -> Quiz:
    """The quiz of that name. Raises UsageError when there is none, DefinitionError."""
    folder = folders().get(name)
    quiz = load(folder) if folder else None
    if quiz is None:
        raise UsageError(
            f"There is no quiz `{name}`",
            details="Quizzes: " + ", ".join(folders()),
            resolution="`labctl quiz` lists them.",
        )
    return quiz


def _different(texts: list[str], what: str) -> None:
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise ValueError(f"has two {what} `{twice}`")
