"""A learner who edits what labctl keeps on their own computer: noticed, or at least never verified.

What cannot be noticed (`solved` set back by hand, say) is why a report says `verified: false` until
the work was replayed elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labctl import paths

pytestmark = pytest.mark.engine
LABCTL = Path(sys.executable).parent / "labctl"
CHECKS = "box/checks/test_box.py"
SESSION = f"own-{os.getpid()}"


@dataclass(frozen=True)
class Desk:
    """The learner's computer: their labs and their store, with one session of the lab `box`."""

    labs: Path
    store: Path

    def labctl(self, *argv: str) -> subprocess.CompletedProcess[str]:
        places = {"LABCTL_LABS_DIR": str(self.labs), "LABCTL_DATA_DIR": str(self.store)}
        done = subprocess.run(
            [LABCTL, *argv],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return done

    def check(self) -> dict[str, Any]:
        done = self.labctl("check", "--json")
        assert done.returncode in (0, 1, 3), done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert report["verified"] is False
        return report

    def outcomes(self) -> dict[str, str]:
        return {result["id"]: result["outcome"] for result in self.check()["results"]}

    def kept(self, name: str) -> Path:
        return self.store / "sessions" / SESSION / name

    def edit(self, name: str, **changes: Any) -> None:
        file = self.kept(name)
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.fixture(scope="module")
def started() -> Iterator[Desk]:
    paths.data_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.data_dir()) as folder:
        desk = Desk(Path(folder) / "labs", Path(folder) / "store")
        shutil.copytree(Path(__file__).parent / "box", desk.labs / "box")
        started = desk.labctl("start", "box", "--session", SESSION)
        assert started.returncode == 0, started.stderr
        yield desk
        assert desk.labctl("stop").returncode == 0


@pytest.fixture
def desk(started: Desk) -> Iterator[Desk]:
    """As it was handed out; whatever a test edits is put back."""
    record, checks = started.kept("session.json").read_text(), (started.labs / CHECKS).read_text()
    yield started
    started.kept("session.json").write_text(record)
    (started.labs / CHECKS).write_text(checks)


def test_an_honest_report_says_that_nothing_was_changed(desk):
    report = desk.check()
    assert (report["changed"], report["earned"], report["points"]) == (False, 1, 3)


def test_edited_checks_are_told(desk):
    file = desk.labs / CHECKS
    file.write_text(file.read_text().replace("assert workspace", "assert True or workspace"))
    report = desk.check()
    assert report["earned"] == 3
    assert report["changed"] is True
    assert report["digest"] != json.loads(desk.kept("session.json").read_text())["digest"]
    assert "have changed since this session was started" in " ".join(
        desk.labctl("check").stdout.split()
    )


def test_checks_that_end_their_own_process_earn_nothing(desk):
    file = desk.labs / CHECKS
    said = '"The file holds the word"\n'
    file.write_text(file.read_text().replace(said, f"{said}    __import__('os')._exit(0)\n"))
    assert desk.outcomes() == {"runs": "passed", "word": "error"}


def test_another_seed_is_noticed(desk):
    desk.edit("session.json", seed="mine")
    done = desk.labctl("check")
    assert done.returncode == 2
    assert "facts" in done.stderr
    assert "labctl reset" in done.stderr


def test_another_machine_in_the_record_is_no_machine_of_the_lab(desk):
    desk.edit("session.json", machines={"box": "0" * 64})
    assert desk.outcomes() == {"runs": "failed", "word": "failed"}


def test_a_solution_that_is_denied_stays_unverified(desk):
    desk.edit("session.json", solved=True)
    assert desk.check()["solved"] is True
    desk.edit("session.json", solved=False)
    assert desk.check()["solved"] is False


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}', "[" * 50_000, '{"format": 1, "x": 1}'])
def test_a_damaged_record_ends_with_a_message(desk, text):
    desk.kept("session.json").write_text(text)
    done = desk.labctl("check")
    assert done.returncode == 3
    assert "record" in done.stderr


def test_a_report_that_was_written_by_hand_is_overwritten(desk):
    earned = desk.check()["earned"]
    desk.edit("report.json", earned=3, verified=True, results=[])
    assert desk.labctl("hint").returncode in (0, 3)
    desk.kept("report.json").write_text('{"format": 1, "results": [{"id": "[bold]"}]}')
    assert desk.labctl("hint").returncode == 3
    desk.check()
    assert json.loads(desk.kept("report.json").read_text())["earned"] == earned
