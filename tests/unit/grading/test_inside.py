"""What the confined child makes of the files that it is sent."""

from __future__ import annotations

import pytest

from labctl.grading import parcel
from labctl.grading.inside import unpack


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """A folder as the parent has it; the current one is the child's, and empty."""
    folder, home = tmp_path / "parent" / "work", tmp_path / "child"
    (folder / "sub").mkdir(parents=True)
    home.mkdir()
    monkeypatch.chdir(home)
    return folder


def test_a_tree_arrives_as_it_was(sent, tmp_path):
    (sent / "sub" / "file").write_bytes(b"\0\xff")
    (sent / "empty").mkdir()
    unpack(parcel.tree(sent, "workspace", "The workspace"))
    there = tmp_path / "child" / "workspace"
    assert (there / "sub" / "file").read_bytes() == b"\0\xff"
    assert sorted(p.name for p in there.iterdir()) == ["empty", "sub"]


def test_links_stay_what_they_are_wherever_they_lead(sent, tmp_path):
    (sent / "up").symlink_to("../../secret")
    (sent / "away").symlink_to("/etc")
    unpack(parcel.tree(sent, "workspace", "The workspace"))
    there = tmp_path / "child" / "workspace"
    assert (there / "up").readlink().as_posix() == "../../secret"
    assert (there / "away").readlink().as_posix() == "/etc"


def test_a_second_archive_adds_to_the_first(sent, tmp_path):
    (sent / "file").write_text("lab")
    unpack(parcel.tree(sent, "lab", "The lab"))
    (sent / "file").write_text("work")
    unpack(parcel.tree(sent, "workspace", "The workspace"))
    assert (tmp_path / "child" / "lab" / "file").read_text() == "lab"
    assert (tmp_path / "child" / "workspace" / "file").read_text() == "work"
