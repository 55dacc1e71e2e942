"""Rules about recipes and manifests: what is built today is built the same in a year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labctl import paths
from labctl.authoring.lint.finding import Finding
from labctl.authoring.lint.subject import Subject, lines, text
from labctl.environment.images import recipe
from labctl.lab import addons

_OURS = recipe.PREFIX
_IMAGE = re.compile(r"^\s*(?:-\s+)?(?:\{.*)?\bimage:\s*[\"']?([^\s\"',}#]+)")
_URL = re.compile(r"https?://\S+")
_GO_INSTALL = re.compile(r"\bgo\s+(?:install|run|get)\s+([^&|;]*)")
_PIP = re.compile(r"\bpip3?\s+install\s+([^&|;]*)")


def recipes(subject: Subject) -> Iterator[Finding]:
    """Whatever a Dockerfile takes from elsewhere is pinned."""
    for file in sorted(subject.folder.glob("environment/*/Dockerfile")):
        yield from _dockerfile(subject, file)
        folder = file.parent
        module = folder / "go.mod"
        if module.is_file() and "require" in text(module) and not (folder / "go.sum").is_file():
            yield _unpinned(
                module,
                0,
                "go.mod requires modules, and there is no go.sum",
                "`go mod tidy` writes it.",
            )


def _dockerfile(subject: Subject, file: Path) -> Iterator[Finding]:
    stages: set[str] = set()
    for line, words in _instructions(file):
        instruction, rest = words[0].upper(), words[1:]
        options = [word for word in rest if word.startswith("--")]
        plain = [word for word in rest if not word.startswith("--")]
        if instruction == "FROM" and plain:
            yield from _source(subject, file, line, plain[0], stages)
            if len(plain) == 3:
                stages.add(plain[2].lower())
        for option in options if instruction == "COPY" else ():
            if option.startswith("--from="):
                image = option.removeprefix("--from=")
                yield from _source(subject, file, line, image, stages)
        fetched = instruction == "ADD" and any(_URL.match(word) for word in plain)
        if fetched and not any(option.startswith("--checksum=") for option in options):
            yield _unpinned(
                file,
                line,
                "ADD takes a file from the net as it is on the day",
                "Add --checksum=sha256:...",
            )
        if instruction == "RUN":
            yield from _command(file, line, " ".join(rest))


def _source(
    subject: Subject, file: Path, line: int, image: str, stages: set[str]
) -> Iterator[Finding]:
    if image == "scratch" or image.lower() in stages or image.isdecimal():
        return
    if not image.startswith(_OURS):
        if "@sha256:" not in image:
            yield _unpinned(
                file,
                line,
                f"`{image}` may be another image tomorrow",
                "Stand on labctl/base, or name the image by digest: NAME@sha256:...",
            )
        return
    name = image.removeprefix(_OURS)
    if ":" in name or "@" in name:
        yield Finding(
            file,
            line,
            "image-name",
            f"`{image}`: labctl's own images are named without a tag",
            "labctl fills in the exact one.",
        )
        name = re.split("[:@]", name)[0]
    lab, _, own = name.partition(".")
    known = (
        (subject.folder / "environment" / own / "Dockerfile").is_file()
        if own and lab == subject.folder.name
        else name in addons.images() or (paths.clusters_dir() / "images" / name).is_dir()
    )
    if not known:
        yield Finding(
            file,
            line,
            "image-name",
            f"there is no recipe for `{image}`",
            f"A recipe of this lab is {_OURS}{subject.folder.name}.NAME, a shared one {_OURS}NAME.",
        )


def _command(file: Path, line: int, command: str) -> Iterator[Finding]:
    fetches = re.search(r"\b(?:curl|wget)\b", command) and _URL.search(command)
    if fetches and "sha256sum" not in command and "sha512sum" not in command:
        yield _unpinned(
            file,
            line,
            "a download that nobody compares with anything",
            "Pipe its hash through `sha256sum --check`.",
        )
    for match in _GO_INSTALL.finditer(command):
        for target in match[1].split():
            # A path of the web, not of the folder: its first part is a host's name.
            if re.match(r"[\w-]+\.[\w.]+/", target) and not re.search(r"@v\d", target):
                yield _unpinned(file, line, f"`{target}` in any version", "Add @vX.Y.Z.")
    for match in _PIP.finditer(command):
        words = match[1].split()
        if "--require-hashes" in words or "-r" in words or "--requirement" in words:
            continue
        loose = [w for w in words if not w.startswith(("-", ".", "/")) and "==" not in w]
        if loose:
            yield _unpinned(
                file,
                line,
                f"pip installs any version of {', '.join(loose)}",
                "Write NAME==VERSION.",
            )
    if re.search(r"\bapt(?:-get)?\s+(?:\S+\s+)*?(?:upgrade|dist-upgrade|full-upgrade)\b", command):
        yield _unpinned(
            file,
            line,
            "apt upgrades whatever there is on the day",
            "Install what the lab needs by name.",
        )


def manifests(subject: Subject) -> Iterator[Finding]:
    """The images of pods are there, in a known version."""
    if subject.lab is None:
        return
    here = {image for machine in subject.kinds for image in machine.images}
    full = {recipe.name_for(subject.folder, image) for image in here}
    for file in subject.manifests():
        for line, match in lines(file, _IMAGE):
            image = match[1].removeprefix("docker.io/")
            given = re.fullmatch(r"\$\{?image_([\w-]+)\}?", image)
            name = given[1].replace("_", "-") if given else ""
            own = image.removeprefix(_OURS).split(":")[0] if image.startswith(_OURS) else ""
            if (name and name not in here) or (own and own not in full):
                yield Finding(
                    file,
                    line,
                    "image-name",
                    f"`{image}` does not come with the cluster's nodes",
                    "Add it to `images` of the kind machine in lab.yaml.",
                )
            elif not name and not own and _floats(image):
                yield _unpinned(
                    file,
                    line,
                    f"`{image}` may be another image tomorrow",
                    "Name it by version or by digest.",
                )


def _floats(image: str) -> bool:
    if "@sha256:" in image or image.startswith("$"):
        return False
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    return tag in ("", "latest")


def _instructions(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The instructions of a Dockerfile as words, each with its first line."""
    start, words = 0, list[str]()
    for number, line in enumerate(text(file).splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not words):
            continue
        start = start if words else number
        words += line.rstrip().removesuffix("\\").split()
        if not line.rstrip().endswith("\\"):
            if words:
                yield start, words
            words = []
    if words:
        yield start, words


def _unpinned(file: Path, line: int, problem: str, advice: str) -> Finding:
    return Finding(file, line, "not-pinned", problem, advice)
