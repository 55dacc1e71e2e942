"""Where labs come from: those that come with labctl, and those that the user has added.

Everything that looks for a lab asks here. What was added is told by `registry.json` (format 1) in
the folder of labs of the user's data: labs from git lie beside it, others where they are written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from labctl import paths
from labctl.errors import EnvironmentFailure

FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """Where a lab that was added is from: `source` is a git URL, or a folder of the user's.

    `commit` is the one that it is pinned to and `path` its folder in the repository; both are
    empty for a folder, and `path` for a repository that is one lab. `added`: when, ISO 8601 in UTC.
    """

    lab: str
    folder: Path
    source: str
    path: str
    commit: str
    added: str

    def __str__(self) -> str:
        pinned = f"{self.source}@{self.commit}" if self.commit else self.source
        return f"{pinned}:{self.path}" if self.path else pinned


def added_dir() -> Path:
    """The folder of labs that were added, with their registry."""
    return paths.data_dir() / "labs"


def folders() -> dict[str, Path]:
    """The folder of each lab that there is, by id, sorted. labctl's own come before others."""
    own = paths.labs_dir()
    found = {origin.lab: origin.folder for origin in registry().values()}
    found |= {file.parent.name: file.parent for file in own.glob("*/lab.yaml")}
    return {lab: found[lab] for lab in sorted(found) if (found[lab] / "lab.yaml").is_file()}


def folder(lab_id: str) -> Path | None:
    """The folder of the lab of that id, or None when there is none."""
    return own_folder(lab_id) or folders().get(lab_id)


def own_folder(lab_id: str) -> Path | None:
    """The folder of a lab that comes with labctl, whose checks may be trusted; else None."""
    own = paths.labs_dir() / lab_id
    return own if (own / "lab.yaml").is_file() else None


def origin(folder: Path) -> Origin | None:
    """Where the lab in a folder is from; None for one that nobody added."""
    if folder.parent == paths.labs_dir():
        return None
    there = folder.resolve()
    return next((o for o in registry().values() if o.folder.resolve() == there), None)


def registry() -> dict[str, Origin]:
    """The labs that were added, by id. Raises EnvironmentFailure when the file is damaged."""
    file = added_dir() / "registry.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as e:
        raise _damaged(file, str(e)) from e
    try:
        if data["format"] != FORMAT:
            raise _damaged(file, f"format {data['format']}, where this labctl knows {FORMAT}")
        return {lab: _origin(lab, told) for lab, told in data["labs"].items()}
    except (KeyError, TypeError, AttributeError) as e:
        raise _damaged(file, f"{type(e).__name__}: {e}") from e


def to_json(known: Mapping[str, Origin]) -> dict[str, Any]:
    """A registry as plain data."""
    labs = {lab: {**asdict(o), "folder": str(o.folder)} for lab, o in sorted(known.items())}
    for told in labs.values():
        del told["lab"]
    return {"format": FORMAT, "labs": labs}


def _origin(lab: str, told: Mapping[str, str]) -> Origin:
    values = {f.name: told[f.name] for f in fields(Origin) if f.name not in ("lab", "folder")}
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError(lab)
    return Origin(lab=lab, folder=Path(told["folder"]), **values)


def _damaged(file: Path, why: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"The list of labs that were added is damaged: {file}",
        details=why,
        resolution="Move the file away, then add the labs again with `labctl lab add`.",
    )
