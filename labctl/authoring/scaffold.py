"""A new lab: small, complete, and right from the start, so that there is something to change."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from labctl import paths
from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab.model import Lab, Name
from labctl.lab.names import NAME_PATTERN

_TEMPLATES = Path(__file__).parent / "templates"
_SCHEMA = "lab.schema.json"
# What machine a lab is about, and the track that most such labs are in.
_TRACKS = {"docker": "isolation", "engine": "isolation", "kind": "kubernetes", "qemu": "vms"}
_LONGEST = next(m.max_length for m in get_args(Name)[1:] if hasattr(m, "max_length"))


def create(
    lab_id: str, *, provider: str = "docker", track: str | None = None, parent: Path | None = None
) -> Path:
    """Make the folder of a lab that passes `lint` and `test` as it is; returns it.

    `parent` is where; without it, the folder of all labs. Raises UsageError for a name that no
    lab can have or that is taken, an unknown provider or track, or when it must be said where.
    """
    valid_id(lab_id)
    template = _TEMPLATES / _known("provider", provider, sorted(_TRACKS))
    tracks = get_args(Lab.model_fields["track"].annotation)
    values = {"@ID@": lab_id, "@TRACK@": _known("track", track or _TRACKS[provider], tracks)}
    folder = (parent or _labs()) / lab_id
    if folder.exists():
        raise UsageError(f"{folder} is there already", resolution="Choose another id.")
    near = (folder.parent / _SCHEMA).is_file()
    values["@SCHEMA@\n"] = f"# yaml-language-server: $schema=../{_SCHEMA}\n" if near else ""
    try:
        shutil.copytree(template, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in folder.rglob("*"):
            if file.is_file():
                _fill(file, values)
    except OSError as e:
        raise EnvironmentFailure(f"{folder} cannot be made", details=str(e)) from e
    return folder


def valid_id(lab_id: str) -> str:
    """The id, if a lab may be called so. Raises UsageError otherwise."""
    if not re.fullmatch(NAME_PATTERN, lab_id) or len(lab_id) > _LONGEST:
        raise UsageError(
            f"`{lab_id}` cannot be a lab's id",
            resolution="Use lower case letters, digits and single hyphens, "
            f"{_LONGEST} characters at most.",
        )
    return lab_id


def _fill(file: Path, values: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(key, value)
    file.write_text(text, encoding="utf-8")
    # Whether an installed package keeps this is up to the installer.
    file.chmod(0o755 if text.startswith("#!") else 0o644)


def _known(what: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise UsageError(
            f"There is no {what} `{name}`", resolution=f"There are: {', '.join(names)}."
        )
    return name


def _labs() -> Path:
    """The folder of all labs, unless it is part of an installed package."""
    folder = paths.labs_dir()
    if folder.is_relative_to(Path(paths.__file__).parent):
        raise UsageError(
            "labctl is installed here, and its own labs are no place for new ones",
            resolution="Say where: `labctl lab new ID --in FOLDER`.",
        )
    return folder
