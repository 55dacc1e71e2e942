"""A learner's way from a ticket to a file, and the grader's from the file to the same verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from labctl import host
from labctl.grading import live
from labctl.grading.course import Course
from labctl.grading.submission import policy, replay, unpack
from labctl.lab import loader
from labctl.progress import Silent
from labctl.session import lifecycle, removal
from labctl.session.store import Store

pytestmark = pytest.mark.engine

LABCTL = Path(sys.executable).parent / "labctl"


def labctl(folder: Path, *argv: str) -> str:
    environment = {**os.environ, "LABCTL_DATA_DIR": str(folder / "data")}
    done = subprocess.run(
        [LABCTL, *argv], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_work_that_was_handed_in_earns_its_points_in_a_clean_session(tmp_path):
    run = partial(labctl, tmp_path)
    name = f"s{os.getpid()}"
    run("course", "init", "course")
    run("course", "ticket", "course", "--lab", "namespaces", "--learner", "alice", "-o", ".")
    try:
        run("start", "namespaces", "--ticket", "namespaces-alice.ticket", "--session", name)
        run("solve", "--session", name)
        run("check", "--session", name)
        told = run("submit", "--session", name)
        run("submit", "--session", name, "--output", "again.zip")
    finally:
        run("stop", "--session", name)
    file = tmp_path / "namespaces-alice.zip"
    assert file.read_bytes() == (tmp_path / "again.zip").read_bytes()
    assert "your id (alice)" in told
    assert "applied with `labctl solve`" in told
    assert "16 of 16 points (unverified)" in run("submission", "show", file.name)

    course, lab = Course.load(tmp_path / "course"), loader.find("namespaces")
    work = unpack.read(file)
    assert work.manifest.course == course.key
    assert work.manifest.seed == course.seed("alice", "namespaces")
    assert policy.refusals(work, lab) == []
    store, local = Store(tmp_path / "grader"), host.find("local")
    try:
        clean = lifecycle.start(
            store, local, lab, Silent(), live.prove, name=name, seed=work.manifest.seed
        )
        assert replay.replay(clean, work, Silent()) == []
        report = live.check(clean, lambda text: None)
    finally:
        removal.stop(store, local, name, Silent())
    assert [r.id for r in report.results if r.outcome != "passed"] == []
