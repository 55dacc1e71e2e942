"""labctl killed at random moments: `gc` brings the engine back to what it was."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labctl import host

pytestmark = pytest.mark.engine
LABCTL = Path(sys.executable).parent / "labctl"
SESSION = f"crash-{os.getpid()}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return {**os.environ, "LABCTL_DATA_DIR": str(tmp_path_factory.mktemp("data"))}


def labctl(environment, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LABCTL, *argv], env=environment, capture_output=True, text=True, timeout=300
    )


def engine_contents() -> dict[str, set[str]]:
    api = host.find("local").client().api
    return {
        "containers": {c["Id"] for c in api.containers(all=True)},
        "networks": {n["Id"] for n in api.networks()},
        "volumes": {v["Name"] for v in api.volumes()["Volumes"] or []},
    }


def killed(environment, seconds: float, *argv: str) -> bool:
    """Run a command and SIGKILL it after a while; whether it was still running then."""
    with subprocess.Popen([LABCTL, *argv], env=environment, stderr=subprocess.DEVNULL) as child:
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return True
        return False


def assert_clean(environment, before) -> None:
    swept = labctl(environment, "gc", "--json")
    assert swept.returncode == 0, swept.stderr
    assert json.loads(swept.stdout)["busy"] == []
    for entry in json.loads(labctl(environment, "status", "--json").stdout):
        # The command had finished before it was to be killed: a healthy session is not gc's.
        assert entry["state"] == "ready"
        assert labctl(environment, "stop", "--session", entry["session"]).returncode == 0
    assert engine_contents() == before
    assert json.loads(labctl(environment, "status", "--json").stdout) == []


def durations(environment, lab: str) -> tuple[float, float]:
    """How long a whole start and a whole stop take, in seconds."""
    began = time.monotonic()
    done = labctl(environment, "start", lab, "--session", SESSION)
    assert done.returncode == 0, done.stderr
    middle = time.monotonic()
    assert labctl(environment, "stop", "--session", SESSION).returncode == 0
    return middle - began, time.monotonic() - middle


@pytest.mark.parametrize(("lab", "starts", "stops"), [("namespaces", 6, 4), ("default-deny", 2, 1)])
def test_a_killed_command_leaves_nothing_after_gc(environment, lab, starts, stops):
    before = engine_contents()
    start_takes, stop_takes = durations(environment, lab)
    assert engine_contents() == before
    chance = random.Random()
    interrupted = 0
    for _ in range(starts):
        moment = chance.uniform(0.2, start_takes)
        interrupted += killed(environment, moment, "start", lab, "--session", SESSION)
        assert_clean(environment, before)
    for _ in range(stops):
        assert labctl(environment, "start", lab, "--session", SESSION).returncode == 0
        moment = chance.uniform(0.05, stop_takes)
        interrupted += killed(environment, moment, "stop", "--session", SESSION)
        assert_clean(environment, before)
    assert interrupted, "no command was still running when it was to be killed"


def test_an_interrupted_start_is_told_and_the_next_start_finishes(environment):
    before = engine_contents()
    assert killed(environment, 2.0, "start", "namespaces", "--session", SESSION)
    (entry,) = json.loads(labctl(environment, "status", "--json").stdout)
    assert entry["state"] == "interrupted"
    refused = labctl(environment, "check", "--session", SESSION)
    assert refused.returncode == 2
    assert "has not finished" in refused.stderr
    assert labctl(environment, "start", "namespaces", "--session", SESSION).returncode == 0
    assert labctl(environment, "stop", "--session", SESSION).returncode == 0
    assert engine_contents() == before


def test_a_machine_that_is_gone_is_told_and_reset_makes_it_anew(environment):
    start = ["start", "namespaces", "--session", SESSION]
    assert labctl(environment, *start).returncode == 0
    try:
        api = host.find("local").client().api
        (machine,) = api.containers(
            filters={"label": [f"labctl.session={SESSION}", "labctl.machine=engine"]}
        )
        api.remove_container(machine["Id"], force=True, v=True)
        refused = labctl(environment, *start)
        assert refused.returncode == 3
        assert f"labctl reset --session {SESSION}" in refused.stderr
        assert labctl(environment, "reset", "--session", SESSION).returncode == 0
        assert labctl(environment, *start).returncode == 0
    finally:
        assert labctl(environment, "stop", "--session", SESSION).returncode == 0


def test_reset_brings_a_lab_up_broken_though_its_setup_runs_files_that_the_learner_mended(
    environment,
):
    session = ["--session", SESSION]
    assert labctl(environment, "start", "cgroup-limits", *session).returncode == 0
    try:
        workspace = Path(environment["LABCTL_DATA_DIR"]) / "sessions" / SESSION / "workspace"
        weak = (workspace / "hog.sh").read_text()
        assert labctl(environment, "solve", *session).returncode == 0
        strong = (workspace / "hog.sh").read_text()
        assert strong != weak
        assert labctl(environment, "check", *session).returncode == 0
        again = labctl(environment, "reset", *session)
        assert again.returncode == 0, again.stderr
        assert (workspace / "hog.sh").read_text() == strong
        assert labctl(environment, "check", *session).returncode == 1
        assert labctl(environment, "reset", "--workspace", *session).returncode == 0
        assert (workspace / "hog.sh").read_text() == weak
    finally:
        assert labctl(environment, "stop", *session).returncode == 0


def test_two_sessions_of_one_lab_do_not_hurt_each_other(environment):
    before = engine_contents()
    names = [f"{SESSION}-{letter}" for letter in "ab"]
    starts = [
        subprocess.Popen(
            [LABCTL, "start", "namespaces", "--session", name],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for name in names
    ]
    for start in starts:
        _, told = start.communicate(timeout=300)
        assert start.returncode == 0, told.decode()
    assert labctl(environment, "check").returncode == 2, "two sessions, none named"
    assert labctl(environment, "stop", "--session", names[0]).returncode == 0
    (left,) = json.loads(labctl(environment, "status", "--json").stdout)
    assert (left["session"], left["state"]) == (names[1], "ready")
    assert labctl(environment, "check", "--session", names[1]).returncode == 1
    assert labctl(environment, "stop", "--session", names[1]).returncode == 0
    assert engine_contents() == before
