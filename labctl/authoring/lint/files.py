"""A rule about files: each has a reader."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.subject import Subject, text
from labctl.environment.images import recipe
from labctl.lab.model import DockerMachine, EngineMachine, KindMachine, QemuMachine

_COPY = re.compile(r"^\s*(?:COPY|ADD)\s+(?!.*--from=)(.+)$", re.MULTILINE | re.IGNORECASE)
_EMBED = re.compile(r"^//go:embed\s+(.+)$", re.MULTILINE)
_GO = ("go.mod", "go.sum", "README.md", "Dockerfile")
_ALWAYS = ("lab.yaml", "quiz.yaml", "LICENSE*", "NOTICE*", ".*")


def unused(subject: Subject) -> Iterator[Finding]:
    """Files that no step, image, check or text uses."""
    if subject.lab is None or subject.solution is None or subject.mistakes is None:
        return
    used = set(_by_steps(subject)) | set(_by_images(subject))
    named = "\n".join(text(f) for f in (*subject.readmes, *subject.under("checks")))
    for file in subject.files:
        path = file.relative_to(subject.folder)
        parts = path.parts
        plain = (
            file in used
            or file in subject.readmes
            or any(fnmatch.fnmatch(parts[0], pattern) for pattern in _ALWAYS)
            or (parts[0] == "checks" and re.fullmatch(r"test_.*\.py|conftest\.py", file.name))
            or parts[:2] == ("environment", "workspace")
            or parts[:2] in (("solution", "solution.yaml"), ("solution", "workspace"))
            or (parts[0] == "mistakes" and parts[2:3] == ("workspace",))
            or (parts[0] == "mistakes" and parts[2:] == ("mistake.yaml",))
        )
        # Checks may import, or read, what lies in the lab; texts may show it.
        if not plain and path.as_posix() not in named and not _named(file, named):
            yield Finding(
                file,
                0,
                "unused-file",
                "nothing uses this file",
                "Delete it, or name it where it is needed.",
            )


def _named(file: Path, named: str) -> bool:
    word = file.stem if file.suffix == ".py" else file.name
    return bool(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", named))


def _by_steps(subject: Subject) -> Iterator[Path]:
    yield from subject.manifests()
    for base, step in subject.steps():
        if step.script:
            yield base / step.script


def _by_images(subject: Subject) -> Iterator[Path]:
    """The files of every recipe that a machine stands on, and that its image takes."""
    folder = subject.folder / "environment"
    left, done = _images(subject), set[str]()
    while left:
        name = left.pop()
        dockerfile = folder / name / "Dockerfile"
        if name in done or not dockerfile.is_file():
            continue
        done.add(name)
        yield from _taken(dockerfile)
        own = re.escape(f"{recipe.PREFIX}{subject.folder.name}.")
        left |= set(re.findall(rf"(?:FROM\s+|--from=){own}([\w-]+)", text(dockerfile)))


def _images(subject: Subject) -> set[str]:
    found: set[str] = set()
    for machine in subject.lab.machines.values() if subject.lab else ():
        if isinstance(machine, DockerMachine | EngineMachine | QemuMachine):
            found.add(machine.image)
        if isinstance(machine, EngineMachine | KindMachine):
            found |= set(machine.images)
    return found


def _taken(dockerfile: Path) -> Iterator[Path]:
    folder = dockerfile.parent
    go = (folder / "go.mod").is_file()
    sources = [
        w for m in _COPY.finditer(text(dockerfile).replace("\\\n", " ")) for w in _sources(m[1])
    ]
    if go:
        programs = [text(file) for file in folder.rglob("*.go")]
        sources += [w for t in programs for m in _EMBED.finditer(t) for w in m[1].split()]
    for file in folder.rglob("*"):
        name = file.relative_to(folder).as_posix()
        covered = any(
            source in (".", "*") or fnmatch.fnmatch(name, source) or name.startswith(f"{source}/")
            for source in sources
        )
        if covered or file.name in _GO or (go and file.suffix == ".go"):
            yield file
    yield from folder.glob(recipe.WHEELS)


def _sources(arguments: str) -> list[str]:
    words = [word.strip('[]",') for word in arguments.split() if not word.startswith("--")]
    return [word.removeprefix("./").rstrip("/") or "." for word in words[:-1]]
