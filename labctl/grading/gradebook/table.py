"""The gradebook as a CSV file: one row for every learner and lab."""

from __future__ import annotations

import csv
import io

from labctl.grading.gradebook.model import Gradebook

HEADER = ("learner", "lab", "status", "earned", "points", "regrade", "reason", "notes", "file")

# What makes Excel, LibreOffice or Google Sheets take a cell for a formula; the wide forms do so
# in East Asian versions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001


def to_csv(gradebook: Gradebook) -> str:
    """UTF-8 text by RFC 4180, its lines ended by CR LF.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front: a learner
    who is called `=HYPERLINK(…)` stays text. `'` is the sign for text in spreadsheets.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for entry in gradebook.entries:
        regrade = "yes" if entry.regrade else ""
        texts = (entry.learner, entry.lab, entry.status)
        more = (entry.reason, " | ".join(entry.notes), entry.file)
        writer.writerow(
            [*map(harmless, texts), entry.earned, entry.points, regrade, *map(harmless, more)]
        )
    return out.getvalue()


def harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when a spreadsheet might run it."""
    return "'" + cell if cell.lstrip(" ").startswith(_FORMULA) else cell
