"""What a grader should know about an entry at a glance."""

from __future__ import annotations

from labctl.grading.gradebook.model import Entry, Gradebook


def flags(entry: Entry, gradebook: Gradebook) -> tuple[str, ...]:
    """Words for it: `regrade`, `solved` (with `labctl solve`), `late`, `similar`, `notes`."""
    similar = any(
        finding.lab == entry.lab and entry.learner in finding.learners
        for finding in gradebook.similar
    )
    found = {
        "regrade": entry.regrade,
        "solved": entry.report is not None and entry.report.solved,
        "late": entry.report is not None and entry.report.late,
        "similar": similar,
        "notes": bool(entry.notes),
    }
    return tuple(word for word, holds in found.items() if holds)
