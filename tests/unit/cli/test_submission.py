"""course and submission on the command line; what they never show."""

import json
from types import SimpleNamespace

import pytest

from labctl.cli import course as cli
from labctl.cli import submission
from labctl.cli.app import app
from labctl.errors import UsageError
from labctl.grading.course import Course
from tests.unit.grading.submission.test_policy import lab
from tests.unit.grading.submission.works import packed


def run(*argv):
    from typer.testing import CliRunner

    return CliRunner().invoke(app, [str(word) for word in argv], catch_exceptions=True)


def test_a_course_from_init_to_tickets(tmp_path):
    folder, out = tmp_path / "course", tmp_path / "tickets"
    made = run("course", "init", folder, "--name", "Security")
    assert made.exit_code == 0
    roster = tmp_path / "class.csv"
    roster.write_text("learner\nalice\nbob/../x@y\n")
    done = run("course", "ticket", folder, "--lab", "namespaces", "--roster", roster, "-o", out)
    assert done.exit_code == 0
    names = sorted(file.name for file in out.iterdir())
    assert names == ["namespaces-alice.ticket", "namespaces-bob%2F..%2Fx@y.ticket"]
    seed = Course.load(folder).seed("alice", "namespaces")
    alice = cli.admitted(out / names[0], "namespaces", None, "")
    assert alice == (seed, "alice", Course.load(folder).key)
    secret = (folder / "secret.key").read_bytes()
    shown = run("course", "show", folder, "--json")
    assert json.loads(shown.output)["name"] == "Security"
    for text in (made.output, done.output, shown.output):
        assert seed not in text
        assert secret.hex() not in text


def test_a_ticket_admits_to_its_own_lab_and_learner_only(tmp_path):
    ticket = tmp_path / "ticket"
    made = Course.init(tmp_path / "course", "c").ticket("alice", "namespaces")
    ticket.write_text(made.model_dump_json())
    for wanted, seed, learner, reason in (
        ("default-deny", None, "", "for the lab `namespaces`"),
        ("namespaces", "1", "", "its own seed"),
        ("namespaces", None, "bob", "for 'alice'"),
    ):
        with pytest.raises(UsageError, match=reason):
            cli.admitted(ticket, wanted, seed, learner)


def test_signed_reports_are_verified(tmp_path):
    course = Course.init(tmp_path / "course", "c")
    report = tmp_path / "report.json"
    envelope = course.sign({"learner": "alice", "lab": "x", "earned": 1, "points": 2})
    report.write_text(json.dumps(envelope))
    public = tmp_path / "course" / "course.json"
    good = run("course", "verify", report, "--course", public)
    assert (good.exit_code, "alice, x, 1 of 2 points" in good.output) == (0, True)
    report.write_text(json.dumps({**envelope, "report": {"earned": 2}}))
    assert run("course", "verify", report, "--course", public).exit_code == 1


def test_a_submission_is_shown(tmp_path):
    file = tmp_path / "work.zip"
    file.write_bytes(packed({"workspace/x.sh": b"1"}, lab="namespaces", learner="alice"))
    shown = run("submission", "show", file)
    assert shown.exit_code == 0
    assert "nothing: practice" in shown.output
    assert "`workspace/x.sh` is nothing that the lab asks for" in shown.output
    assert json.loads(run("submission", "show", file, "--json").output)["refused"]


def test_what_the_lab_asks_for_and_is_not_there_is_told():
    session = SimpleNamespace(lab=lab())
    files = {"answers.json": b"{}", "journal.jsonl": b"", "clusters/cluster/objects.yaml": b""}
    assert submission._missing(packed(files), session) == [
        "It lacks machines/engine/containers/shop.json, which the lab asks for.",
        "It lacks machines/engine/containers/web.json, which the lab asks for.",
        "It lacks workspace/run.sh, which the lab asks for.",
        "It holds no verdict: nothing was checked yet.",
    ]


def test_a_refused_submission_is_an_error_with_its_reason(tmp_path):
    file = tmp_path / "work.zip"
    file.write_bytes(b"PK")
    error = run("submission", "show", file).exception
    assert isinstance(error, UsageError)
    assert "not a zip file" in error.message
