"""What the cli shows: tables, JSON, progress and errors."""

from __future__ import annotations

import json
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labctl.errors import LabctlError
from labctl.progress import Detail

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A rich console; it honours NO_COLOR and plain pipes by itself."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_plain(text: str) -> None:
    """Text on standard output, as it is."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as kubectl prints them: aligned, no borders, good for `grep` and for eyes."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("   ".join(cells).rstrip() + "\n")


def harmless(text: str) -> str:
    """Text of a stranger's without what a terminal would act upon."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def print_error(error: LabctlError) -> None:
    """The one place where an error becomes text."""
    from rich.text import Text

    out = console(stderr=True)
    out.print(Text.assemble(("Error: ", "bold red"), harmless(error.message)))
    if error.details:
        for line in error.details.splitlines():
            out.print(Text("  " + harmless(line), style="dim"))
    if error.resolution:
        out.print(Text.assemble(("Next: ", "bold"), harmless(error.resolution)))


# In a log, long work shows now and then that it is alive.
_QUIET_SECONDS = 15


class Steps:
    """Progress on standard error: one line a step, with its time; a spinner on a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[Detail]:
        """Show one step, its latest detail while it runs, and how it ended."""
        began = time.monotonic()
        # One spinner at a time: steps inside a step only leave their line.
        spins = self._terminal and self._lock.acquire(blocking=False)
        status = console(stderr=True).status(name) if spins else None
        if status:
            status.start()

        told = began

        def detail(text: str) -> None:
            nonlocal told
            text = harmless(text)
            if status:
                from rich.markup import escape

                status.update(f"{escape(name)} [dim]{escape(text[:120])}[/dim]")
            elif not self._terminal and time.monotonic() - told > _QUIET_SECONDS:
                told = time.monotonic()
                sys.stderr.write(f"… {name}: {text[:120]}\n")
                sys.stderr.flush()

        sign = "✗"
        try:
            yield detail
            sign = "✓"
        finally:
            if status:
                status.stop()
                self._lock.release()
            self._tell(sign, name, time.monotonic() - began)

    def _tell(self, sign: str, name: str, seconds: float) -> None:
        if not self._terminal:
            sys.stderr.write(f"{sign} {name} {seconds:.1f} s\n")
            sys.stderr.flush()
            return
        from rich.text import Text

        colour = "green" if sign == "✓" else "red"
        time_taken = (f" {seconds:.1f} s", "dim")
        console(stderr=True).print(Text.assemble((sign, colour), f" {name}", time_taken))
