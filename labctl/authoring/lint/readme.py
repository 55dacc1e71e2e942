"""Rules about what the learner reads: links that lead nowhere, text that nothing backs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from labctl.authoring.lint import markdown
from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.markdown import Line
from labctl.authoring.lint.subject import Subject, text

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:")
_LABCTL = re.compile(r"(?<![\w./-])labctl((?:[ \t]+[^\s`|;&)#]+)*)")
_WORD = re.compile(r"^[a-z0-9][a-z0-9-]*$")
_CHECK = re.compile(r"\bchecks? `([a-z0-9-]+)`")
_LAB = re.compile(r"\blabs? `([a-z0-9-]+)`")
_IN_WORKSPACE = re.compile(r"(?<![\w.])/workspace/([\w][\w./-]*)")
_RUN_HERE = re.compile(r"(?:^|[;&|(]|\bsudo|\bsh|\bbash)[ \t]*\./([\w][\w./-]*)")
_FACT = re.compile(r"\bFACT_[A-Z0-9_]+")
# Options of labctl's commands whose value is a word of its own.
_VALUED = ("--session", "-s", "--tail", "-n", "--host", "--seed", "--learner")
# What follows these commands names a thing of the lab.
_MACHINE = ("shell", "exec", "logs", "kubeconfig")
_LAB_ID = ("start", "info")


def links(subject: Subject) -> Iterator[Finding]:
    """Relative links and anchors lead somewhere."""
    for file in subject.readmes:
        document = markdown.lines(text(file))
        for number, target in markdown.links(document):
            if _SCHEME.match(target):
                continue
            path, _, anchor = unquote(target).partition("#")
            goal = file.parent / path if path else file
            if not goal.exists():
                yield _dead(file, number, f"`{target}` leads to no file")
            elif anchor and goal.suffix == ".md":
                there = document if goal == file else markdown.lines(text(goal))
                if anchor.lower() not in markdown.anchors(there):
                    yield _dead(file, number, f"no heading makes the anchor `#{anchor}`")


def _dead(file: Path, line: int, problem: str) -> Finding:
    return Finding(file, line, "dead-link", problem, "Mend the link, or take it out.")


def claims(subject: Subject) -> Iterator[Finding]:
    """Commands, machines, checks, labs and files that the text names are there."""
    for file in subject.readmes:
        document = markdown.lines(text(file))
        for line in document:
            yield from _commands(subject, file, line)
            yield from _names(subject, file, line)
            yield from _files(subject, file, line, document)


def _commands(subject: Subject, file: Path, line: Line) -> Iterator[Finding]:
    machines = subject.lab.machines if subject.lab else None
    checks = None if subject.checks is None else [c.id for c in subject.checks]
    for code in line.codes():
        for match in _LABCTL.finditer(code):
            words = _arguments(match[1].split())
            command = words[0] if words else ""
            if not _WORD.match(command):
                continue  # options only, or a placeholder
            if command not in subject.commands:
                yield Finding(
                    file, line.number, "unknown-command", f"labctl has no command `{command}`"
                )
            name = words[1] if len(words) > 1 and _WORD.match(words[1]) else ""
            if not name:
                continue
            if command in _MACHINE and machines is not None and name not in machines:
                yield _unknown(file, line.number, "machine", name, machines)
            if command in _LAB_ID and name not in subject.labs:
                yield _unknown(file, line.number, "lab", name, subject.labs)
            if command == "hint" and checks is not None and name not in checks:
                yield _unknown(file, line.number, "check", name, checks)


def _arguments(words: list[str]) -> list[str]:
    """The words that are no options, up to `--`."""
    found, skip = [], False
    for word in words:
        if word == "--":
            break
        if skip or word.startswith("-"):
            skip = not skip and word in _VALUED
            continue
        found.append(word)
    return found


def _names(subject: Subject, file: Path, line: Line) -> Iterator[Finding]:
    if line.code:
        return
    if subject.checks is not None:
        ids = [check.id for check in subject.checks]
        for match in _CHECK.finditer(line.text):
            if match[1] not in ids:
                yield _unknown(file, line.number, "check", match[1], ids)
    for match in _LAB.finditer(line.text):
        if match[1] not in subject.labs:
            yield _unknown(file, line.number, "lab", match[1], subject.labs)


def _unknown(file: Path, line: int, what: str, name: str, known: object) -> Finding:
    names = ", ".join(sorted(known)) if isinstance(known, list | dict | frozenset) else ""
    return Finding(
        file, line, f"unknown-{what}", f"there is no {what} `{name}`", f"There are: {names}."
    )


def _files(subject: Subject, file: Path, line: Line, document: list[Line]) -> Iterator[Finding]:
    given = subject.folder / "environment" / "workspace"
    for code in line.codes():
        for match in _FACT.finditer(code):
            yield Finding(
                file,
                line.number,
                "unknown-fact",
                f"`{match[0]}` is not set in a learner's shell",
                "Let a file of the workspace tell it, or show how to find out.",
            )
        for match in _IN_WORKSPACE.finditer(code):
            yield from _missing(subject, file, line, match[1], document)
        for match in _RUN_HERE.finditer(code) if line.code else ():
            yield from _missing(subject, file, line, match[1], document)
            script = given / match[1]
            if script.is_file() and not os.access(script, os.X_OK):
                yield Finding(
                    script,
                    0,
                    "not-executable",
                    f"README runs `./{match[1]}`, and it is not executable",
                    f"chmod +x {script}",
                )


def _missing(
    subject: Subject, file: Path, line: Line, name: str, document: list[Line]
) -> Iterator[Finding]:
    """A file of the workspace that nobody gives, makes, or has the learner make."""
    if subject.lab is None:
        return
    name = name.rstrip("./")
    base = name.rsplit("/", 1)[-1]
    if (subject.folder / "environment" / "workspace" / name).exists():
        return
    if any(each.name == base for each in subject.under("environment")):
        return  # it comes with an image
    if name in subject.lab.capture.workspace:
        return  # the learner writes it, and hands it in
    makers = [text(base / step.script) for base, step in subject.steps() if step.script]
    makers += [each.text for each in document if each.code and each.number != line.number]
    if not any(base in each for each in makers):
        yield Finding(
            file,
            line.number,
            "missing-file",
            f"nothing makes `{name}` in the workspace",
            "Put it into environment/workspace/, or say how the learner makes it.",
        )
