"""`labctl gradebook`: a table at 80 columns, files on request, and who was left out."""

from __future__ import annotations

import json

import pytest

from labctl.cli.app import app
from labctl.errors import UsageError
from tests.gradebooks import HOSTILE, demo

EXPORT = "First name,ID number,Email address,Lab (Real)\nA,ada,a@x.org,-\nE,,emil@x.org,-\n"


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grades").mkdir()
    (tmp_path / "grades/gradebook.json").write_text(json.dumps(demo().to_json()))
    return tmp_path


def run(*argv):
    with pytest.raises(SystemExit) as ended:
        app(["gradebook", *argv])
    return ended.value.code


def test_the_table_fits_80_columns_without_colour_or_markup(out, capsys):
    assert run("grades") == 0
    shown = capsys.readouterr().out
    table = shown.split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert len(table) >= len(demo().entries) + 1
    assert "\x1b" not in shown
    assert "".join(HOSTILE.split()) in "".join(line[:34].strip().replace(" ", "") for line in table)
    assert "fatima, default-deny: The cluster did not start within 180 s" in shown
    assert "gus, namespaces: notes/answers.yaml is a link, not a file" in shown
    assert "namespaces: 9 of 12 settled, mean 7.3, median 8.0 of 10" in shown


def test_json_is_the_gradebook(out, capsys):
    assert run("--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(demo().to_json()))


def test_files_are_written_and_named(out, capsys):
    assert run("grades", "--csv", "x/a.csv", "--html", "a.html", "--junit", "a.xml") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["Wrote x/a.csv", "Wrote a.html", "Wrote a.xml"]
    assert (out / "x/a.csv").read_bytes().startswith(b"learner,lab,status,")
    assert (out / "a.html").read_text().startswith("<!doctype html>")
    assert (out / "a.xml").read_text().startswith("<?xml")


def test_gradescope_tells_who_has_no_file(out, capsys):
    assert run("grades", "--gradescope", "gs") == 1
    assert json.loads((out / "gs/namespaces/ada/results.json").read_text())["score"] == 10
    assert "emil, namespaces: needs a regrade" in capsys.readouterr().err


def test_an_export_is_filled_beside_itself(out, capsys):
    (out / "moodle.csv").write_text(EXPORT)
    (out / "roster.csv").write_text("learner,email\nemil,emil@x.org\n")
    more = ("--moodle", "moodle.csv", "--column", "Lab", "--roster", "roster.csv")
    assert run("grades", "--lab", "default-deny", *more) == 1
    assert (out / "moodle.csv").read_text() == EXPORT
    filled = (out / "moodle.filled.csv").read_text()
    assert filled == EXPORT.replace("a@x.org,-", "a@x.org,20").replace("l@x.org,-", "l@x.org,20")
    err = capsys.readouterr().err
    assert "Filled in: 2." in err
    assert "  bert: is not in the export" in err


@pytest.mark.parametrize(
    "argv",
    [
        ("nowhere",),
        ("grades", "--canvas", "none.csv", "--column", "Lab", "--lab", "namespaces"),
        ("grades", "--canvas", "moodle.csv", "--lab", "namespaces"),
        ("grades", "--canvas", "moodle.csv", "--moodle", "moodle.csv", "--column", "Lab"),
        ("grades", "--moodle", "moodle.csv", "--column", "Lab"),
        ("grades", "--csv", "grades"),
    ],
)
def test_wrong_use_is_a_usage_error_and_writes_nothing(out, argv):
    (out / "moodle.csv").write_text(EXPORT)
    with pytest.raises(UsageError):
        app(["gradebook", *argv])
    assert {path.name for path in out.iterdir()} == {"grades", "moodle.csv"}
