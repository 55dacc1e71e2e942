"""The JSON Schema of lab.yaml, for completion in editors. `make schema` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from labctl.lab.model import FORMAT, Lab


def text() -> str:
    """The schema as labs/lab.schema.json holds it."""
    schema = Lab.model_json_schema()
    # The loader sets these from where it found the lab.
    for key in ("id", "folder", "source"):
        schema["properties"].pop(key, None)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"labctl lab.yaml, format {FORMAT}"
    return json.dumps(schema, indent=2) + "\n"


def write(file: Path) -> None:
    """Write the schema to a file."""
    file.write_text(text(), encoding="utf-8")
