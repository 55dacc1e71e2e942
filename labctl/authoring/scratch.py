"""A store for sessions that only test labs: apart from the learner's, and found when left behind.

It lies in labctl's data folder, because machines mount workspaces from there, and an engine in a
virtual machine sees no other. Its lock is held by the process that tests and by all that it
started; once that is free, whatever the store still names is litter.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labctl import paths, process
from labctl.errors import LabctlError
from labctl.host.model import Host
from labctl.progress import Progress, Silent
from labctl.session import removal
from labctl.session.store import Store


def _folder() -> Path:
    return paths.data_dir() / "trials"


@contextmanager
def store(host: Host) -> Iterator[Store]:
    """A new store; in the end its sessions are removed, and then the store.

    Raises EnvironmentFailure when something cannot be removed: `labctl gc` tries again.
    """
    folder = _folder() / secrets.token_hex(2)
    folder.mkdir(parents=True, mode=0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    process.kept_open.add(lock)
    try:
        try:
            yield Store(folder)
        except BaseException:
            with suppress(LabctlError):  # what ended the test is what the user must hear of
                _empty(folder, host, Silent())
            raise
        _empty(folder, host, Silent())
    finally:
        process.kept_open.discard(lock)
        os.close(lock)


def sweep(host: Host, progress: Progress) -> list[str]:
    """Remove the sessions that killed tests left; returns their names. Raises as `store` does."""
    removed = []
    for lock in sorted(_folder().glob("*/lock")):
        descriptor = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            removed += _empty(lock.parent, host, progress)
        except BlockingIOError:
            continue  # that test goes on
        finally:
            os.close(descriptor)
    return removed


def _empty(folder: Path, host: Host, progress: Progress) -> list[str]:
    """Remove all sessions of a store, and the store."""
    left = Store(folder)
    names = left.names()
    for name in names:
        removal.stop(left, host, name, progress)
    shutil.rmtree(folder, ignore_errors=True)
    return names
