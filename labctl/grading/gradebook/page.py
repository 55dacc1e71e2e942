"""The gradebook as one HTML file: it asks no network for anything, and reads without JavaScript.

Learners choose names and messages, so the page trusts nothing in them: the template escapes all
that it is given, and the page's own policy (CSP) lets no script, style or request run but the
two blocks whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from labctl import __version__
from labctl.grading import radar
from labctl.grading.gradebook.flags import flags
from labctl.grading.gradebook.model import Entry, Gradebook
from labctl.grading.gradebook.similar import CHOICES, OWN_CHARACTERS
from labctl.grading.gradebook.stats import of_lab

_FEWEST_AREAS = 3
_FOLDER = Path(__file__).parent / "page"


def render(gradebook: Gradebook) -> str:
    """The page as UTF-8 text. It holds everything about the learners: it is for graders."""
    template = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html.j2")
    style, script = (_block(name) for name in ("page.css", "page.js"))
    entries = gradebook.entries
    rows = [(f"report-{i}", e, flags(e, gradebook)) for i, e in enumerate(entries, 1)]
    return template.render(
        book=gradebook,
        created=f"{gradebook.created[:16].replace('T', ' ')} UTC",
        version=__version__,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        rows=rows,
        learners=len({entry.learner for entry in entries} - {""}),
        counts=_counts(entries),
        regrade=[row for row in rows if row[1].regrade],
        refused=[row for row in rows if row[1].status == "refused"],
        missing=[row for row in rows if row[1].status == "missing"],
        statistics=[of_lab(gradebook, lab) for lab in gradebook.labs],
        own_characters=OWN_CHARACTERS,
        choices=CHOICES,
        radar=_radar,
    )


def _radar(entry: Entry) -> Markup:
    if entry.status != "graded" or entry.report is None or len(entry.report.areas) < _FEWEST_AREAS:
        return Markup("")
    # It escapes what it is given.
    return Markup(radar.draw(entry.report.areas, "Points by area", alone=False))  # noqa: S704


def _counts(entries: Iterable[Entry]) -> dict[str, int]:
    counts = {"graded": 0, "regrade": 0, "refused": 0, "missing": 0}
    for entry in entries:
        counts["regrade" if entry.regrade else entry.status] += 1
    return counts


def _block(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _hash(block: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
