"""Rules about seeded facts and about what a submission holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.subject import Subject, line_of, lines, text
from labctl.lab import facts as seeded

_VARIABLE = re.compile(r"\bFACT_[A-Z0-9_]+")
_SUBSCRIPT = re.compile(r"\bfacts(?:\[|\.get\()\s*([\"'])([^\"']+)\1")
_FILLED = re.compile(r"(?<!\$)\$\{?([a-z_][a-z0-9_]*)\}?")


def facts(subject: Subject) -> Iterator[Finding]:
    """Every fact that a file uses is seeded, and every seeded one is used."""
    if subject.lab is None:
        return
    known = dict.fromkeys(subject.lab.seeded, "")
    variables = seeded.environment(known)
    filled = {name.replace("-", "_") for name in known}
    images = {f"image_{i.replace('-', '_')}" for m in subject.kinds for i in m.images}
    for file in subject.under("environment", "solution", "mistakes"):
        for line, match in lines(file, _VARIABLE):
            if match[0] not in variables:
                yield _unknown(file, line, match[0], known)
    for file in subject.under("checks"):
        for line, match in lines(file, _SUBSCRIPT):
            if match[2] not in known:
                yield _unknown(file, line, match[2], known)
    for file in subject.manifests():
        for line, match in lines(file, _FILLED):
            if match[1] not in filled | images and not match[1].startswith("image_"):
                yield _unknown(file, line, f"${match[1]}", known)
    everything = "\n".join(text(f) for f in subject.files if f not in subject.readmes)
    for name in known:
        if not any(form in everything for form in _forms(name)):
            file = subject.folder / "lab.yaml"
            yield Finding(
                file,
                line_of(file, ("seeded", name)),
                "unused-fact",
                f"nothing uses the fact `{name}`",
                "Take it out, or use it.",
            )


def _forms(name: str) -> Iterator[str]:
    """How files speak of a fact."""
    yield from seeded.environment({name: ""})
    yield from (f"${name.replace('-', '_')}", f"${{{name.replace('-', '_')}}}")
    yield from (f'"{name}"', f"'{name}'")
    # One of several that a check counts through: f"setting-{number}".
    stem = name.rstrip("0123456789")
    if stem != name:
        yield f"{stem}{{"


def _unknown(file: Path, line: int, name: str, known: dict[str, str]) -> Finding:
    there = ", ".join(sorted(known)) or "none"
    return Finding(
        file,
        line,
        "unknown-fact",
        f"`{name}` is no seeded fact",
        f"Facts in lab.yaml: {there}. (In manifests, `$$` is a plain `$`.)",
    )


def capture(subject: Subject) -> Iterator[Finding]:
    """What is to be handed in is given to the learner, or asked for."""
    if subject.lab is None:
        return
    file = subject.folder / "lab.yaml"
    given = subject.folder / "environment" / "workspace"
    told = "\n".join(text(readme) for readme in subject.readmes)
    made = "\n".join(
        text(base / step.script)
        for base, step in subject.steps()
        if step.script and base == subject.folder
    )
    made += "\n".join(
        text(each) for each in subject.under("environment") if each.is_relative_to(given)
    )
    for index, path in enumerate(subject.lab.capture.workspace):
        if not (given / path).is_file() and path not in told:
            yield _nowhere(
                file, line_of(file, ("capture", "workspace", index)), f"the file `{path}`"
            )
    for machine, wanted in subject.lab.capture.engines.items():
        for index, name in enumerate(wanted.containers):
            if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", told + made):
                at = ("capture", "engines", machine, "containers", index)
                yield _nowhere(file, line_of(file, at), f"the container `{name}`")


def _nowhere(file: Path, line: int, what: str) -> Finding:
    return Finding(
        file,
        line,
        "capture-nowhere",
        f"{what} is to be handed in, and nothing makes it or asks for it",
        "Ask for it in README.md, or take it out of `capture`.",
    )
