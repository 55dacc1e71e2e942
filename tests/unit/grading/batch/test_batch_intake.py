"""What comes in is sorted: the honest get a session, all others a reason, nobody both."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.errors import UsageError
from labctl.grading.batch import intake
from labctl.grading.batch.intake import Found, Rules
from labctl.grading.batch.reader import Seen
from labctl.grading.batch.state import Edition

COURSE = "c" * 16
DIGEST = "d" * 64


def seed(learner, lab):
    return f"seed-{learner}-{lab}"


def seen(learner="ann", lab="one", **more):
    values = {
        "submission": f"sha-{learner}-{lab}",
        "lab": lab,
        "digest": DIGEST,
        "learner": learner,
        "seed": seed(learner, lab),
        "practice": False,
        "course": COURSE,
        "problems": (),
    }
    return Seen(**{**values, **more})


def found(tmp_path, name, what):
    return Found(tmp_path / name, name, what)


def rules(**more):
    edition = Edition(course=COURSE, lab=DIGEST, hidden="")
    assignments = {lab: SimpleNamespace(edition=edition, points=14) for lab in ("one", "two")}
    return Rules(**{"course": COURSE, "seed": seed, "assignments": assignments, **more})


def sort(tmp_path, *given, **more):
    files = [found(tmp_path, f"{i}.zip", what) for i, what in enumerate(given)]
    return intake.sort(files, rules(**more))


def test_an_honest_one_becomes_a_job_with_the_courses_seed(tmp_path):
    result = sort(tmp_path, seen("ann"))
    (job,) = result.jobs
    assert (job.learner, job.lab, job.seed, job.file) == ("ann", "one", "seed-ann-one", "0.zip")
    assert result.entries == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"lab": "three"}, "not graded here"),
        ({"practice": True, "course": ""}, "practice"),
        ({"course": "e" * 16}, "another course"),
        ({"seed": "0" * 16}, "not the one that the course gives to ann"),
        ({"digest": "0" * 64}, "another version of the lab"),
        ({"problems": ("privileged pods", "host paths")}, "privileged pods; host paths"),
    ],
)
def test_every_reason_is_told(tmp_path, what, reason):
    result = sort(tmp_path, seen(**what))
    assert result.jobs == []
    (entry,) = result.entries
    assert (entry.status, entry.learner) == ("refused", "ann")
    assert reason in entry.reason


def test_points_of_refused_work_stay_in_the_total(tmp_path):
    (entry,) = sort(tmp_path, seen(practice=True)).entries
    assert (entry.points, entry.earned) == (14, 0)


def test_who_is_not_on_the_roster_is_refused(tmp_path):
    result = sort(tmp_path, seen("ann"), seen("eve"), roster={"ann"})
    assert [job.learner for job in result.jobs] == ["ann"]
    assert result.entries[0].reason == "eve is not on the roster"


def test_another_version_is_graded_when_asked_for_and_the_gradebook_says_so(tmp_path):
    result = sort(tmp_path, seen(digest="0" * 64), any_version=True)
    assert result.jobs[0].notes == ("made with another version of the lab",)


def test_two_of_one_learner_for_one_lab_are_both_refused(tmp_path):
    result = sort(tmp_path, seen("ann"), seen("ann", submission="other"), seen("ann", "two"))
    assert [job.lab for job in result.jobs] == ["two"]
    (entry,) = result.entries
    assert entry.reason == "two submissions of ann for one: 0.zip and 1.zip"


def test_the_same_bytes_twice_are_one_submission(tmp_path):
    result = sort(tmp_path, seen("ann"), seen("ann"))
    assert [job.file for job in result.jobs] == ["0.zip"]
    assert result.entries == []


def test_a_forged_one_in_anns_name_does_not_harm_ann(tmp_path):
    forged = seen("ann", submission="forged", seed="guessed")
    result = sort(tmp_path, forged, seen("ann"))
    assert [job.submission for job in result.jobs] == ["sha-ann-one"]
    (entry,) = result.entries
    assert (entry.learner, entry.points) == ("", 0)
    assert "handed in as ann's" in entry.reason


def test_a_learner_has_one_entry_for_a_lab_however_many_are_refused(tmp_path):
    many = [seen("ann", submission=str(i), practice=True) for i in range(3)]
    entries = sort(tmp_path, *many).entries
    assert [entry.learner for entry in entries] == ["ann", "", ""]


def test_what_cannot_be_read_is_refused_without_a_name(tmp_path):
    (entry,) = sort(tmp_path, "it is no zip file").entries
    assert (entry.learner, entry.file, entry.reason) == ("", "0.zip", "it is no zip file")


def test_the_missing_are_told_for_each_lab(tmp_path):
    result = sort(tmp_path, seen("ann"), seen("bob", practice=True))
    gone = intake.missing(result, ["ann", "bob", "cid"], rules().assignments)
    assert [(entry.learner, entry.lab, entry.points) for entry in gone] == [
        ("ann", "two", 14),
        ("bob", "two", 14),
        ("cid", "one", 14),
        ("cid", "two", 14),
    ]


def test_folders_are_searched_and_files_taken_as_they_are(tmp_path):
    for name in ("b.ZIP", "a/s.zip", "c/s.zip", "notes.txt"):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (tmp_path / "in" / "folder.zip").mkdir()
    single = tmp_path / "odd.name"
    single.write_text("")
    names = [name for _, name in intake.files([tmp_path / "in", single])]
    assert names == ["a/s.zip", "b.ZIP", "c/s.zip", "odd.name"]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_nothing_to_grade_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        list(intake.files([tmp_path / name]))
