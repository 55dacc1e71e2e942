"""Which labs there are. Reads no more of them than a list shows, so that `list` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from labctl import paths


def ids() -> list[str]:
    """The ids of all labs that labctl knows, sorted."""
    folder = paths.labs_dir()
    return sorted(f.parent.name for f in folder.glob("*/lab.yaml")) if folder.is_dir() else []


def summaries() -> list[dict[str, Any]]:
    """`id`, `title`, `track` and `minutes` of each lab; empty where a definition is damaged."""
    return [{"id": lab, **_head(paths.labs_dir() / lab / "lab.yaml")} for lab in ids()]


def _head(file: Path) -> dict[str, Any]:
    try:
        data = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, yaml.YAMLError):
        data = None
    known = data if isinstance(data, dict) else {}
    return {key: known.get(key, "") for key in ("title", "track", "minutes")}
