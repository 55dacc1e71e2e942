"""What the learner has changed is out of a reset's way, and comes back, wherever it is killed."""

from __future__ import annotations

import os
import shutil

import pytest

from labctl.errors import EnvironmentFailure
from labctl.session.model import Record
from labctl.session.store import Store

OURS = {"start.sh": "weak", "notes/read.me": "read", "keys/own.crt": "first"}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder):
    return {
        str(f.relative_to(folder)): f.read_text()
        for f in sorted(folder.rglob("*"))
        if f.is_file() and not f.is_symlink()
    }


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "data")
    made.save(Record("s", "lab", "d", seed="0", learner="", created="t"))
    write(made.folder("s") / "workspace", OURS)
    made.handed_out("s")
    return made


@pytest.fixture
def workspace(store):
    return store.folder("s") / "workspace"


MINE = {"start.sh": "strong", "new/deep/file": "mine"}
# What a reset makes: another certificate, since its authority is another one.
AGAIN = {**OURS, "keys/own.crt": "second"}


def reset(store, workspace):
    store.lay_aside("s")
    workspace.mkdir()
    write(workspace, AGAIN)
    store.handed_out("s")
    store.put_back("s")


def left(store):
    return [p.name for p in store.folder("s").iterdir() if p.name.startswith("workspace.")]


def test_what_was_changed_stays_and_all_else_is_new(store, workspace):
    write(workspace, MINE)
    (workspace / "notes" / "read.me").unlink()
    reset(store, workspace)
    assert read(workspace) == {**AGAIN, **MINE}
    assert left(store) == []


def test_a_second_reset_is_like_the_first(store, workspace):
    write(workspace, MINE)
    reset(store, workspace)
    reset(store, workspace)
    assert read(workspace) == {**AGAIN, **MINE}


def test_the_labs_own_files_are_seen_while_it_comes_up(store, workspace):
    write(workspace, MINE)
    store.lay_aside("s")
    assert not workspace.exists()


def test_a_reset_that_fails_gives_back_what_the_learner_changed(store, workspace):
    write(workspace, MINE)
    store.lay_aside("s")
    workspace.mkdir()
    write(workspace, {"start.sh": "weak"})
    store.take_back("s")
    assert read(workspace) == MINE
    reset(store, workspace)
    assert read(workspace) == {**AGAIN, **MINE}


def test_one_that_is_killed_on_the_way_back_is_ended_by_the_next(store, workspace, monkeypatch):
    write(workspace, MINE)
    store.lay_aside("s")
    workspace.mkdir()
    write(workspace, AGAIN)
    store.handed_out("s")
    renames, real = [], os.rename

    def killed(*args, **more):
        renames.append(args)
        if len(renames) == 3:
            raise KeyboardInterrupt
        real(*args, **more)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put_back("s")
    monkeypatch.undo()
    kept = store.keep("s")  # as `stop` does
    assert kept
    assert read(kept) == {**AGAIN, **MINE}


def test_without_a_workspace_there_is_nothing_of_the_learners(store, workspace):
    shutil.rmtree(workspace)
    reset(store, workspace)
    assert read(workspace) == AGAIN


def test_a_file_in_place_of_a_folder_stays_the_learners(store, workspace):
    shutil.rmtree(workspace / "notes")
    write(workspace, {"notes": "a file"})
    reset(store, workspace)
    assert read(workspace)["notes"] == "a file"


def test_links_and_pipes_are_moved_as_they_are(store, workspace, tmp_path):
    (workspace / "link").symlink_to("/etc/passwd")
    (workspace / "around").symlink_to(tmp_path)
    os.mkfifo(workspace / "pipe")
    reset(store, workspace)
    assert str((workspace / "link").readlink()) == "/etc/passwd"
    assert (workspace / "around").readlink() == tmp_path
    assert (workspace / "pipe").is_fifo()


def test_no_link_that_a_machine_leaves_there_leads_out(store, workspace, tmp_path):
    write(workspace, {"notes/mine": "secret"})
    store.lay_aside("s")
    outside = tmp_path / "outside"
    outside.mkdir()
    workspace.mkdir()
    (workspace / "notes").symlink_to(outside)
    store.handed_out("s")
    store.put_back("s")
    assert list(outside.iterdir()) == []
    assert read(workspace) == {"notes/mine": "secret"}


def test_what_cannot_be_put_back_is_told_and_not_lost(store, workspace, monkeypatch):
    write(workspace, MINE)
    store.lay_aside("s")
    workspace.mkdir()
    store.handed_out("s")

    real = os.rename

    def refuse(*args, **more):
        if more:
            raise PermissionError("no")
        real(*args)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(EnvironmentFailure, match="cannot be put back") as caught:
        store.put_back("s")
    monkeypatch.undo()
    assert str(store.folder("s")) in caught.value.resolution
    store.take_back("s")
    assert read(workspace) == MINE


def test_a_file_that_cannot_be_read_counts_as_the_learners(store, workspace, monkeypatch):
    unreadable = workspace / "start.sh"
    opened = type(unreadable).open

    def guarded(path, *args, **more):
        if path.name == "start.sh":
            raise PermissionError("root's")
        return opened(path, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(type(unreadable), "open", guarded)
        store.handed_out("s")
        store.lay_aside("s")
    assert (store.folder("s") / "workspace.aside" / "start.sh").read_text() == "weak"
