import getpass
import hashlib
import json
import socket
from types import SimpleNamespace

import pytest

from labctl.environment.model import ExecResult
from labctl.errors import NotFound, UsageError
from labctl.grading.submission import pack, unpack
from labctl.session.model import Record
from labctl.session.store import Store
from tests.unit.grading.submission.test_definition import ID, told
from tests.unit.grading.submission.test_policy import lab
from tests.unit.grading.submission.works import Probe


class Engine:
    """A machine whose docker knows one container."""

    def __init__(self):
        self.containers = [told(Name="/shop", Config={"Image": "shop"})]
        self.daemon = b'{"userns-remap": "default", "bip": "10.0.0.1/24"}'
        self.trouble = None

    def exec(self, place, machine, argv, *, stdin=None, environment=None, timeout=60):
        if self.trouble:
            raise self.trouble
        if argv[0] == "cat":
            return ExecResult(0, self.daemon, b"")
        if argv[1] == "ps":
            return ExecResult(0, b"shop\nbeside\n", b"")
        if argv[1] == "network":
            return ExecResult(0, b'[{"Name": "bridge"}]', b"")
        self.asked = argv[3:]
        missing = b"Error: No such container: web\n" if len(self.containers) == 1 else b""
        return ExecResult(bool(missing), json.dumps(self.containers).encode(), missing)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def session(tmp_path, engine):
    """A session on a host, in a store and of a name that are nobody else's concern."""
    store = Store(tmp_path / "home-of-the-learner")
    record = Record(
        name="secret-nickname",
        lab="good",
        digest=hashlib.sha256(b"lab").hexdigest(),
        seed="1234",
        learner="alice",
        created="2026-01-01T00:00:00.000+00:00",
        answers={"q1": "b"},
        hints=["some-check"],
    )
    store.save(record)
    store.note(record.name, "checked", earned=1, points=2)
    store.write(record.name, "report.json", {"session": record.name, "earned": 1})
    workspace = store.folder(record.name) / "workspace"
    workspace.mkdir()
    (workspace / "run.sh").write_text("#!/bin/sh\n# on 5.4.3-learners-laptop, 1234-abcd\n")
    (workspace / "diary.txt").write_text("dear diary\n")
    found = SimpleNamespace(
        record=record,
        lab=lab(clusters={}),
        place=SimpleNamespace(workspace=workspace),
        provider=lambda name: engine,
        probe=Probe("5.4.3-learners-laptop", "1234-abcd"),
    )
    return found, store


def packed(session, **more):
    found, store = session
    return pack.pack(found, store, learner="alice", **more)


def test_what_the_lab_captures_is_packed(session, tmp_path):
    read = unpack.load(packed(session), tmp_path)
    assert sorted(read.files) == [
        "answers.json",
        "journal.jsonl",
        "machines/engine/containers/shop.json",
        "machines/engine/daemon.json",
        "report.json",
        "workspace/run.sh",
    ]
    assert json.loads(read.files["machines/engine/daemon.json"]) == {"userns-remap": "default"}
    assert json.loads(read.files["answers.json"]) == {"q1": "b"}
    assert read.manifest.practice
    assert (read.manifest.learner, read.manifest.hints) == ("alice", ["some-check"])


def test_docker_is_asked_for_what_runs_beside_but_not_for_the_labs_own(session, engine):
    packed(session)
    assert engine.asked == ["beside", "shop", "web"]
    wanted = {"engine": {"containers": ["shop"], "beside": ["beside"]}}
    session[0].lab = lab(clusters={}, engines=wanted)
    packed(session)
    assert engine.asked == ["shop"]


def test_the_same_state_gives_the_same_bytes(session):
    first = packed(session)
    (session[0].place.workspace / "run.sh").touch()
    assert packed(session) == first
    session[1].note("secret-nickname", "reset")
    assert packed(session) != first


def test_nothing_else_about_the_person_or_the_computer_is_in_it(session, tmp_path):
    data = packed(session)
    for word in (
        str(tmp_path),
        "home-of-the-learner",
        "secret-nickname",
        "learners-laptop",  # a label and a path of the container have it
        "dear diary",
        "1234-abcd",  # the boot id
        "/home/",
        ID[:12],
        socket.gethostname(),
        *([getpass.getuser()] if len(getpass.getuser()) > 4 else []),
    ):
        assert word.encode() not in data, word


@pytest.mark.parametrize(
    ("source", "told"),
    [("/home/alice/good", ""), ("https://a.example/b.git@c0de", "https://a.example/b.git@c0de")],
)
def test_a_lab_from_elsewhere_is_told_unless_it_lies_on_the_learners_computer(
    session, tmp_path, source, told
):
    found, store = session
    store.write(found.record.name, "report.json", {"source": source, "earned": 1})
    found.lab = found.lab.model_copy(update={"source": source})
    report = json.loads(unpack.load(packed(session), tmp_path).files["report.json"])
    assert report["source"] == told


def test_limits_are_told(session):
    (session[0].place.workspace / "run.sh").write_bytes(bytes(600 << 10))
    with pytest.raises(UsageError, match=r"`run.sh` in the workspace is larger than 512 KiB"):
        packed(session)


def test_links_are_not_followed(session, tmp_path):
    file = session[0].place.workspace / "run.sh"
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="is a link"):
        packed(session)


def test_what_is_not_there_is_left_out(session, tmp_path, engine):
    (session[0].place.workspace / "run.sh").unlink()
    engine.daemon = b"{}"
    session[1].write("secret-nickname", "report.json", None)
    read = unpack.load(packed(session), tmp_path)
    assert sorted(read.files) == [
        "answers.json",
        "journal.jsonl",
        "machines/engine/containers/shop.json",
    ]


def test_trouble_with_the_machine_is_told(session, engine):
    engine.trouble = NotFound("gone")
    with pytest.raises(UsageError, match="`engine` does not answer"):
        packed(session)
    engine.trouble, engine.containers = None, [{"Id": 7}]
    with pytest.raises(UsageError):
        packed(session)
    engine.containers = [told(Name="/shop", HostConfig={"Memory": "much"})]
    with pytest.raises(UsageError, match="its `memory` is unfit"):
        packed(session)


def test_a_report_that_was_tampered_with_is_not_packed(session):
    session[1].write("secret-nickname", "report.json", {"x": float("nan")})
    with pytest.raises(UsageError, match="cannot be handed in as it is"):
        packed(session)
