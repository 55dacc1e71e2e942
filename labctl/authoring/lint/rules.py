"""All rules, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from labctl.authoring.lint import checks, facts, files, images, readme
from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.subject import Subject

Rule = Callable[[Subject], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    checks.checks,
    checks.mistakes,
    checks.areas,
    readme.links,
    readme.claims,
    images.recipes,
    images.manifests,
    facts.facts,
    facts.capture,
    files.unused,
)


def lint(folder: Path, *, commands: Iterable[str], labs: Iterable[str]) -> list[Finding]:
    """All that is to mend in the lab of a folder, in the order of its files.

    `commands` are those of labctl and `labs` the ids of all labs, which texts may name. What the
    loader refuses is among the findings. Raises EnvironmentFailure when the process that lists
    the checks does not answer.
    """
    subject = Subject.read(folder, frozenset(commands), frozenset(labs) | {folder.name})
    found = {*subject.problems, *(finding for rule in RULES for finding in rule(subject))}
    return sorted(found)
