"""Where labs come from: labctl's own before others, and a damaged registry hides nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab import catalog, loader, sources
from labctl.lab.sources import Origin

LAB = """\
format: 1
title: A lab
track: exam
minutes: 5
objectives: [See]
shell: box
machines:
  box: {provider: docker, image: base, about: A box}
"""
COMMIT = "0123456789abcdef" * 2 + "01234567"


def lab(folder: Path, text: str = LAB) -> Path:
    folder.mkdir(parents=True)
    (folder / "lab.yaml").write_text(text)
    (folder / "README.md").write_text("# A lab\n")
    return folder


def register(*origins: Origin) -> None:
    sources.added_dir().mkdir(parents=True, exist_ok=True)
    text = json.dumps(sources.to_json({origin.lab: origin for origin in origins}))
    (sources.added_dir() / "registry.json").write_text(text)


def origin(folder: Path, commit: str = COMMIT, path: str = "") -> Origin:
    return Origin(folder.name, folder, "https://example.org/labs.git", path, commit, "2026-11-25")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LABCTL_LABS_DIR", str(tmp_path / "own"))
    lab(tmp_path / "own" / "mine")


def test_nothing_was_added_at_first():
    assert sources.registry() == {}
    assert list(sources.folders()) == ["mine"]


def test_a_registry_comes_back_as_it_was_written(tmp_path):
    first, second = origin(tmp_path / "a", path="labs/a"), origin(tmp_path / "b", commit="")
    register(first, second)
    assert sources.registry() == {"a": first, "b": second}


def test_an_origin_says_all_that_pins_it(tmp_path):
    pinned = f"https://example.org/labs.git@{COMMIT}"
    assert str(origin(tmp_path / "a")) == pinned
    assert str(origin(tmp_path / "a", path="labs/a")) == f"{pinned}:labs/a"
    assert str(Origin("a", tmp_path, "/home/me/a", "", "", "")) == "/home/me/a"


def test_an_added_lab_is_found_and_knows_where_it_is_from(tmp_path):
    folder = lab(tmp_path / "elsewhere" / "theirs")
    register(origin(folder))
    assert sources.folders() == {"mine": tmp_path / "own" / "mine", "theirs": folder}
    assert loader.find("theirs").source == f"https://example.org/labs.git@{COMMIT}"
    assert loader.load(folder).source == loader.find("theirs").source
    assert loader.find("mine").source == ""


def test_an_added_lab_never_stands_before_one_of_our_own(tmp_path):
    register(origin(lab(tmp_path / "elsewhere" / "mine")))
    assert sources.folder("mine") == tmp_path / "own" / "mine"
    assert loader.find("mine").folder == tmp_path / "own" / "mine"
    assert sources.own_folder("mine")


def test_a_lab_that_is_taken_away_meanwhile_is_none_of_our_own(tmp_path, monkeypatch):
    register(origin(lab(tmp_path / "elsewhere" / "theirs")))
    known = iter([sources.registry(), {}, {}, {}])
    monkeypatch.setattr(sources, "registry", lambda: next(known))
    assert loader.find("theirs").source


def test_a_lab_whose_folder_is_gone_is_no_lab(tmp_path):
    register(origin(tmp_path / "gone"))
    assert list(sources.folders()) == ["mine"]
    with pytest.raises(UsageError, match="no lab `gone`"):
        loader.find("gone")


def test_the_list_tells_where_a_lab_is_from_and_shows_no_escapes(tmp_path):
    evil = LAB.replace("title: A lab", 'title: "\\e[2Jlab"').replace("track: exam", "track: [a]")
    register(origin(lab(tmp_path / "elsewhere" / "theirs", evil), path="theirs"))
    mine, theirs = catalog.summaries()
    assert (mine["source"], mine["commit"]) == ("", "")
    assert theirs == {
        "id": "theirs",
        "title": "",
        "track": "",
        "minutes": 5,
        "source": "https://example.org/labs.git",
        "path": "theirs",
        "commit": COMMIT,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 50_000,
        '{"format": 2, "labs": {}}',
        '{"format": 1}',
        '{"format": 1, "labs": {"a": {"folder": "/a"}}}',
        '{"format": 1, "labs": {"a": {"folder": "/a", "source": 1, "path": "", "commit": "",'
        ' "added": ""}}}',
    ],
)
def test_a_damaged_registry_is_told_and_not_taken_for_an_empty_one(text):
    sources.added_dir().mkdir(parents=True)
    (sources.added_dir() / "registry.json").write_text(text)
    with pytest.raises(EnvironmentFailure, match=r"registry\.json"):
        sources.registry()
