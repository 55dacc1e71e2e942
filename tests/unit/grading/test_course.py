import json
import re

import pytest

from labctl.errors import UsageError
from labctl.grading import course as courses
from labctl.grading import roster
from labctl.grading.course import Course


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "course"


@pytest.fixture
def course(folder):
    return Course.init(folder, "Container security")


def test_a_course_is_what_it_was_when_it_was_made(course, folder):
    again = Course.load(folder)
    assert (again.name, again.key, again.public) == (course.name, course.key, course.public)
    assert again.seed("alice", "namespaces") == course.seed("alice", "namespaces")
    assert courses.load_public(folder / "course.json").key == course.key


def test_keys_are_for_their_owner_only(course, folder):
    for name in ("secret.key", "signing.key"):
        file = folder / name
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o644)
        with pytest.raises(UsageError, match="Others than you may read"):
            Course.load(folder)
        file.chmod(0o600)


def test_no_key_is_ever_shown_or_overwritten(course, folder):
    before = (folder / "secret.key").read_bytes()
    with pytest.raises(UsageError, match="already"):
        Course.init(folder, "Another")
    assert (folder / "secret.key").read_bytes() == before
    assert repr(before) not in repr(course)
    assert "_secret" not in repr(course)
    assert "_signing" not in repr(course)


def test_damaged_courses_are_told(course, folder, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        Course.load(tmp_path / "nowhere")
    (folder / "secret.key").write_bytes(b"short")
    with pytest.raises(UsageError, match="a key has 32 bytes"):
        Course.load(folder)
    (folder / "secret.key").write_bytes(bytes(32))
    (folder / "signing.key").write_bytes(bytes(32))
    with pytest.raises(UsageError, match="not the key of this course"):
        Course.load(folder)
    (folder / "course.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a course"):
        Course.load(folder)


def test_seeds_are_each_learners_own(course, tmp_path):
    assert re.fullmatch("[0-9a-f]{16}", course.seed("alice", "namespaces"))
    other = Course.init(tmp_path / "other", "Other")
    seeds = {
        course.seed("alice", "namespaces"),
        course.seed("alic", "enamespaces"),
        course.seed("bob", "namespaces"),
        course.seed("alice", "default-deny"),
        other.seed("alice", "namespaces"),
    }
    assert len(seeds) == 5


def test_a_ticket_that_was_changed_is_noticed(course, tmp_path):
    file = tmp_path / "ticket"
    ticket = course.ticket("alice", "namespaces")
    file.write_text(ticket.model_dump_json())
    assert courses.load_ticket(file) == ticket
    assert ticket.seed == course.seed("alice", "namespaces")
    other = Course.init(tmp_path / "other", "Other")
    for change in (
        {"learner": "bob"},
        {"seed": "0" * 16},
        {"lab": "default-deny"},
        {"course": other.key},
        {"public": other.public},
    ):
        file.write_text(json.dumps({**ticket.model_dump(), **change}))
        with pytest.raises(UsageError, match="was changed"):
            courses.load_ticket(file)
    file.write_text("{}")
    with pytest.raises(UsageError, match="is not a ticket"):
        courses.load_ticket(file)


def test_only_what_the_course_signed_is_verified(course, tmp_path):
    report = {"learner": "alice", "earned": 3, "hints": ("a",), "seconds": 0.1}
    envelope = json.loads(json.dumps(course.sign(report)))
    assert courses.verify(envelope, course.public)
    assert not courses.verify({**envelope, "report": {**report, "earned": 4}}, course.public)
    other = Course.init(tmp_path / "other", "Other")
    assert not courses.verify(envelope, other.public)
    assert not courses.verify({**envelope, "key": other.key}, other.public)
    assert not courses.verify({**envelope, "more": 1}, course.public)
    assert not courses.verify({}, course.public)


def test_a_ticket_is_no_signed_report(course):
    ticket = course.ticket("alice", "namespaces").model_dump()
    signature = ticket.pop("signature")
    envelope = {"report": ticket, "key": course.key, "signature": signature}
    assert not courses.verify(envelope, course.public)


@pytest.mark.parametrize("learner", ["", " alice", "a\nb", "a\u200bb", "x" * 200, "e\u0301"])
def test_unfit_learners_get_no_ticket(course, learner):
    with pytest.raises(UsageError, match="cannot be a learner's id"):
        course.ticket(learner, "namespaces")


@pytest.mark.parametrize(
    "text",
    [
        "learner,name,email\nalice,Alice A.,a@example.org\nbob,,\n",
        "Name,SIS ID,Email\nAlice A.,alice,a@example.org\n,bob,\n,,\n",
        "\ufeffname,id,email\r\nAlice A.,alice,a@example.org\r\n,bob\r\n",
    ],
)
def test_rosters_of_several_shapes(tmp_path, text):
    file = tmp_path / "class.csv"
    file.write_text(text, newline="")
    alice, bob = roster.read(file)
    assert alice == roster.Learner("alice", "Alice A.", "a@example.org")
    assert bob == roster.Learner("bob")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column"),
        ("surname,points\nA,1\n", "no column"),
        ("learner\nalice\nalice\n", "class.csv:3: the learner 'alice' stands twice"),
        ("learner\na\x1bb\n", "cannot be a learner's id"),
        (b"learner\n\xff\n", "not UTF-8"),
    ],
)
def test_rosters_that_are_unfit(tmp_path, text, reason):
    file = tmp_path / "class.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=reason):
        roster.read(file)
    with pytest.raises(UsageError, match="cannot be read"):
        roster.read(tmp_path / "missing.csv")
