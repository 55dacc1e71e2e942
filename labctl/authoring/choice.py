"""Which variants of which labs are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl.authoring import changes, trial
from labctl.errors import UsageError
from labctl.grading import collect
from labctl.lab import catalog, loader
from labctl.lab.model import Lab


@dataclass(frozen=True)
class Choice:
    """Labs by id, and the variants of each."""

    labs: Mapping[str, Lab]
    variants: Mapping[str, Sequence[str]]


def full(ids: Sequence[str]) -> Choice:
    """Every variant of the named labs.

    Raises UsageError when there is no such lab, DefinitionError when one is wrong.
    """
    labs = {lab: loader.find(lab) for lab in ids}
    return Choice(labs, {name: trial.variants(lab, mistakes=True) for name, lab in labs.items()})


def changed(ids: Sequence[str], since: str | None = None) -> Choice:
    """Every variant of the labs that the change touches; the others untouched and solved.

    No `ids`: all labs. Raises as `full` and changes.touched do.
    """
    labs = {lab: loader.find(lab) for lab in ids or catalog.ids()}
    touched = changes.touched(labs.values(), since)
    return Choice(
        labs,
        {name: trial.variants(lab, mistakes=name in touched) for name, lab in labs.items()},
    )


def only(choice: Choice, variants: Sequence[str]) -> Choice:
    """Of a choice, the variants of these names. Raises UsageError when no lab has one of them."""
    known = {variant for each in choice.variants.values() for variant in each}
    if unknown := [variant for variant in variants if variant not in known]:
        raise UsageError(
            f"No chosen lab has a variant `{unknown[0]}`",
            resolution="Variants: untouched, solution, and the mistakes: "
            + ", ".join(sorted(known - {trial.UNTOUCHED, trial.SOLUTION})),
        )
    return Choice(
        choice.labs,
        {lab: [v for v in each if v in variants] for lab, each in choice.variants.items()},
    )


def require_checks(choice: Choice) -> None:
    """Raise DefinitionError when the checks of a chosen lab cannot be loaded."""
    for name, lab in choice.labs.items():
        if choice.variants[name]:
            collect.checks(lab)
