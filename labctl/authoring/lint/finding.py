"""One thing to mend in a lab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong, where, and what to do. `line` counts from 1; 0 is the whole file."""

    file: Path
    line: int
    rule: str
    text: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "file": str(self.file),
            "line": self.line,
            "rule": self.rule,
            "text": self.text,
            "advice": self.advice,
        }
