"""What `grade` keeps in its output folder, so that it can be killed at any moment.

- `entries/SHA256.json`: one finished submission, which the next run need not grade again;
- `.sessions/`: the store of the sessions that are graded in;
- `.checks/LAB/checks/`: a lab's checks with the hidden ones.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import LabctlError, UsageError
from labctl.grading.gradebook.model import Entry
from labctl.host.model import Host
from labctl.progress import Silent
from labctl.session import removal, resources
from labctl.session.store import Store, write_atomically

FORMAT = 1
_LOCK = "grader"  # no session is called so
_ORPHAN_SECONDS = 180


@dataclass(frozen=True)
class Edition:
    """What a verdict depends on besides the submission: nothing is graded again until it changes.

    `lab` and `hidden` are digests of the lab's files and of the hidden checks.
    """

    course: str
    lab: str
    hidden: str
    format: int = FORMAT

    def key(self, submission: str) -> str:
        """The name of this edition's verdict on a submission."""
        parts = [self.format, submission, self.course, self.lab, self.hidden]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class State:
    """The output folder of one `grade`."""

    def __init__(self, root: Path) -> None:
        """Make the folder. Raises EnvironmentFailure when it cannot be written."""
        self.root = root
        self.store = Store(root / ".sessions")
        self._entries = root / "entries"
        self._entries.mkdir(exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other graders out. Raises UsageError when one is at work.

        A killed grader's helpers hold it until they have tidied up.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self.store.lock(_LOCK))
            except UsageError as e:
                raise UsageError(
                    f"Another `labctl grade` works in {self.root}",
                    resolution="Wait until it has finished, or name another folder with `--out`.",
                ) from e
            yield

    def load(self, submission: str, edition: Edition) -> Entry | None:
        """The entry of a submission that is done; one that wants a regrade is not."""
        try:
            kept = json.loads(self._file(submission).read_text(encoding="utf-8"))
            if kept["key"] != edition.key(submission):
                return None
            entry = Entry.from_json(kept["entry"])
        except (OSError, ValueError, KeyError, TypeError, LabctlError):
            return None
        return None if entry.regrade else entry

    def entry(self, submission: str) -> Entry:
        """The entry of a submission that this run, or one before it, has saved."""
        kept = json.loads(self._file(submission).read_text(encoding="utf-8"))
        return Entry.from_json(kept["entry"])

    def save(self, entry: Entry, edition: Edition) -> None:
        """Keep an entry, whole or not at all."""
        kept = {"key": edition.key(entry.submission), "entry": entry.to_json()}
        text = json.dumps(kept, ensure_ascii=False)
        write_atomically(self._file(entry.submission), text)

    def session(self, submission: str) -> str:
        """The name of the session that a submission is graded in: its own on the engine."""
        return f"g-{submission[:8]}-{self.store.id[:4]}"

    def sweep(self, host: Host) -> int:
        """Remove the sessions that a killed run left; how many. Touches no other store's."""
        ours = {
            n for n, owner in resources.sessions(host.client()).items() if owner == self.store.id
        }
        names = sorted(ours | set(self.store.names()))
        for name in names:
            self._remove(name, host)
        # Workspaces of replayed submissions: the work itself is in the submission.
        shutil.rmtree(self.store.root / "kept", ignore_errors=True)
        return len(names)

    def _remove(self, name: str, host: Host) -> None:
        """Only what a killed run has started can still work on a session: that ends."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while True:
            try:
                removal.stop(self.store, host, name, Silent())
                return
            except UsageError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _file(self, submission: str) -> Path:
        return self._entries / f"{submission}.json"


def merged_checks(root: Path, lab: Path, hidden: Path) -> tuple[Path, str]:
    """A folder whose `checks` are the lab's own with the hidden ones below them, and their digest.

    So hidden checks may use the fixtures of the lab's conftest.py. Raises UsageError when there
    is no test in `hidden`.
    """
    tests = sorted(p for p in hidden.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    if not any(p.name.startswith("test_") for p in tests):
        raise UsageError(
            f"There are no hidden checks in {hidden}",
            resolution="Hidden checks are files DIR/LAB/test_*.py.",
        )
    folder = root / ".checks" / lab.name
    shutil.rmtree(folder, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(lab / "checks", folder / "checks", ignore=without)
    shutil.copytree(hidden, folder / "checks" / "hidden", ignore=without)
    total = hashlib.sha256()
    for path in tests:
        total.update(f"{path.relative_to(hidden)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return folder, total.hexdigest()
