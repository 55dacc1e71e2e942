"""A new lab is right from the start."""

from __future__ import annotations

import os

import pytest

from labctl import paths
from labctl.authoring import scaffold
from labctl.authoring.lint import lint
from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab import loader

PROVIDERS = ("docker", "engine", "kind", "qemu")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_is_to_mend_in_a_new_lab(tmp_path, provider):
    made = scaffold.create("open-door", provider=provider, parent=tmp_path)
    commands = {"shell", "check", "stop", "lab"}
    assert lint(made, commands=commands, labs=()) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_placeholder_is_filled_and_scripts_can_be_run(tmp_path, provider):
    made = scaffold.create("open-door", provider=provider, track="exam", parent=tmp_path)
    for file in made.rglob("*"):
        if file.is_file():
            assert "@" not in file.read_text().replace("@check(", "").replace(
                "@weakness(", ""
            ).replace("@pytest.fixture", ""), file
            assert os.access(file, os.X_OK) == file.read_text().startswith("#!")
    lab = loader.load(made)
    assert (lab.id, lab.track) == ("open-door", "exam")
    assert provider in {machine.provider for machine in lab.machines.values()}


def test_completion_is_offered_where_the_schema_is(tmp_path):
    (tmp_path / "lab.schema.json").write_text("{}")
    made = scaffold.create("a", parent=tmp_path)
    assert (made / "lab.yaml").read_text().startswith("# yaml-language-server: $schema=../lab")


def test_a_new_lab_lies_with_all_labs_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_LABS_DIR", str(tmp_path))
    assert scaffold.create("a") == tmp_path / "a"


def test_it_must_be_said_where_when_labctl_is_an_installed_package(monkeypatch):
    inside = scaffold.Path(paths.__file__).parent / "labs"
    monkeypatch.setattr(paths, "labs_dir", lambda: inside)
    with pytest.raises(UsageError) as told:
        scaffold.create("a")
    assert "--in" in str(told.value.resolution)


@pytest.mark.parametrize("name", ["Open", "open_door", "../x", "-x", "x" * 25, ""])
def test_what_no_lab_can_be_called_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be a lab's id"):
        scaffold.create(name, parent=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_exist_and_what_is_there_already_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no provider `vm`"):
        scaffold.create("a", provider="vm", parent=tmp_path)
    with pytest.raises(UsageError, match="no track `x`"):
        scaffold.create("a", track="x", parent=tmp_path)
    scaffold.create("a", parent=tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        scaffold.create("a", parent=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match="cannot be made"):
        scaffold.create("a", parent=tmp_path / "file")
