"""What must be true of every report, whatever was done to the lab."""

from __future__ import annotations

import io
import json
import unicodedata
from xml.etree import ElementTree as ET

from rich.console import Console

from labctl.cli.report import render
from labctl.grading.report import Report

SLACK = 15.0


def faults(report: Report, checks: set[str], took: float) -> list[str]:
    """What is wrong with a report, apart from its verdicts. `took` is in seconds."""
    found = []
    if {r.id for r in report.results} != checks:
        found.append(f"it is about {sorted(r.id for r in report.results)}")
    if took > sum(r.deadline for r in report.results) + SLACK:
        found.append(f"it took {took:.0f} s")
    for r in report.results:
        if r.seconds > r.deadline + 6:
            found.append(f"{r.id} took {r.seconds} s, and had {r.deadline}")
        if not r.message or len(r.message) > 1000 or not _plain(r.message):
            found.append(f"{r.id}: the message is {r.message[:200]!r}")
        if r.outcome != "passed" and r.earned:
            found.append(f"{r.id} earned {r.earned}")
        if r.outcome == "error" and "broken" in r.message:
            found.append(f"{r.id} crashed: {r.message}")
    if report.verified:
        found.append("it says that it was verified")
    return found + _formats(report)


def _plain(text: str) -> bool:
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") for c in text)


def _formats(report: Report) -> list[str]:
    """Each way to write the report must keep the messages as they are: text, not markup."""
    found = []
    if Report.from_json(json.loads(json.dumps(report.to_json()))) != report:
        found.append("JSON does not give it back")
    if len(ET.fromstring(report.to_junit()).findall(".//testcase")) != len(report.results):
        found.append("JUnit XML tells of other checks")
    shown = io.StringIO()
    render(report, Console(file=shown, width=4000, no_color=True))
    # A word that is too long for its column is cut in two.
    text = "".join(shown.getvalue().split())
    for r in report.results:
        if r.outcome != "passed" and "".join(r.message.split()) not in text:
            found.append(f"{r.id}: the terminal shows another message than {r.message!r}")
    return found


def passed(report: Report) -> set[str]:
    """The checks that passed."""
    return {r.id for r in report.results if r.outcome == "passed"}


def told(report: Report) -> str:
    """The verdicts, for a person."""
    return "\n".join(f"{r.outcome} {r.id} ({r.seconds} s): {r.message}" for r in report.results)
