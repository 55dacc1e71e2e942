"""What is remembered survives a crash; who works on a session is known."""

import json
import os
import subprocess
import sys

import pytest

from labctl import process
from labctl.errors import EnvironmentFailure, UsageError
from labctl.lab import loader
from labctl.progress import Silent
from labctl.session import lifecycle
from labctl.session.model import Record, valid_name
from labctl.session.store import Store, write_atomically


def record(name="a", **more):
    return Record(
        name=name, lab="namespaces", digest="d", seed="s", learner="", created="t", **more
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_a_record_comes_back_as_it_was(store):
    store.save(record(hints=["x"], ready="now"))
    assert store.load("a") == record(hints=["x"], ready="now")
    assert store.names() == ["a"]


def test_what_the_learner_does_is_noted_in_order(store):
    store.save(record())
    assert store.journal("a") == b""
    store.note("a", "started")
    store.note("a", "checked", earned=1, points=2)
    first, second = (json.loads(line) for line in store.journal("a").splitlines())
    assert first["event"] == "started"
    assert (second["event"], second["earned"], second["points"]) == ("checked", 1, 2)
    assert first["at"] <= second["at"]


def test_a_journal_tells_only_so_much(store):
    store.save(record())
    for number in range(2100):
        store.note("a", "checked", number=number)
    lines = store.journal("a").splitlines()
    assert (len(lines), json.loads(lines[-1])["number"]) == (2000, 2099)


def test_a_session_that_runs_is_not_given_to_another_ticket(store):
    lab = loader.find("namespaces")
    store.save(record(ready="now", course="k" * 16))
    for course, seed, learner in (("k" * 16, "s", "bob"), ("k" * 16, "t", ""), ("l" * 16, "s", "")):
        with pytest.raises(UsageError, match="was not started with this ticket"):
            lifecycle.start(
                *(store, None, lab, Silent(), None),
                name="a",
                seed=seed,
                learner=learner,
                course=course,
            )


def test_no_session_is_none(store):
    assert store.load("a") is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_damaged_record_is_an_error_that_names_gc(store, damage):
    store.save(record())
    (store.folder("a") / "session.json").write_text(damage)
    with pytest.raises(EnvironmentFailure):
        store.load("a")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "b"),
        ("seed", 7),
        ("machines", ["x"]),
        ("machines", {"x": None}),
        ("hints", "x"),
        ("hints", [{}]),
        ("solved", "no"),
        ("solved", None),
        ("learner", {"x": "y"}),
        ("evil", "x"),
    ],
)
def test_a_record_that_was_edited_into_nonsense_is_an_error(store, key, value):
    store.save(record())
    file = store.folder("a") / "session.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(EnvironmentFailure, match="damaged"):
        store.load("a")


@pytest.mark.parametrize("noise", [b"\xff\xfe\x00", b"[" * 100_000])
def test_noise_for_a_record_or_report_is_an_error_or_nothing(store, noise):
    store.save(record())
    (store.folder("a") / "session.json").write_bytes(noise)
    (store.folder("a") / "report.json").write_bytes(noise)
    with pytest.raises(EnvironmentFailure, match="damaged"):
        store.load("a")
    assert store.read("a", "report.json") is None


def test_stores_have_ids_of_their_own_that_stay(tmp_path):
    first = Store(tmp_path / "one").id
    assert Store(tmp_path / "one").id == first
    assert Store(tmp_path / "two").id != first


def test_an_interrupted_write_leaves_the_old_text(tmp_path, monkeypatch):
    file = tmp_path / "f"
    write_atomically(file, "old")

    def die(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(OSError, match="no space"):
        write_atomically(file, "new")
    assert file.read_text() == "old"


def test_a_changed_workspace_is_kept_and_an_unchanged_one_is_not(store):
    store.save(record())
    workspace = store.folder("a") / "workspace"
    workspace.mkdir()
    assert store.keep("a") is None
    (workspace / "lab.txt").write_text("given")
    store.save(record(workspace=store.workspace_digest("a")))
    assert store.keep("a") is None
    (workspace / "mine.txt").write_text("work")
    kept = store.keep("a")
    store.delete("a")
    assert (kept / "mine.txt").read_text() == "work"
    assert store.names() == []


def test_a_second_labctl_is_refused_while_the_first_works(store):
    code = (
        "import sys, pathlib\nfrom labctl.session.store import Store\n"
        f"with Store(pathlib.Path({str(store.root)!r})).lock('a'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        assert store.busy("a")
        with pytest.raises(UsageError, match=f"process {other.pid}"), store.lock("a"):
            pass
        assert not store.busy("b")
        other.stdin.close()
        other.wait()
    assert not store.busy("a")


def test_several_may_look_while_nobody_changes_anything(store):
    code = (
        "import sys, pathlib\nfrom labctl.session.store import Store\n"
        f"with Store(pathlib.Path({str(store.root)!r})).lock('a', shared=True):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with store.lock("a", shared=True):
            pass
        with pytest.raises(UsageError, match="working on session `a`"), store.lock("a"):
            pass
        other.stdin.close()
        other.wait()
    with (
        store.lock("a"),
        pytest.raises(UsageError, match="Another labctl"),
        store.lock("a", shared=True),
    ):
        pass


def test_a_killed_labctl_holds_the_session_until_its_programs_end(store, tmp_path):
    done = tmp_path / "done"
    code = (
        "import pathlib\nfrom labctl import process\nfrom labctl.session.store import Store\n"
        f"with Store(pathlib.Path({str(store.root)!r})).lock('a'):\n"
        f"    process.run(['sh', '-c', 'echo go; sleep 1; echo > {done}'],\n"
        "                on_line=lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"go\n"
        other.kill()
        other.wait()
        assert store.busy("a")
        with store.lock("a"):  # waits for the orphan
            assert done.exists()
    assert not process.kept_open


@pytest.mark.parametrize("name", ["", "A", "a--b", "-a", "a-", "a/b", "a.b", "x" * 25, "é"])
def test_names_that_would_confuse_the_engine(name):
    with pytest.raises(UsageError):
        valid_name(name)


def test_the_record_is_readable_by_a_person(store):
    store.save(record())
    assert json.loads((store.folder("a") / "session.json").read_text())["lab"] == "namespaces"
