"""The folder of sessions on the learner's machine: atomic writes under a lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labctl import paths, process
from labctl.errors import EnvironmentFailure, UsageError
from labctl.session import files
from labctl.session.model import Record, now

# After labctl was killed, what it had started (kind, say) may still work for a while.
_ORPHAN_SECONDS = 120
_JOURNAL_LINES = 2000
# Where a reset has the learner's files: while the machines come up, and on the way back.
_ASIDE, _COMING = "workspace.aside", "workspace.coming"
_GIVEN = "given.json"
_NOTHING = hashlib.sha256().hexdigest()


class Store:
    """Sessions by name. `id` tells the resources of this store from another user's."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or paths.data_dir()
        self._sessions = self.root / "sessions"
        try:
            self._sessions.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.root / "locks").mkdir(exist_ok=True)
            self.id = self._identity()
        except OSError as e:
            raise EnvironmentFailure(
                f"labctl cannot keep its sessions in {self.root}",
                details=str(e),
                resolution="Make the folder writable, or set LABCTL_DATA_DIR to another.",
            ) from e

    def folder(self, name: str) -> Path:
        """The session's folder: its record, kubeconfigs, report and workspace."""
        return self._sessions / name

    def names(self) -> list[str]:
        """All sessions that have a record."""
        return sorted(f.parent.name for f in self._sessions.glob("*/session.json"))

    def load(self, name: str) -> Record | None:
        """The record of a session, or None when there is no such session."""
        try:
            record = Record.from_json(json.loads((self.folder(name) / "session.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            return Record.from_json(None)
        return record if record.name == name else Record.from_json(None)

    def save(self, record: Record) -> None:
        """Write a record, whole or not at all."""
        self.folder(record.name).mkdir(exist_ok=True, mode=0o700)
        self.write(record.name, "session.json", record.to_json())

    def write(self, name: str, file: str, data: Any) -> None:
        """Write a JSON file into a session's folder, whole or not at all."""
        write_atomically(self.folder(name) / file, json.dumps(data, indent=2, ensure_ascii=False))

    def read(self, name: str, file: str) -> Any:
        """A JSON file of a session's folder, or None when it is not there."""
        try:
            return json.loads((self.folder(name) / file).read_text())
        except (FileNotFoundError, ValueError, RecursionError):
            return None

    def note(self, name: str, event: str, **details: Any) -> None:
        """Append what the learner did to the session's journal, with the time."""
        line = json.dumps({"at": now(), "event": event, **details}, ensure_ascii=False)
        with (self.folder(name) / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")

    def journal(self, name: str) -> bytes:
        """What was noted: a JSON object a line, the newest last, and only so many."""
        try:
            lines = (self.folder(name) / "journal.jsonl").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return b""
        return b"".join(lines[-_JOURNAL_LINES:])

    def delete(self, name: str) -> None:
        """Remove a session's folder, its record first: what is left then is only litter."""
        (self.folder(name) / "session.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def handed_out(self, name: str) -> None:
        """Remember the workspace as it is now: as the lab, and not the learner, has made it."""
        self.write(name, _GIVEN, files.digests(self.folder(name) / "workspace"))

    def lay_aside(self, name: str) -> None:
        """Move what the learner has changed out of the way of the lab's own files."""
        self.take_back(name)
        workspace, aside = self.folder(name) / "workspace", self.folder(name) / _ASIDE
        workspace.mkdir(exist_ok=True)  # the learner may have removed it
        workspace.rename(aside)
        files.prune(aside, self.read(name, _GIVEN) or {})

    def put_back(self, name: str) -> None:
        """Move what lies aside into the workspace, over what the lab has made."""
        (self.folder(name) / _ASIDE).rename(self.folder(name) / _COMING)
        self.take_back(name)

    def take_back(self, name: str) -> None:
        """End what a killed or failed reset has left, with the learner's files in the workspace."""
        folder = self.folder(name)
        if (folder / _ASIDE).exists():
            shutil.rmtree(folder / "workspace", ignore_errors=True)
            (folder / _ASIDE).rename(folder / "workspace")
        if (folder / _COMING).exists():
            files.move(folder / _COMING, folder / "workspace")
            shutil.rmtree(folder / _COMING, ignore_errors=True)

    def keep(self, name: str) -> Path | None:
        """Move a changed workspace away, so that no work is lost; where it is now."""
        self.take_back(name)
        try:
            record = self.load(name)
        except EnvironmentFailure:
            record = None
        before = record.workspace if record else ""
        if self.workspace_digest(name) in (before, _NOTHING):
            return None
        kept = self.root / "kept" / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}"
        kept.parent.mkdir(exist_ok=True)
        (self.folder(name) / "workspace").rename(kept)
        return kept

    def workspace_digest(self, name: str) -> str:
        """SHA-256 over the names and contents of a session's workspace."""
        workspace = self.folder(name) / "workspace"
        total = hashlib.sha256()
        for file in sorted(workspace.rglob("*")):
            total.update(f"{file.relative_to(workspace)}\0".encode())
            if file.is_symlink():
                total.update(str(file.readlink()).encode())
            elif file.is_file():
                total.update(file.read_bytes())
        return total.hexdigest()

    def busy(self, name: str) -> bool:
        """Whether a labctl process, or a program it started, works on the session right now."""
        descriptor = self._take(name)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    @contextmanager
    def lock(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """Hold a session; programs started meanwhile hold it until they end.

        Several may hold it `shared`, to look at what nobody is to change meanwhile.
        When labctl was killed and only its orphans hold the lock, waits for them.
        Raises UsageError when another labctl works on the session.
        """
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while (descriptor := self._take(name, shared=shared)) is None:
            owner = self._owner(name)
            if owner or time.monotonic() > deadline:
                raise UsageError(
                    f"Another labctl ({owner or 'killed'}) is working on session `{name}`",
                    resolution="Wait until it has finished, or end it.",
                )
            time.sleep(0.2)
        process.kept_open.add(descriptor)
        try:
            yield
        finally:
            process.kept_open.discard(descriptor)
            os.close(descriptor)

    def _take(self, name: str, *, shared: bool = False) -> int | None:
        """An open, locked file; None when somebody else holds it."""
        file = self.root / "locks" / name
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def _owner(self, name: str) -> str:
        """The process that took the lock, if it still lives."""
        try:
            pid = int((self.root / "locks" / name).read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return ""
        return f"process {pid}"

    def _identity(self) -> str:
        file = self.root / "id"
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            pass
        mine = self.root / f"id.{os.getpid()}"
        mine.write_text(secrets.token_hex(6))
        try:
            os.link(mine, file)  # fails when another labctl was first: then its id counts
        except FileExistsError:
            pass
        finally:
            mine.unlink()
        return file.read_text().strip()


def write_atomically(file: Path, text: str) -> None:
    """Write a file so that a reader, or a power cut, sees the old text or the new one."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
