"""The gradebook's values: sums, regrades, JSON and names that nobody can hide behind."""

from __future__ import annotations

import dataclasses
import json

import pytest

from labctl.errors import UsageError
from labctl.grading.gradebook import model
from labctl.grading.gradebook.model import Entry, Gradebook, Similarity, visible
from tests.gradebooks import demo, entry


def parsed(gradebook):
    return json.loads(json.dumps(gradebook.to_json()))


def test_json_brings_back_the_same_gradebook():
    before = demo()
    assert Gradebook.from_json(parsed(before)) == before


def test_an_entry_is_kept_by_itself():
    before = dataclasses.replace(
        entry("ada", "namespaces", "ppppp"), signed={"report": {}, "key": "k", "signature": "s"}
    )
    assert Entry.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_json_holds_the_sums():
    first = parsed(demo())["entries"][2]
    assert (first["earned"], first["points"], first["regrade"]) == (9, 10, False)


@pytest.mark.parametrize(
    ("found", "earned", "regrade"),
    [
        (entry("a", "namespaces", "ppfff"), 4, False),
        (entry("a", "namespaces", "ppfef"), 4, True),
        (entry("a", "namespaces", "ppppp", status="error", reason="x"), 0, True),
        (entry("a", "namespaces", "ppppp", status="refused", reason="x"), 0, False),
        (entry("a", "namespaces"), 0, False),
    ],
)
def test_only_graded_work_earns_and_only_our_errors_want_a_regrade(found, earned, regrade):
    assert (found.earned, found.points, found.regrade) == (earned, 10, regrade)


def test_names_that_look_the_same_are_told_apart():
    assert visible("bob\u200b") == "bob\\u200b"
    assert visible("bob") == "bob"
    assert visible("\U000e0041") == "\\U000e0041"
    assert visible("Zoë 東京") == "Zoë 東京"
    assert visible("a\u00a0b\u2028c\td") == "a\\u00a0b\\u2028c\\u0009d"


def test_an_entry_holds_no_control_characters():
    found = entry("a\x1b[2Jb", "namespaces", "ppppp", file="x\n.zip", notes=("\x1b[31mred\n",))
    assert found.learner == "a\\u001b[2Jb"
    assert found.file == "x\\u000a.zip"
    assert found.notes == ("red",)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data | {"format": 2},
        lambda data: data | {"entries": [{"learner": "x"}]},
        lambda data: data | {"entries": [data["entries"][0] | {"status": "fine"}]},
        lambda data: [],
        lambda data: None,
    ],
)
def test_another_format_or_damage_is_a_usage_error(spoil):
    with pytest.raises(UsageError):
        Gradebook.from_json(spoil(parsed(demo())))


def test_a_folder_or_a_file_can_be_named(tmp_path):
    file = tmp_path / model.FILE
    file.write_text(json.dumps(demo().to_json()))
    assert model.load(tmp_path) == model.load(file) == demo()


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"])
def test_a_missing_or_broken_file_is_a_usage_error(tmp_path, content):
    file = tmp_path / model.FILE
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError):
        model.load(tmp_path)


def test_findings_say_what_is():
    same = Similarity("same-bytes", "l", ("ada", "bo", "cy"), "run.sh")
    assert str(same) == "ada, bo and cy handed in the same `run.sh`"
    value = Similarity("seeded-value", "l", ("ada", "bo"), "run.sh", "key", "123456")
    assert str(value) == "`run.sh` of ada holds 123456, the key that was given to bo"


def test_a_file_of_nobody_is_told_by_its_name():
    assert entry("", "namespaces", status="refused", file="x.zip", reason="r").who == "(x.zip)"
    assert entry("ada", "namespaces").who == "ada"


def test_many_learners_are_counted():
    many = Similarity("same-bytes", "l", tuple(f"l{i}" for i in range(12)), "run.sh")
    assert str(many).startswith("l0, l1, l2, l3, l4, l5, l6, l7, l8 and 3 others handed in")
