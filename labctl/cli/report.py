"""How a report looks on a terminal: readable at 80 columns and without colour."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from labctl.grading.report import Report

_SIGNS = {
    "passed": ("✓ passed", "green"),
    "failed": ("✗ failed", "red"),
    "error": ("! error", "yellow"),
}

_BAR = 10


def render(report: Report, console: Console) -> None:
    """Print the checks with their messages, the sum, and what to do next."""
    table = Table(box=None, pad_edge=False, show_header=False, expand=False)
    table.add_column("outcome", no_wrap=True)
    table.add_column("check", overflow="fold", max_width=58)
    table.add_column("points", justify="right", no_wrap=True)
    for result in report.results:
        sign, colour = _SIGNS[result.outcome]
        text = Text(result.statement)
        if result.outcome != "passed":
            text.append(f"\n{result.message}", style=colour)
        points = f"{result.earned}/{result.points}"
        table.add_row(Text(sign, style=colour), text, Text(points))
    console.print(Padding(table, (0, 0, 1, 0)), soft_wrap=False)
    console.print(Text(f"{report.title}: {report.earned} of {report.points} points", style="bold"))
    if report.areas:
        console.print(Padding(_bars(report), (1, 0)), soft_wrap=False)
    for line in _remarks(report):
        console.print(Text(line))


def _bars(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, expand=False)
    table.add_column("area", overflow="fold", max_width=32)
    table.add_column("bar", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("next", overflow="fold")
    for area in report.areas:
        full = int(area.share * _BAR)
        done = area.earned == area.points
        bar = Text("█" * full, style="green" if done else "yellow")
        bar.append("░" * (_BAR - full), style="dim")
        back = "" if done or not area.lab else f"labctl info {area.lab}"
        table.add_row(Text(area.title), bar, Text(f"{area.earned}/{area.points}"), Text(back))
    return table


def _remarks(report: Report) -> list[str]:
    lines = []
    failed = next((r for r in report.results if r.outcome == "failed"), None)
    errors = sum(r.outcome == "error" for r in report.results)
    if errors:
        checks = "1 check" if errors == 1 else f"{errors} checks"
        lines.append(f"{checks} could not be asked; no points yet. Run `labctl check` again.")
    if report.minutes_limit:
        over = report.minutes_used - report.minutes_limit
        lines.append(
            f"Time: {report.minutes_used:.0f} of {report.minutes_limit} minutes"
            + (f", {over:.0f} over the limit." if report.late else ".")
        )
    if report.quiz:
        invited = f"{report.quiz.questions} questions go with this lab: labctl quiz {report.lab}"
        lines.append(f"Quiz: {report.quiz}." if report.quiz.answered else invited)
    if any(area.earned < area.points and area.lab for area in report.areas):
        lines.append("The lab beside an area is the one that teaches it.")
    if failed and failed.hint:
        lines.append(f"A hint for the first that failed: labctl hint {failed.id}")
    if report.changed:
        lines.append(
            "The lab's files, its checks maybe, have changed since this session was started. "
            "`labctl reset` makes the machines anew from what is there now."
        )
    if report.solved:
        lines.append("The solution was applied with `labctl solve`; the report says so.")
    if not report.verified:
        lines.append("Not verified: this machine's own verdict, for learning.")
    return lines
