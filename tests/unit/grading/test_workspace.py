"""The learner's files are read as they are, and nothing else through them."""

from __future__ import annotations

import os

import pytest
from _pytest.outcomes import Failed

from labctl.grading.fixtures import Workspace


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("hello")
    (tmp_path / "secret").write_text("secret")
    return Workspace(folder)


def test_reads_files(workspace):
    assert workspace.read("sub/file") == "hello"
    assert workspace.exists("sub/file")
    assert workspace.list() == ["sub"]
    assert workspace.list("sub") == ["file"]


def test_missing_file_fails_the_check(workspace):
    with pytest.raises(Failed, match="no file answers"):
        workspace.read("answers.yaml")
    assert not workspace.exists("answers.yaml")
    assert workspace.list("none") == []


def test_links_lead_nowhere(workspace):
    (workspace.path / "link").symlink_to("../secret")
    (workspace.path / "up").symlink_to("..")
    for path in ("link", "up/secret"):
        with pytest.raises(Failed):
            workspace.read(path)
        assert not workspace.exists(path)


def test_pipe_does_not_block(workspace):
    os.mkfifo(workspace.path / "pipe")
    with pytest.raises(Failed, match="plain file"):
        workspace.read("pipe")


def test_folder_is_no_file(workspace):
    with pytest.raises(Failed, match="plain file"):
        workspace.read("sub")


def test_large_file_is_refused(workspace):
    (workspace.path / "large").write_bytes(b"x" * 100)
    with pytest.raises(Failed, match="larger than 99 bytes"):
        workspace.read("large", limit=99)


def test_any_bytes_are_text(workspace):
    (workspace.path / "raw").write_bytes(b"\xff")
    assert workspace.read("raw") == "\ufffd"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "sub/../../secret"])
def test_paths_stay_inside(workspace, path):
    with pytest.raises(ValueError, match="not inside"):
        workspace.read(path)
