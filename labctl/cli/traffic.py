"""traffic: who reaches whom, drawn live."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
