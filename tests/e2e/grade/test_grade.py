"""One command, a folder of all sorts, killed twice on the way: the gradebook is the known one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labctl import host
from labctl.environment.model import LABEL_STORE
from labctl.grading import course
from tests.e2e.grade import make_folder

pytestmark = pytest.mark.engine
LABCTL = Path(sys.executable).parent / "labctl"
SMALL = os.environ.get("LABCTL_MATRIX") != "all"
HIDDEN = """
from labctl.grading import check


@check("never-told", points=5, hint="")
def test_never_told(scene):
    "monitor does not run as root of the engine"
    for monitor in scene.monitors():
        assert scene.engine.uid not in monitor.uids, "it does"
"""


def command(folder: Path, *more: str) -> list[str]:
    return [
        *(str(LABCTL), "grade", str(folder / "handed-in"), "--course", str(folder / "course")),
        *("--roster", str(folder / "roster.csv"), "--out", str(folder / "grades"), *more),
    ]


def entries(folder: Path) -> dict[str, str]:
    return {f.name: f.read_text() for f in (folder / "grades" / "entries").glob("*.json")}


def left_over(folder: Path) -> list[str]:
    """What the engine still holds of the folder's sessions."""
    identity = (folder / "grades" / ".sessions" / "id").read_text().strip()
    api = host.find("local").client().api
    own = {"label": f"{LABEL_STORE}={identity}"}
    found = [c["Names"][0] for c in api.containers(all=True, filters=own)]
    found += [n["Name"] for n in api.networks(filters=own)]
    found += [v["Name"] for v in api.volumes(filters=own)["Volumes"] or []]
    nodes = api.containers(all=True, filters={"label": "io.x-k8s.kind.cluster"})
    names = [node["Names"][0] for node in nodes]
    return found + [name for name in names if f"-{identity[:4]}--" in name]


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [p for child in map(int, children) for p in (*descendants(child), child)]


def killed(folder: Path, done: int, *, everything: bool) -> dict[str, str]:
    """Run the grader and SIGKILL it a moment after `done` entries are there; the entries then."""
    with subprocess.Popen(command(folder), stderr=subprocess.DEVNULL) as grader:
        deadline = time.monotonic() + 900
        while len(entries(folder)) < done and time.monotonic() < deadline:
            assert grader.poll() is None, "it ended before it could be killed"
            time.sleep(0.1)
        time.sleep(2.5)
        for pid in [*(descendants(grader.pid) if everything else ()), grader.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it had just ended
    return entries(folder)


def graded(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *more), capture_output=True, text=True, timeout=3600, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("folder")
    make_folder.make(path, small=SMALL)
    return path


def test_the_gradebook_is_right_though_the_grader_was_killed_twice(folder):
    first = killed(folder, 1, everything=False)
    second = killed(folder, 3, everything=True)
    assert first
    assert first.items() <= second.items()
    done = graded(folder, "--json")
    assert done.returncode == 1, done.stderr
    assert make_folder.wrong(folder, json.loads(done.stdout)) == []
    assert second.items() <= entries(folder).items(), "something was graded twice"
    assert left_over(folder) == []


def test_every_report_is_signed_by_the_course(folder):
    public = course.load_public(folder / "course" / course.COURSE).public
    book = json.loads((folder / "grades" / "gradebook.json").read_text())
    signed = [entry["signed"] for entry in book["entries"] if entry["signed"]]
    assert signed
    for envelope in signed:
        assert course.verify(envelope, public)
        assert envelope["report"]["verified"]


def test_the_same_command_again_has_nothing_to_do(folder):
    before = entries(folder)
    began = time.monotonic()
    assert graded(folder).returncode == 1
    assert entries(folder) == before
    assert time.monotonic() - began < 60


def test_hidden_checks_count_and_ctrl_c_leaves_nothing(tmp_path):
    make_folder.make(tmp_path, small=True)
    for file in (tmp_path / "handed-in").iterdir():
        if not file.name.endswith(("-ada.zip", "-bela.zip")):
            file.unlink()
    hidden = tmp_path / "hidden" / "namespaces"
    hidden.mkdir(parents=True)
    (hidden / "test_hidden.py").write_text(HIDDEN)
    # One after the other, so that there is something left to interrupt.
    more = ("--hidden", str(tmp_path / "hidden"), "--jobs", "1", "--json")

    with subprocess.Popen(
        command(tmp_path, *more),
        stderr=subprocess.PIPE,
        text=True,
        # A shell has its background jobs ignore Ctrl-C, and this may run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as grader:
        while not entries(tmp_path) and grader.poll() is None:
            time.sleep(0.1)
        grader.send_signal(signal.SIGINT)
        _, told = grader.communicate(timeout=120)
    assert grader.returncode == 130, told
    assert "The same command goes on" in told
    assert left_over(tmp_path) == []

    done = graded(tmp_path, *more)
    found = {e["learner"]: e for e in json.loads(done.stdout)["entries"] if e["report"]}
    assert {who: (e["earned"], e["points"]) for who, e in found.items()} == {
        "ada": (21, 21),
        "bela": (13, 21),
    }
    assert found["ada"]["hidden"] == ["never-told"]
