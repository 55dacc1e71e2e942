"""CSV, JUnit and Gradescope: right sums, nothing that runs, nothing that students must not see."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

import pytest

from labctl.grading.gradebook import gradescope, junit, table
from labctl.grading.gradebook.model import Gradebook
from tests.gradebooks import HOSTILE, demo, entry


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("ada", "ada"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(cell, safe):
    assert table.harmless(cell) == safe


def test_csv_has_a_row_an_entry():
    text = table.to_csv(demo())
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(demo().entries)
    assert text.count("\r\n") == len(rows) + 1
    by_learner = {(row["learner"], row["lab"]): row for row in rows}
    assert by_learner["bert", "namespaces"]["earned"] == "9"
    assert by_learner["emil", "namespaces"]["regrade"] == "yes"
    assert by_learner["'=HYPERLINK(0)", "default-deny"]["points"] == "20"
    assert by_learner["gus", "namespaces"]["reason"] == "notes/answers.yaml is a link, not a file"
    assert (HOSTILE, "namespaces") in by_learner


def test_junit_tells_failures_from_errors():
    suites = {s.get("name"): s for s in ET.fromstring(junit.to_junit(demo()))}
    assert len(suites) == len(demo().entries)
    emil = suites["namespaces.emil"]
    assert (emil.get("tests"), emil.get("failures"), emil.get("errors")) == ("5", "1", "1")
    assert [case.get("name") for case in emil if case.find("error") is not None] == ["own-net"]
    refused = suites["namespaces.gus"].find("testcase/failure")
    assert refused.get("type") == "refused"
    assert refused.get("message") == "notes/answers.yaml is a link, not a file"
    assert suites["default-deny.fatima"].find("testcase/error").get("type") == "error"
    assert suites["namespaces.hana"].find("testcase/failure").get("type") == "missing"
    assert f"namespaces.{HOSTILE}" in suites


def test_gradescope_follows_the_specification():
    content = gradescope.results(entry("bert", "namespaces", "ppfpf"))
    json.dumps(content)
    assert content["score"] == 6 == sum(test["score"] for test in content["tests"])
    assert content["stdout_visibility"] == "hidden"
    assert {test["status"] for test in content["tests"]} == {"passed", "failed"}
    assert {test["output_format"] for test in content["tests"]} == {"text"}
    assert [test["max_score"] for test in content["tests"]] == [2, 2, 3, 2, 1]


def test_gradescope_hides_hidden_checks():
    tests = gradescope.results(entry("bert", "namespaces", "ppppf"))["tests"]
    assert [test["visibility"] for test in tests] == ["visible"] * 4 + ["hidden"]


def test_gradescope_tells_why_a_submission_was_refused():
    content = gradescope.results(entry("gus", "namespaces", status="refused", reason="a bomb"))
    assert content["score"] == 0
    assert [(t["output"], t["max_score"]) for t in content["tests"]] == [("a bomb", 10)]


def test_gradescope_has_no_file_for_what_needs_a_regrade_or_is_missing():
    found = gradescope.files(demo())
    assert "namespaces/bert/results.json" in found
    for path in ("namespaces/emil", "default-deny/fatima", "namespaces/hana"):
        assert f"{path}/results.json" not in found


def test_gradescope_paths_stay_inside_and_apart():
    evil = ["..", "../../x", "/etc", "", ".ssh", "a/b", "a_b", "A_b", "x" * 300, "-rf", "..~"]
    entries = tuple(entry(name, "namespaces", "ppppp") for name in evil)
    found = gradescope.files(Gradebook("c", ("namespaces",), "", entries))
    assert len({path.lower() for path in found}) == len(evil)
    for path in map(PurePosixPath, found):
        assert len(path.parts) == 3
        assert not path.is_absolute()
        assert not any(part.startswith((".", "-")) for part in path.parts)
        assert all(len(part) < 100 for part in path.parts)
