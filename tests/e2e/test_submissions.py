"""A learner's way from a ticket to a file, and the grader's from the file to the same verdict."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from labctl import host
from labctl.grading import live
from labctl.grading.course import Course
from labctl.grading.submission import policy, replay, unpack
from labctl.lab import catalog, loader
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


# A plain one, one with add-ons and a registry, one whose work is what a script makes.
ALWAYS = ("namespaces", "image-signing", "image-scanning")


def chosen() -> list[str]:
    everything = os.environ.get("LABCTL_MATRIX") == "all"
    return catalog.ids() if everything else list(ALWAYS)


@pytest.mark.parametrize("name", chosen())
def test_work_that_was_handed_in_earns_its_points_in_a_clean_room(name, tmp_path):
    run = partial(labctl, tmp_path)
    session = f"s{os.getpid()}-{name}"[:24].rstrip("-")
    run("course", "init", "course")
    run("course", "ticket", "course", "--lab", name, "--learner", "alice", "-o", ".")
    try:
        run("start", name, "--ticket", f"{name}-alice.ticket", "--session", session)
        run("solve", "--session", session)
        run("check", "--session", session)
        told = run("submit", "--session", session)
        run("submit", "--session", session, "--output", "again.zip")
    finally:
        run("stop", "--session", session)
    file = tmp_path / f"{name}-alice.zip"
    assert file.read_bytes() == (tmp_path / "again.zip").read_bytes()
    assert "your id (alice)" in told
    assert "applied with `labctl solve`" in told
    points = re.search(
        r"(\d+) of (\d+) points \(unverified\)", run("submission", "show", file.name)
    )
    assert points, "the submission tells no points"
    assert points[1] == points[2]

    course, lab = Course.load(tmp_path / "course"), loader.find(name)
    work = unpack.read(file)
    assert work.manifest.course == course.key
    assert work.manifest.seed == course.seed("alice", name)
    assert policy.refusals(work, lab, disposable=True) == []
    store, local = Store(tmp_path / "grader"), host.find("local")
    try:
        clean = lifecycle.start(
            store,
            local,
            lab,
            Silent(),
            live.prove,
            name=session,
            seed=work.manifest.seed,
            sealed=True,
        )
        assert replay.replay(clean, work, Silent(), disposable=True) == []
        report = live.check(clean, lambda text: None)
    finally:
        removal.stop(store, local, session, Silent())
    assert [(r.id, r.message) for r in report.results if r.outcome != "passed"] == []
