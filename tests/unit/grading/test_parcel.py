"""What a confined child is given: the files that are there, and none that links lead to."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from labctl.errors import UsageError
from labctl.grading import parcel


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: member for member in tar.getmembers()}


def content(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        file = tar.extractfile(name)
        assert file
        return file.read()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "work"
    (made / "sub" / "deep").mkdir(parents=True)
    (made / "sub" / "file").write_text("hello")
    (tmp_path / "secret").write_text("secret")
    return made


def test_files_and_folders_lie_under_the_name(folder):
    told = members(parcel.tree(folder, "lab", "The lab"))
    assert sorted(told) == ["lab", "lab/sub", "lab/sub/deep", "lab/sub/file"]
    assert content(parcel.tree(folder, "lab", "The lab"), "lab/sub/file") == b"hello"
    assert all(told[name].isdir() for name in ("lab", "lab/sub", "lab/sub/deep"))


def test_a_link_stays_a_link_and_brings_nothing(folder):
    (folder / "file").symlink_to("../secret")
    (folder / "folder").symlink_to("..")
    archive = parcel.tree(folder, "w", "The workspace")
    told = members(archive)
    assert (told["w/file"].issym(), told["w/file"].linkname) == (True, "../secret")
    assert (told["w/folder"].issym(), told["w/folder"].linkname) == (True, "..")
    assert not [name for name in told if name.startswith("w/folder/")]
    assert b"secret\0" not in archive.replace(b"../secret", b"")


def test_pipes_and_sockets_are_left_out_and_block_nobody(folder):
    os.mkfifo(folder / "pipe")
    assert "w/pipe" not in members(parcel.tree(folder, "w", "The workspace"))


def test_what_is_to_be_skipped_is_skipped_at_every_depth(folder):
    (folder / "sub" / "__pycache__").mkdir()
    (folder / "sub" / "__pycache__" / "a.pyc").write_text("")
    (folder / ".git").write_text("gitdir: elsewhere")
    told = members(parcel.tree(folder, "lab", "The lab", {".git", "__pycache__"}))
    assert sorted(told) == ["lab", "lab/sub", "lab/sub/deep", "lab/sub/file"]


def test_too_many_bytes_or_files_are_refused_by_name(folder, monkeypatch):
    monkeypatch.setattr(parcel, "MOST_FILES", 3)
    with pytest.raises(UsageError, match="The workspace holds more"):
        parcel.tree(folder, "w", "The workspace")
    monkeypatch.undo()
    monkeypatch.setattr(parcel, "MOST_BYTES", 4)
    with pytest.raises(UsageError, match="The workspace holds more"):
        parcel.tree(folder, "w", "The workspace")


def test_the_childs_code_is_what_it_loads_and_no_more_of_labctl():
    names = set(members(parcel.code()))
    assert {
        "code/labctl/grading/inside.py",
        "code/labctl/grading/fixtures.py",
        "code/pytest/__init__.py",
        "code/testinfra/host.py",
    } <= names
    assert not [name for name in names if name.startswith(("code/labctl/cli", "code/labctl/labs"))]
    assert not [name for name in names if not name.endswith((".py", ".pyc"))]
