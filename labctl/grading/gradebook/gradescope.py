"""The gradebook as results.json files, the form in which Gradescope takes an autograder's word.

By Gradescope's autograder specifications
(https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format"):

- a file is called `results.json`; `score` at the top overrides the sum of the tests;
- `execution_time` is in seconds; `output` is shown above the tests;
- a test has `name`, `score`, `max_score`, `status` (`passed` or `failed`), `output`, and
  `output_format`, which is `text` unless said otherwise: learners' text is never HTML;
- `visibility` of a test is `hidden`, `after_due_date`, `after_published` or `visible`: students
  never see a hidden one. `stdout_visibility` does the same for the grader's own output.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from labctl.grading.gradebook.model import Entry, Gradebook
from labctl.grading.report import CheckResult


def files(gradebook: Gradebook) -> dict[str, dict[str, Any]]:
    """What to write: by path, `LAB/LEARNER/results.json`, the content of each file.

    A learner who needs a regrade has none, so that no zero that labctl is to blame for
    reaches anybody; nor has one who handed in nothing.
    """
    return {
        f"{_folder(entry.lab)}/{_folder(entry.who)}/results.json": results(entry)
        for entry in gradebook.entries
        if not entry.regrade and entry.status != "missing"
    }


def results(entry: Entry) -> dict[str, Any]:
    """The content of a results.json for one submission."""
    tests = [_test(result, result.id in entry.hidden) for result in entry.results]
    if entry.status == "refused":
        tests = [_refused(entry)]
    return {
        "score": entry.earned,
        "execution_time": round(entry.seconds, 1),
        "output": "\n".join(entry.notes),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _test(result: CheckResult, hidden: bool) -> dict[str, Any]:
    passed = result.outcome == "passed"
    return {
        "name": result.statement,
        "score": result.earned,
        "max_score": result.points,
        "status": "passed" if passed else "failed",
        "output": "" if passed else result.message,
        "output_format": "text",
        "visibility": "hidden" if hidden else "visible",
    }


def _refused(entry: Entry) -> dict[str, Any]:
    return {
        "name": "The submission was accepted for grading",
        "score": 0,
        "max_score": entry.points,
        "status": "failed",
        "output": entry.reason,
        "output_format": "text",
        "visibility": "visible",
    }


def _folder(name: str) -> str:
    """A name as a folder's: two names that differ are two folders, whatever is in them."""
    safe = re.sub(r"[^A-Za-z0-9@_.-]", "_", name).lstrip(".-")[:80]
    # Some file systems do not tell upper from lower case.
    if safe and safe == name == name.lower():
        return safe
    return f"{safe or '_'}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
