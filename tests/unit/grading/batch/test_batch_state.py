"""What is kept can be relied on: whole entries of this edition, and no grader beside another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import labctl
from labctl.errors import UsageError
from labctl.grading.batch import state as module
from labctl.grading.batch.state import Edition, State, merged_checks
from labctl.grading.gradebook.model import Entry
from labctl.grading.report import CheckResult, Report

SHA = "ab" * 32
EDITION = Edition(course="c", lab="d", hidden="h")


def entry(outcome="passed", status="graded"):
    result = CheckResult("own-pid", "it is so", outcome, 2, "message", "hint", 1.0, 30)
    report = Report("one", "One", "d", "g-1", "ann", "s", "t", "t", (result,), False, (), True)
    return Entry("ann", "one", "a.zip", SHA, status, 2, report=report)


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "out")


def test_what_is_saved_comes_back(state):
    state.save(entry(), EDITION)
    assert state.load(SHA, EDITION) == entry()
    assert state.entry(SHA) == entry()


@pytest.mark.parametrize("other", [{"course": "x"}, {"lab": "x"}, {"hidden": "x"}, {"format": 2}])
def test_another_edition_is_graded_anew(state, other):
    state.save(entry(), EDITION)
    assert state.load(SHA, Edition(**{**vars(EDITION), **other})) is None


@pytest.mark.parametrize("unfinished", [entry("error"), entry(status="error")])
def test_what_wants_a_regrade_is_graded_anew(state, unfinished):
    state.save(unfinished, EDITION)
    assert state.load(SHA, EDITION) is None
    assert state.entry(SHA).regrade


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"key": "KEY", "entry": {}}'])
def test_a_damaged_entry_is_graded_anew(state, text):
    file = state.root / "entries" / f"{SHA}.json"
    file.write_text(text.replace("KEY", EDITION.key(SHA)))
    assert state.load(SHA, EDITION) is None


def test_an_entry_under_another_name_does_not_count(state):
    state.save(entry(), EDITION)
    other = "cd" * 32
    (state.root / "entries" / f"{SHA}.json").rename(state.root / "entries" / f"{other}.json")
    assert state.load(other, EDITION) is None


def test_sessions_of_two_graders_have_two_names(state, tmp_path):
    other = State(tmp_path / "other")
    assert state.session(SHA).startswith("g-abababab-")
    assert state.session(SHA) != other.session(SHA)
    assert len(state.session(SHA)) <= 24


def grader_beside(root: Path, seconds: float) -> subprocess.Popen:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from labctl.grading.batch.state import State\n"
        f"with State(Path({str(root)!r})).lock():\n"
        f"    print('held', flush=True); time.sleep({seconds})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(labctl.__file__).parent.parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"held\n"
    return child


def test_two_graders_do_not_share_a_folder(state):
    with grader_beside(state.root, 60) as other:
        try:
            with pytest.raises(UsageError, match="Another `labctl grade`"), state.lock():
                pass
        finally:
            other.kill()
    with state.lock():
        assert state.store.busy("grader")


def test_errors_under_the_lock_stay_what_they_are(state):
    with pytest.raises(UsageError, match="of another kind"), state.lock():
        raise UsageError("of another kind")
    began = time.monotonic()
    with state.lock():
        assert time.monotonic() - began < 1


def test_a_sweep_takes_this_stores_sessions_only(state, monkeypatch):
    class Host:
        def client(self):
            return None

    inside = {"mine": state.store.id, "theirs": "other", "nobodys": ""}
    monkeypatch.setattr(module.resources, "sessions", lambda client: inside)
    stopped = []
    monkeypatch.setattr(
        module.removal, "stop", lambda store, host, name, progress: stopped.append(name)
    )
    (state.store.root / "kept" / "x").mkdir(parents=True)
    assert state.sweep(Host()) == 1
    assert stopped == ["mine"]
    assert not (state.store.root / "kept").exists()


def test_hidden_checks_lie_below_the_labs_own(tmp_path):
    lab, hidden = tmp_path / "one", tmp_path / "hidden"
    for file in (lab / "checks" / "conftest.py", lab / "checks" / "test_a.py"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("own")
    hidden.mkdir()
    (hidden / "test_h.py").write_text("one")
    folder, digest = merged_checks(tmp_path / "out", lab, hidden)
    files = {f.relative_to(folder).as_posix() for f in folder.rglob("*.py")}
    assert files == {"checks/conftest.py", "checks/test_a.py", "checks/hidden/test_h.py"}
    (hidden / "test_h.py").write_text("two")
    assert merged_checks(tmp_path / "out", lab, hidden)[1] != digest


def test_a_folder_without_tests_is_no_folder_of_hidden_checks(tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "notes.txt").write_text("")
    with pytest.raises(UsageError, match="no hidden checks"):
        merged_checks(tmp_path, tmp_path, tmp_path / "hidden")


def test_the_file_is_whole_or_not_there(state, monkeypatch):
    def torn(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", torn)
    with pytest.raises(KeyboardInterrupt):
        state.save(entry(), EDITION)
    assert state.load(SHA, EDITION) is None
    monkeypatch.undo()
    state.save(entry(), EDITION)
    kept = json.loads((state.root / "entries" / f"{SHA}.json").read_text())
    assert set(kept) == {"key", "entry"}
