"""Which labs there are. Reads no more of them than a list shows, so that `list` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from labctl.lab import sources


def ids() -> list[str]:
    """The ids of all labs that labctl knows, sorted."""
    return list(sources.folders())


def summaries() -> list[dict[str, Any]]:
    """`id`, `title`, `track` and `minutes` of each lab; empty where a definition is damaged.

    `source`, `path` and `commit` tell where a lab is from; they are empty for labctl's own.
    """
    found = []
    for lab, folder in sources.folders().items():
        origin = sources.origin(folder)
        told = {key: getattr(origin, key, "") for key in ("source", "path", "commit")}
        found.append({"id": lab, **_head(folder / "lab.yaml"), **told})
    return found


def _head(file: Path) -> dict[str, Any]:
    try:
        data = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, yaml.YAMLError):
        data = None
    known = data if isinstance(data, dict) else {}
    return {key: _shown(known.get(key)) for key in ("title", "track", "minutes")}


def _shown(value: object) -> str | int:
    """A value as a list may show it, whatever the loader would say to it."""
    if isinstance(value, str):
        return value if value.isprintable() else ""
    return value if isinstance(value, int) else ""
