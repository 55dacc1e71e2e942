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

    `source` and `commit` tell where a lab is from; both are empty for labctl's own.
    """
    found = []
    for lab, folder in sources.folders().items():
        origin = sources.origin(folder)
        source, commit = (origin.source, origin.commit) if origin else ("", "")
        found.append({"id": lab, **_head(folder / "lab.yaml"), "source": source, "commit": commit})
    return found


def _head(file: Path) -> dict[str, Any]:
    try:
        data = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, yaml.YAMLError):
        data = None
    known = data if isinstance(data, dict) else {}
    return {key: known.get(key, "") for key in ("title", "track", "minutes")}
