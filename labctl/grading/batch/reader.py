"""Reads submissions where it harms nobody: in a process with little memory and a deadline.

`python -m labctl.grading.batch.reader EVENTS` is told one path at a time.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from labctl.grading.batch.helper import Event, Helper, Tell, serve
from labctl.grading.submission import policy, unpack
from labctl.grading.submission.model import Refused
from labctl.lab import catalog, loader

SECONDS = 30.0
_MEMORY = 1 << 30  # bytes of address space, Python and its libraries included
_TIRED = 200  # submissions after which a reader is replaced: none may leave much behind


@dataclass(frozen=True)
class Seen:
    """What a submission says of itself, and why it may not be replayed (`problems`)."""

    submission: str
    lab: str
    digest: str
    learner: str
    seed: str
    practice: bool
    course: str
    problems: tuple[str, ...]


class Reader:
    """Reads one submission after another; one that breaks the process only costs that process."""

    def __init__(self, folder: Path, *, disposable: bool = False) -> None:
        self._folder = folder
        self._disposable = disposable
        self._helper: Helper | None = None
        self._read = 0

    def read(self, path: Path) -> Seen | str:
        """What is in a submission, or why it cannot be read."""
        if self._helper is None or self._read >= _TIRED:
            self.close()
            self._helper, self._read = Helper(__name__, self._folder), 0
        self._read += 1
        self._helper.tell({"path": str(path.absolute()), "disposable": self._disposable})
        for event in self._helper.hear(SECONDS):
            if "refused" in event:
                return str(event["refused"])
            return Seen(**{**event, "problems": tuple(event["problems"])})
        ended = self._helper.ended
        self.close()
        if ended:
            return "it cannot be read with the memory that a submission may take"
        return f"it cannot be read within {SECONDS:.0f} s"

    def close(self) -> None:
        """End the process."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None


def read(path: Path, *, disposable: bool) -> Event:
    """One submission, as `Seen` holds it, or `refused` with the reason."""
    try:
        found = unpack.read(path)
    except Refused as e:
        return {"refused": e.reason}
    manifest = found.manifest
    problems: list[str] = []
    if manifest.lab in catalog.ids():
        problems = policy.refusals(found, loader.find(manifest.lab), disposable=disposable)
    return {
        "submission": found.digest,
        "lab": manifest.lab,
        "digest": manifest.digest,
        "learner": manifest.learner,
        "seed": manifest.seed,
        "practice": manifest.practice,
        "course": manifest.course,
        "problems": problems,
    }


def _work(task: Event, tell: Tell) -> None:
    try:
        tell(read(Path(task["path"]), disposable=task["disposable"]))
    except (Exception, RecursionError) as e:
        tell({"refused": f"it cannot be read: {type(e).__name__}"})


def main() -> None:
    """Serve until the parent hangs up."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    serve(_work, leave=lambda: os._exit(0))


if __name__ == "__main__":
    main()
