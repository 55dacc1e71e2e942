"""How grading looks while it goes on: drawn anew on a terminal, line after line elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.cli import output
from labctl.grading.batch.board import DONE, RUNNING, Board, Line, told

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

_COLOURS = {"graded": "green", "refused": "red", "error": "yellow", "waiting": "dim"}
_WORDS = {"prepare": "environment", "replay": "replay", "check": "checks", "remove": "clean-up"}


class View:
    """Shows a board on standard error. `everything`: all submissions, not only those at work."""

    def __init__(self, *, everything: bool) -> None:
        self._everything = everything
        self._console = output.console(stderr=True)
        self._board: Board | None = None
        self._live: Live | None = None

    def open(self) -> Board:
        """Begin; gives the board that is shown from now on."""
        self._board = Board(self._changed)
        if sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(
                console=self._console,
                get_renderable=self._picture,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self._board

    def close(self) -> None:
        """End the drawing."""
        if self._live:
            self._live.stop()
            self._live = None

    def tell(self, text: str) -> None:
        """One line that stays. Grading goes on though nobody reads it any more."""
        with suppress(OSError):
            self._console.print(_plain(text), markup=False)

    @property
    def summary(self) -> str:
        """How far it is, in a sentence."""
        board = self._board
        if board is None:
            return "Nothing was graded."
        text = f"{board.count(*DONE)} of {len(board.lines)} done"
        counts = [(board.count("refused"), "refused"), (board.count("error"), "to be regraded")]
        text += "".join(f", {count} {what}" for count, what in counts if count)
        left = board.left()
        if left and board.count(*DONE) < len(board.lines):
            text += f", {told(left)} left"
        return f"{text}."

    def _changed(self, board: Board, line: Line | None) -> None:
        if line is None:
            if board.trouble:
                self.tell(f"{board.trouble}.")
        elif line.stage in DONE:
            who = f"{line.learner}, {line.lab}: {line.stage} {line.detail}".rstrip()
            took = board.clock() - line.began
            self.tell(f"{who} ({took:.0f} s)" + ("" if self._live else f"  [{self.summary}]"))
        elif line.stage == "waiting":
            self.tell(f"{line.learner}, {line.lab}: to be tried again: {line.detail}")

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        board = self._board
        assert board is not None
        head = Text(self.summary, style="bold")
        if board.trouble:
            head.append(f" {board.trouble}.", style="yellow")
        return Group(head, _table(board, everything=self._everything))


def _table(board: Board, *, everything: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=everything, header_style="bold")
    for title in ("LEARNER", "LAB", "STAGE"):
        table.add_column(title, no_wrap=True)
    table.add_column("TIME", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True, overflow="ellipsis")
    now = time.monotonic()
    # A terminal may be too low for all: those at work come first.
    rest = [line for line in board.lines if line.stage not in RUNNING] if everything else []
    for line in [*board.running(), *sorted(rest, key=lambda line: line.stage in DONE)]:
        stage = Text(_WORDS.get(line.stage, line.stage), style=_COLOURS.get(line.stage, "cyan"))
        seconds = f"{now - line.since:.0f} s" if line.stage in _WORDS else ""
        # Learners choose names, and a terminal must not obey them.
        names = (Text(_plain(line.learner or line.file)), Text(line.lab))
        table.add_row(*names, stage, Text(seconds), Text(_plain(line.detail)))
    return table


def _plain(text: str) -> str:
    from labctl.grading.report import clean

    return clean(text, 300)
