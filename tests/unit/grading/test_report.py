"""Results and reports: text from learners is harmless, sums and exit codes are right."""

from __future__ import annotations

from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from labctl.errors import EnvironmentFailure
from labctl.grading.report import CheckResult, Report, clean
from labctl.lab import loader
from labctl.session.model import Record


def result(outcome="passed", **more):
    values = {
        "id": "a",
        "statement": "it is so",
        "outcome": outcome,
        "points": 2,
        "message": "m",
        "hint": "h",
        "seconds": 0.1,
        "deadline": 30,
    }
    return CheckResult(**{**values, **more})


def report(*results, **more):
    values = {
        "lab": "namespaces",
        "title": "T",
        "digest": "d",
        "session": "s",
        "learner": "me",
        "seed": "x",
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:01+00:00",
        "results": results,
        "solved": False,
        "hints": (),
    }
    return Report(**{**values, **more})


@pytest.mark.parametrize(
    ("evil", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x1b]0;never ended", ""),
        ("a\x00b\x08c\x9b1md", "abc1md"),
        ("one\ntwo\r\nthree\tfour", "one two three four"),
        ("\u202egnp.exe\u2066\u200b", "gnp.exe"),
        ("\ud800\ufffe\ue000", ""),
        ("Größe ✓ 東京", "Größe ✓ 東京"),
        ("[bold]markup[/bold] <b>&", "[bold]markup[/bold] <b>&"),
    ],
)
def test_text_is_made_harmless(evil, harmless):
    assert clean(evil) == harmless
    assert result(message=evil).message == harmless


def test_long_text_is_cut():
    assert len(clean("x" * 10**7)) == 1000


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["passed", "passed"], 0),
        (["passed", "failed"], 1),
        (["passed", "error"], 3),
        (["failed", "error"], 3),
        ([], 3),
    ],
)
def test_exit_code(outcomes, code):
    assert report(*map(result, outcomes)).exit_code == code


def test_errors_stay_in_the_total_and_earn_nothing():
    made = report(result(), result("failed"), result("error"))
    assert (made.earned, made.points) == (2, 6)


def test_json_round_trip():
    made = report(result(), result("failed", id="b"), hints=("b",), solved=True)
    assert Report.from_json(made.to_json()) == made
    assert made.to_json()["verified"] is False


def test_a_lab_that_changed_since_the_start_is_told(tmp_path):
    (tmp_path / "lab.yaml").write_text("title: t")
    lab = SimpleNamespace(
        id="x", title="T", folder=tmp_path, source="/labs/x", areas={}, minutes=5, timed=False
    )

    def graded() -> Report:
        record = Record("s", "x", begun, seed="x", learner="", created="t")
        return Report.of(record, lab, [result()], started="t", finished="t")

    begun = loader.digest(lab)
    assert (graded().digest, graded().changed, graded().source) == (begun, False, "/labs/x")
    (tmp_path / "checks.py").write_text("assert True")
    assert graded().changed
    assert graded().digest != begun


def test_a_report_from_before_labs_had_a_source_is_one_of_our_own_labs():
    data = report(result()).to_json()
    del data["source"]
    assert Report.from_json(data) == report(result(), source="")


@pytest.mark.parametrize("data", [None, [], {}, {"format": 2}, {"format": 1}])
def test_json_of_another_kind_is_refused(data):
    with pytest.raises(EnvironmentFailure):
        Report.from_json(data)


def test_junit():
    made = report(result(), result("failed", id="b", message="<&\x01>"), result("error", id="c"))
    suite = ET.fromstring(made.to_junit().encode()).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert suite.find("testcase[@name='b']/failure").get("message") == "<&>"
