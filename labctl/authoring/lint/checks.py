"""Rules about checks and the mistakes that prove them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.subject import Subject, line_of, text
from labctl.lab.names import NAME_PATTERN

_MARKS = ("check", "weakness")
_LEAST_MISTAKES = 3


@dataclass(frozen=True)
class _Function:
    """A test function as it stands in its file; `id` is empty where its mark does not spell it."""

    file: Path
    line: int
    name: str
    id: str
    bare: bool  # without any decorator


def checks(subject: Subject) -> Iterator[Finding]:
    """Hints, statements, names, points; functions that never run."""
    functions = list(_functions(subject))
    for function in functions:
        if function.bare:
            yield Finding(
                function.file,
                function.line,
                "never-runs",
                f"`{function.name}` has neither @check nor @weakness, so it never runs",
                "Mark it, or rename it to a helper.",
            )
    if subject.checks is None:
        return
    places = {function.id: function for function in functions}
    for check in subject.checks:
        place = places.get(check.id)
        file, line = (place.file, place.line) if place else (subject.folder / "checks", 0)

        def found(
            rule: str, problem: str, advice: str, file: Path = file, line: int = line
        ) -> Finding:
            return Finding(file, line, rule, problem, advice)

        if not re.fullmatch(NAME_PATTERN, check.id):
            yield found(
                "check-name",
                f"`{check.id}` is hard to type in `labctl hint`",
                "Use lower case letters, digits and single hyphens.",
            )
        if check.kind != "check":
            continue
        if place and check.statement == place.name:
            yield found(
                "no-statement",
                f"`{check.id}` does not say what must hold",
                "Write it as the first line of the function's docstring.",
            )
        if not check.hint.strip():
            yield found("no-hint", f"`{check.id}` has an empty hint", "Point the learner the way.")
        elif check.hint.strip() == check.statement:
            yield found(
                "no-hint",
                f"the hint of `{check.id}` only repeats its statement",
                "Point the learner the way.",
            )
        if check.points < 1:
            yield found("no-points", f"`{check.id}` gives no points", "Give it one at least.")
    kinds = {check.kind for check in subject.checks}
    for kind, why in (
        ("check", "nothing is graded"),
        ("weakness", "nobody makes sure that the untouched lab is broken"),
    ):
        if kind not in kinds:
            yield Finding(
                subject.folder / "checks",
                0,
                f"no-{kind}",
                f"no function has the mark @{kind}: {why}",
                "labs/README.md shows one.",
            )


def mistakes(subject: Subject) -> Iterator[Finding]:
    """Enough of them, each doing something, and for every check one that fails it."""
    if subject.mistakes is None:
        return
    folder = subject.folder / "mistakes"
    if len(subject.mistakes) < _LEAST_MISTAKES:
        yield Finding(
            folder,
            0,
            "few-mistakes",
            f"{len(subject.mistakes)} of at least {_LEAST_MISTAKES} mistakes",
            "Add known wrong ways as mistakes/NAME/mistake.yaml.",
        )
    if not any(mistake.dishonest for mistake in subject.mistakes.values()):
        yield Finding(
            folder,
            0,
            "no-dishonest-mistake",
            "no mistake is a dishonest one",
            "Add one that stops the service, deletes the object or fakes the evidence, "
            "with `dishonest: true`.",
        )
    for name, mistake in subject.mistakes.items():
        if not mistake.steps and not (folder / name / "workspace").is_dir():
            yield Finding(
                folder / name / "mistake.yaml",
                0,
                "does-nothing",
                f"the mistake `{name}` does nothing",
                "Give it steps, or files in workspace/.",
            )
    solution = subject.folder / "solution"
    if subject.solution and not subject.solution.steps and not (solution / "workspace").is_dir():
        yield Finding(
            solution / "solution.yaml",
            0,
            "does-nothing",
            "the solution does nothing",
            "Give it steps, or files in workspace/.",
        )
    if subject.checks is not None:
        yield from _proofs(subject, [c.id for c in subject.checks if c.kind == "check"])


def areas(subject: Subject) -> Iterator[Finding]:
    """Every check in an area, if there are areas; and only checks and labs that there are."""
    if subject.lab is None or subject.checks is None or not subject.lab.areas:
        return
    file = subject.folder / "lab.yaml"
    ids = [check.id for check in subject.checks if check.kind == "check"]
    for name, area in subject.lab.areas.items():
        for unknown in [each for each in area.checks if each not in ids]:
            yield Finding(
                file,
                line_of(file, ("areas", name, "checks")),
                "unknown-check",
                f"the area `{name}` names `{unknown}`, which is no check",
                f"The checks are: {', '.join(ids)}.",
            )
        if area.lab and area.lab not in subject.labs:
            yield Finding(
                file,
                line_of(file, ("areas", name, "lab")),
                "unknown-lab",
                f"the area `{name}` sends the learner to `{area.lab}`, which is no lab",
                "`labctl list` shows the labs.",
            )
    placed = {check for area in subject.lab.areas.values() for check in area.checks}
    for each in [each for each in ids if each not in placed]:
        yield Finding(
            file,
            line_of(file, ("areas",)),
            "no-area",
            f"`{each}` is in no area, so no corner of the radar shows it",
            "Put it into one.",
        )


def _proofs(subject: Subject, ids: list[str]) -> Iterator[Finding]:
    found = subject.mistakes or {}
    for name, mistake in found.items():
        file = subject.folder / "mistakes" / name / "mistake.yaml"
        for unknown in [each for each in mistake.fails if each not in ids]:
            yield Finding(
                file,
                line_of(file, ("fails",)),
                "unknown-check",
                f"`fails` names `{unknown}`, which is no check",
                f"The checks are: {', '.join(ids)}.",
            )
    places = {function.id: function for function in _functions(subject)}
    for each in ids:
        if not any(each in mistake.fails for mistake in found.values()):
            place = places.get(each)
            yield Finding(
                place.file if place else subject.folder / "checks",
                place.line if place else 0,
                "unproven-check",
                f"no mistake fails `{each}`, so nobody knows that it can fail for the right reason",
                "Add a mistake whose `fails` names it.",
            )


def _functions(subject: Subject) -> Iterator[_Function]:
    for file in sorted((subject.folder / "checks").glob("**/test_*.py")):
        try:
            tree = ast.parse(text(file))
        except SyntaxError:
            continue  # collecting the checks has told
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                yield _Function(file, node.lineno, node.name, _id(node), not node.decorator_list)


def _id(function: ast.FunctionDef) -> str:
    for call in function.decorator_list:
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            name = call.func.id if isinstance(call.func, ast.Name) else name
            values = [*call.args, *(k.value for k in call.keywords if k.arg == "id")]
            if name in _MARKS and values and isinstance(values[0], ast.Constant):
                return str(values[0].value)
    return ""
