"""The store of a test's own is emptied in the end, or by whoever comes next."""

from __future__ import annotations

import fcntl
import os

import pytest

from labctl import paths
from labctl.authoring import scratch
from labctl.errors import EnvironmentFailure
from labctl.progress import Silent
from labctl.session.model import Record
from labctl.session.store import Store

HOST = object()  # never asked: removal is replaced


@pytest.fixture
def removed(monkeypatch, tmp_path):
    """The sessions that were removed."""
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    names: list[str] = []
    monkeypatch.setattr(
        scratch.removal, "stop", lambda store, host, name, progress: names.append(name)
    )
    return names


def record(name: str) -> Record:
    return Record(name=name, lab="a", digest="", seed="", learner="", created="")


def trials() -> list[str]:
    return [folder.name for folder in (paths.data_dir() / "trials").iterdir()]


def test_what_a_test_leaves_is_removed_with_its_store(removed):
    with scratch.store(HOST) as store:
        store.save(record("left"))
        assert store.root.parent == paths.data_dir() / "trials"
    assert removed == ["left"]
    assert trials() == []


def test_an_interrupted_test_is_tidied_up_and_stays_interrupted(removed):
    def interrupted() -> None:
        with scratch.store(HOST) as store:
            store.save(record("left"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert removed == ["left"]
    assert trials() == []


def test_what_cannot_be_removed_is_told_and_stays_for_the_next(removed, monkeypatch):
    def broken(*about: object) -> None:
        raise EnvironmentFailure("no engine")

    with monkeypatch.context() as patched:
        patched.setattr(scratch.removal, "stop", broken)
        with (
            pytest.raises(EnvironmentFailure, match="no engine"),
            scratch.store(HOST) as store,
        ):
            store.save(record("left"))
    assert len(trials()) == 1
    assert scratch.sweep(HOST, Silent()) == ["left"]
    assert trials() == []


def test_only_what_nobody_works_with_is_swept(removed):
    with scratch.store(HOST) as mine:
        mine.save(record("mine"))
        killed = Store(paths.data_dir() / "trials" / "dead")
        killed.save(record("theirs"))
        (killed.root / "lock").touch()
        assert scratch.sweep(HOST, Silent()) == ["theirs"]
        assert trials() == [mine.root.name]
    assert removed == ["theirs", "mine"]


def test_programs_that_a_test_started_hold_its_store(removed):
    with scratch.store(HOST) as store:
        inherited = [fd for fd in scratch.process.kept_open if os.fstat(fd).st_ino == _inode(store)]
        assert len(inherited) == 1
        with (store.root / "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not scratch.process.kept_open


def _inode(store: Store) -> int:
    return (store.root / "lock").stat().st_ino
