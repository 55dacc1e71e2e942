"""A lab as its reviewer has it on the table: all that can be read of it, however broken it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labctl.authoring.lint.finding import Finding
from labctl.errors import DefinitionError
from labctl.grading import collect
from labctl.grading.collect import Check
from labctl.lab import loader, quiz
from labctl.lab.model import KindMachine, Lab, Mistake, Solution, Step
from labctl.lab.source import BadDefinition, Location, Source


@dataclass
class Subject:
    """A lab's parts; None where the definition is too broken to tell.

    `commands` are those of labctl, `labs` the ids of all labs: texts name both.
    """

    folder: Path
    commands: frozenset[str]
    labs: frozenset[str]
    lab: Lab | None = None
    solution: Solution | None = None
    mistakes: dict[str, Mistake] | None = None
    checks: tuple[Check, ...] | None = None
    problems: list[Finding] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, commands: frozenset[str], labs: frozenset[str]) -> Subject:
        """Read a lab's folder. Raises EnvironmentFailure when checks cannot be listed at all."""
        found = cls(folder, commands, labs)
        try:
            found.lab = loader.load(folder)
        except BadDefinition as e:
            found._note(e)
            return found
        try:
            quiz.load(folder)
        except BadDefinition as e:
            found._note(e)
        try:
            found.solution = loader.solution(found.lab)
        except BadDefinition as e:
            found._note(e)
        try:
            found.mistakes = loader.mistakes(found.lab)
        except BadDefinition as e:
            found._note(e)
        try:
            found.checks = collect.checks(found.lab)
        except DefinitionError as e:
            text = e.message + (f": {e.details}" if e.details else "")
            found.problems.append(Finding(folder / "checks", 0, "definition", text))
        return found

    def _note(self, error: BadDefinition) -> None:
        self.problems += [
            Finding(p.file, p.line, "definition", p.text, "ARCHITECTURE.md explains every key.")
            for p in error.problems
        ]

    @cached_property
    def files(self) -> list[Path]:
        """All files of the lab."""
        return [
            file
            for file in sorted(self.folder.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
        ]

    @cached_property
    def readmes(self) -> list[Path]:
        """README.md and its translations."""
        return sorted(self.folder.glob("README*.md"))

    def under(self, *folders: str) -> list[Path]:
        """The files in some of the lab's folders."""
        return [f for f in self.files if f.relative_to(self.folder).parts[0] in folders]

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step of setup, solution and mistakes, each with the folder it is relative to."""
        for step in self.lab.setup if self.lab else ():
            yield self.folder, step
        for step in self.solution.steps if self.solution else ():
            yield self.folder / "solution", step
        for name, mistake in (self.mistakes or {}).items():
            for step in mistake.steps:
                yield self.folder / "mistakes" / name, step

    def manifests(self) -> list[Path]:
        """The files that steps apply to clusters."""
        found = []
        for base, step in self.steps():
            if step.manifests:
                path = base / step.manifests
                found += sorted(path.glob("**/*.yaml")) if path.is_dir() else [path]
        return found

    @property
    def kinds(self) -> list[KindMachine]:
        """The lab's clusters."""
        machines = self.lab.machines.values() if self.lab else ()
        return [machine for machine in machines if isinstance(machine, KindMachine)]


def text(file: Path) -> str:
    """A file's text; what is not text reads as signs that no rule looks for."""
    return file.read_text(encoding="utf-8", errors="replace")


def lines(file: Path, pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """Every match in a file, with its line."""
    for number, line in enumerate(text(file).splitlines(), 1):
        for match in pattern.finditer(line):
            yield number, match


def line_of(file: Path, location: Location) -> int:
    """Where a key of a YAML file stands."""
    source = Source(file)
    source.problem(location, "")
    return source.problems[-1].line
