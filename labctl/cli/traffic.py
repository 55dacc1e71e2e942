"""traffic: who reaches whom, drawn live."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from rich.text import Text

    from labctl.session.traffic import Cell, Reading, Side, Watcher

_PERIOD = 1.0
WIDTH = 80  # where there is no terminal to ask
_CHANGES = 6

# Every state has a word of its own: colour only helps.
WORDS = {"open": "open", "cut": "CUT", "some": "part", "closed": "shut", "self": "-", "none": "?"}
_STYLES = {
    "open": "green",
    "cut": "bold red",
    "some": "yellow",
    "closed": "yellow",
    "self": "dim",
    "none": "yellow",
}
_MEANINGS = {
    "some": "part: only some of the pods",
    "closed": "shut: reached, but nobody listens",
    "none": "?: no pod there",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(traffic)


def traffic(
    session: options.Session = None,
    once: Annotated[bool, typer.Option("--once", help="Draw it once.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one reading as JSON.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw one reading into an SVG file.")
    ] = None,
) -> None:
    """Show who reaches whom in the lab's cluster, every second until Ctrl-C.

    Rows are where a connection begins, columns where it ends. Each is really tried, from
    inside the pod's network.

    Examples: labctl traffic; labctl traffic --once; labctl traffic --svg before.svg
    """
    from labctl import host
    from labctl.cli import output
    from labctl.session.opened import ready
    from labctl.session.store import Store
    from labctl.session.traffic import Watcher

    found = ready(Store(), host.find("local"), session)
    with Watcher(found) as watcher:
        if not (once or json or svg):
            _watch(watcher, found.record.name)
            return
        reading = watcher.read()
    if json:
        output.print_json(as_json(reading, found.record.name))
    if svg:
        from labctl.cli import traffic_svg

        svg.write_text(traffic_svg.draw(reading, found.lab.title), encoding="utf-8")
        if not json:
            output.print_plain(f"Drawn into {svg}")
    if once and not json:
        out = output.console()
        out.print(draw(reading, found.record.name, out.width if out.is_terminal else WIDTH))


def _watch(watcher: Watcher, session: str) -> None:
    """Draw again and again; Ctrl-C is how it is meant to end."""
    from rich.live import Live

    from labctl.cli import output

    out = output.console()
    try:
        if not out.is_terminal:
            for reading in _readings(watcher):
                output.print_plain(draw(reading, session, WIDTH).plain + "\n")
                sys.stdout.flush()
        with Live(console=out, auto_refresh=False) as live:
            for reading in _readings(watcher):
                live.update(draw(reading, session, out.width), refresh=True)
    except KeyboardInterrupt:
        return


def _readings(watcher: Watcher) -> Iterator[Reading]:
    """One a second, or one after the other where a reading takes longer. Never ends."""
    while True:
        began = time.monotonic()
        yield watcher.read()
        time.sleep(max(0.0, _PERIOD - (time.monotonic() - began)))


def draw(reading: Reading, session: str, width: int) -> Text:
    """The matrix as text, at most `width` columns wide where its names allow that."""
    from rich.text import Text

    names = [f"{side.place}/{side.name}" for side in reading.sources]
    columns = [max(5, len(t.name), len(str(t.port))) for t in reading.targets]
    if max(map(len, names)) + sum(columns) + len(columns) > width:
        names = [side.name for side in reading.sources]
    first = max(len("from, to"), *map(len, names))

    text = Text(no_wrap=True, overflow="crop")
    text.append(f"{session}, {time.strftime('%H:%M:%S', time.localtime(reading.at))}: ")
    text.append(_sum(reading) + "\n\n")
    for label, of in (("from, to", _name), ("port", _port)):
        head = " ".join(of(t).ljust(w) for t, w in zip(reading.targets, columns, strict=True))
        text.append(f"{label.ljust(first)} {head}".rstrip() + "\n", style="bold")
    for name, (_, cells) in zip(names, reading.rows(), strict=True):
        text.append(name.ljust(first))
        for cell, column in zip(cells, columns, strict=True):
            text.append(" ")
            text.append(word(cell).ljust(column), style=_style(cell))
        text.rstrip()
        text.append("\n")
    for line in _notes(reading):
        text.append("\n" + line)
    return text


def word(cell: Cell) -> str:
    """What a cell says; a star marks what has just changed."""
    return WORDS[cell.state] + ("*" if cell.fresh else "")


def as_json(reading: Reading, session: str) -> dict[str, Any]:
    """A reading as plain data. `at` is in seconds since the epoch."""
    return {
        "format": 1,
        "session": session,
        "at": round(reading.at, 3),
        "cells": [
            {
                "from": f"{cell.source.place}/{cell.source.name}",
                "to": f"{cell.target.place}/{cell.target.name}",
                "port": cell.target.port,
                "state": cell.state,
            }
            for _, cells in reading.rows()
            for cell in cells
        ],
    }


def _name(side: Side) -> str:
    return side.name


def _port(side: Side) -> str:
    return "" if side.port is None else str(side.port)


def _style(cell: Cell) -> str:
    return _STYLES[cell.state] + (" reverse" if cell.fresh else "")


def _sum(reading: Reading) -> str:
    states = [cell.state for cell in reading.cells.values()]
    return f"{states.count('open')} open, {states.count('cut')} cut"


def _notes(reading: Reading) -> list[str]:
    """What the signs mean that are on the picture, and the latest changes."""
    states = {cell.state for cell in reading.cells.values()}
    notes = [meaning for state, meaning in _MEANINGS.items() if state in states]
    if any(cell.fresh for cell in reading.cells.values()):
        notes.append("* changed in the last five seconds")
    for change in reading.changes[-_CHANGES:]:
        clock = time.strftime("%H:%M:%S", time.localtime(change.at))
        way = f"{change.source.name} → {change.target.name}:{change.target.port}"
        notes.append(f"{clock}  {way}: {WORDS[change.was]} → {WORDS[change.now]}")
    return notes
