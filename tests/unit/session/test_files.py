"""A lab's files get into the workspace, and through no link that a machine left there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure
from labctl.lab.model import Lab
from labctl.session.files import copy_files


@pytest.fixture
def place(tmp_path):
    workspace = tmp_path / "session" / "workspace"
    workspace.mkdir(parents=True)
    folder = workspace.parent
    return Place("s", "store", Lab.model_construct(), folder, workspace, {"db-port": "5432"})


@pytest.fixture
def source(tmp_path):
    made = tmp_path / "solution"
    (made / "sub" / "deep").mkdir(parents=True)
    (made / "sub" / "file").write_text("port: $db_port")
    (made / "empty").mkdir()
    run = made / "run"
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    return made


def test_files_arrive_with_their_facts_and_rights(place, source):
    copy_files(source, place)
    assert (place.workspace / "sub" / "file").read_text() == "port: 5432"
    assert (place.workspace / "sub" / "deep").is_dir()
    assert (place.workspace / "empty").is_dir()
    assert (place.workspace / "run").stat().st_mode & 0o777 == 0o755
    assert (place.workspace / "sub" / "file").stat().st_mode & 0o111 == 0


def test_what_was_there_stays_beside_them_and_a_file_is_replaced(place, source):
    (place.workspace / "sub").mkdir()
    (place.workspace / "sub" / "mine").write_text("mine")
    (place.workspace / "sub" / "file").write_text("old, and longer than what comes")
    copy_files(source, place)
    copy_files(source, place)
    assert (place.workspace / "sub" / "mine").read_text() == "mine"
    assert (place.workspace / "sub" / "file").read_text() == "port: 5432"


def test_a_lab_without_such_files_copies_none(place, tmp_path):
    copy_files(tmp_path / "none", place)
    assert list(place.workspace.iterdir()) == []


@pytest.mark.parametrize("name", ["sub", "sub/file", "sub/deep"])
def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(place, source, tmp_path, name):
    victim = tmp_path / "home"
    (victim / "deep").mkdir(parents=True)
    (victim / "file").write_text("mine")
    link = place.workspace / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim / "file" if name == "sub/file" else victim)
    copy_files(source, place)
    assert not link.is_symlink()
    assert (place.workspace / "sub" / "file").read_text() == "port: 5432"
    assert (victim / "file").read_text() == "mine"
    assert sorted(file.name for file in victim.iterdir()) == ["deep", "file"]


def test_a_file_gives_way_to_a_folder_and_a_pipe_blocks_nobody(place, source):
    (place.workspace / "sub").write_text("in the way")
    os.mkfifo(place.workspace / "run")
    copy_files(source, place)
    assert (place.workspace / "sub" / "file").is_file()
    assert Path(place.workspace / "run").is_file()


def test_a_folder_with_the_learners_work_does_not_give_way(place, source):
    (place.workspace / "run").mkdir()
    (place.workspace / "run" / "work").write_text("mine")
    with pytest.raises(EnvironmentFailure, match="file run cannot be put"):
        copy_files(source, place)
    assert (place.workspace / "run" / "work").read_text() == "mine"
