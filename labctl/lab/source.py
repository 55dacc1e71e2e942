"""YAML files as strict models, with every problem told by file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from labctl.errors import DefinitionError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file. `line` counts from 1; 0 is the whole file."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class Source:
    """A YAML file: its data and where each key of it stands."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.data: Any = None
        self.problems: list[Problem] = []
        self._lines: dict[Location, int] = {}
        self._indexed: set[int] = set()
        try:
            loader = _Loader(file.read_text(encoding="utf-8"))
            try:
                node = loader.get_single_node()
                if node is not None:
                    self._index(node, ())
                    self.data = loader.construct_document(node)
            finally:
                loader.dispose()
        except OSError as e:
            self.problems.append(Problem(file, 0, f"cannot be read: {e.strerror}"))
        except UnicodeDecodeError:
            self.problems.append(Problem(file, 0, "is not UTF-8 text"))
        except yaml.MarkedYAMLError as e:
            line = e.problem_mark.line + 1 if e.problem_mark else 0
            self.problems.append(Problem(file, line, f"is not valid YAML: {e.problem}"))
        except yaml.YAMLError as e:
            self.problems.append(Problem(file, 0, f"is not valid YAML: {e}"))

    def problem(self, location: Location, text: str) -> None:
        """Note a problem at a key, such as ("machines", "web", "image")."""
        known: Location = ()
        line = 0
        for part in location:
            # A discriminated union puts its tag into the location; the file has no such key.
            if (*known, part) in self._lines:
                known = (*known, part)
                line = self._lines[known]
        place = ".".join(str(part) for part in known)
        self.problems.append(Problem(self.file, line, f"{place}: {text}" if place else text))

    def model(self, kind: type[Model]) -> Model | None:
        """The data as a model, or None with the problems noted."""
        if self.problems:
            return None
        if not isinstance(self.data, dict):
            self.problems.append(Problem(self.file, 1, "must be a mapping of keys to values"))
            return None
        try:
            return kind.model_validate(self.data)
        except ValidationError as e:
            for error in e.errors():
                location = tuple(error["loc"])
                self.problem(location, _in_plain_words(error["type"], error["msg"], location))
            return None

    def _index(self, node: yaml.Node, at: Location) -> None:
        self._lines.setdefault(at, node.start_mark.line + 1)
        if id(node) in self._indexed:
            return  # an alias: a few lines of them can stand for more places than there is memory
        self._indexed.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                location = (*at, str(key.value))
                twice = location in self._lines
                self._lines[location] = key.start_mark.line + 1
                if twice:
                    self.problem(location, "stands twice")
                self._index(value, location)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._index(item, (*at, index))


class BadDefinition(DefinitionError):
    """A definition with problems; `problems` are those that `details` spells out."""

    def __init__(
        self, message: str, *, details: str, resolution: str, problems: Iterable[Problem]
    ) -> None:
        super().__init__(message, details=details, resolution=resolution)
        self.problems = tuple(problems)


def refuse(what: str, problems: Iterable[Problem]) -> None:
    """Raise one BadDefinition with every problem, when there is any."""
    found = list(problems)
    if found:
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise BadDefinition(
            f"{what} has {count}",
            details="\n".join(str(problem) for problem in found),
            resolution="Mend the lines above; ARCHITECTURE.md explains every key.",
            problems=found,
        )


def _in_plain_words(kind: str, message: str, location: Location) -> str:
    if kind == "extra_forbidden":
        return f"unknown key `{location[-1]}`"
    if kind == "missing":
        return f"the key `{location[-1]}` is missing"
    return message[:1].lower() + message[1:]
