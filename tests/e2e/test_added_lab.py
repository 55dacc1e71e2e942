"""Labs from elsewhere, from `lab add` to the report; and those that mean harm do none."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labctl import host, paths
from labctl.environment.model import LABEL_MACHINE, LABEL_SESSION, LABEL_STORE
from labctl.session.opened import CHECKER
from labctl.session.store import Store

pytestmark = pytest.mark.engine

LABCTL = Path(sys.executable).parent / "labctl"
HERE = Path(__file__).parent
BOX = HERE / "redteam" / "box"
SECRET = "xyzzy-9f2c1d"
SLACK = 8.0  # seconds after its deadline at which a check must have been given up
WHO = """
@check("who", points=1, hint="It cannot pass.")
def test_who():
    "It tells where it runs"
    import os
    raise AssertionError(f"{os.getuid()} {os.listdir('/sys/class/net')} {os.getcwd()}")
"""
HANGS = """
@check("hangs", points=1, hint="It cannot pass.", seconds=300)
def test_hangs():
    "It never ends"
    import signal
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True: pass
"""


@dataclass(frozen=True)
class Desk:
    """A user's computer: a store of their own, and a place where labs are written."""

    folder: Path

    def labctl(self, *argv: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [LABCTL, *argv],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert "Traceback" not in done.stderr
        assert code is None or done.returncode == code, done.stderr
        return done

    def json(self, *argv: str, code: int | None = 0) -> Any:
        return json.loads(self.labctl(*argv, "--json", code=code).stdout)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LABCTL_DATA_DIR": str(self.folder / "data"), "TOKEN": SECRET}

    def containers(self, session: str = "", machine: str = "") -> set[str]:
        """What this user has in the engine, of a session or a machine of that name."""
        mine = Store(self.folder / "data").id
        wanted = {LABEL_STORE: mine, LABEL_SESSION: session, LABEL_MACHINE: machine}
        labels = [f"{label}={value}" for label, value in wanted.items() if value]
        api = host.find("local").client().api
        return {c["Id"] for c in api.containers(all=True, filters={"label": labels})}

    def kill(self, session: str, *argv: str) -> None:
        """Run a command, and kill it once checks run, in a container of that session."""
        child = subprocess.Popen(
            [LABCTL, *argv],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while not self.containers(session, CHECKER):
            assert time.monotonic() < until, "the container of the checks did not come"
            time.sleep(0.1)
        time.sleep(3)  # by now the checks run, and hang
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert self.containers(session, CHECKER), "it went by itself"

    def write(self, name: str, more: str = "") -> Path:
        """A lab that is small and right, with a solution."""
        made = self.folder / "labs" / name
        shutil.copytree(BOX, made, ignore=shutil.ignore_patterns("__pycache__"))
        (made / "solution" / "workspace").mkdir(parents=True)
        (made / "solution" / "workspace" / "word").write_text("$word\n")
        (made / "solution" / "solution.yaml").write_text("steps: []\n")
        checks = made / "checks" / "test_box.py"
        checks.write_text(checks.read_text() + more)
        return made

    def commit(self) -> str:
        """What is written, as a commit of a repository."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "A box")):
            subprocess.run(["git", *command], cwd=self.folder / "labs", check=True)
        head = ["git", "rev-parse", "HEAD"]
        done = subprocess.run(head, cwd=self.folder / "labs", check=True, capture_output=True)
        return done.stdout.decode().strip()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Machines mount workspaces, so it lies where an engine in a virtual machine sees it."""
    paths.data_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.data_dir()) as folder:
        made = Desk(Path(folder))
        yield made
        made.labctl("stop", "--all")
        made.labctl("gc")
        assert made.containers() == set(), "something was left behind"


@pytest.fixture
def name() -> str:
    """Of a session: other stores use this engine, too."""
    return f"added-{os.getpid()}"


def test_a_lab_of_a_repository_from_add_to_the_report(desk, name):
    desk.write("box", WHO)
    commit = desk.commit()
    url = f"file://{desk.folder}/labs"
    refused = desk.labctl("lab", "add", url, "--path", "box", code=2)
    assert "only when you agree" in refused.stderr
    told = desk.json("lab", "add", url, "--path", "box", "--yes")
    assert (told["commit"], told["author"]) == (commit, "Ann <ann@example.org>")
    (listed,) = [lab for lab in desk.json("list") if lab["id"] == "box"]
    assert (listed["source"], listed["path"], listed["commit"]) == (url, "box", commit)
    assert f"{url}@{commit[:12]}" in desk.labctl("list").stdout
    assert [check["id"] for check in desk.json("info", "box")["checks"]] == ["runs", "word", "who"]

    shutil.rmtree(desk.folder / "labs")  # from here on, the copy is the lab
    desk.labctl("start", "box", "--session", name)
    refused = desk.labctl("lab", "remove", "box", code=2)
    assert name in refused.stderr
    report = desk.json("check", code=1)
    outcomes = {r["id"]: r["outcome"] for r in report["results"]}
    assert outcomes == {"runs": "passed", "word": "failed", "who": "failed"}
    assert report["results"][2]["message"] == "65534 ['lo'] /tmp", "it did not run confined"
    assert report["source"] == f"{url}@{commit}:box"
    assert report["digest"] == told["digest"]
    desk.labctl("solve")
    report = desk.json("check", code=1)
    assert [r["outcome"] for r in report["results"]] == ["passed", "passed", "failed"]
    assert desk.containers(name, CHECKER) == set()
    desk.labctl("stop")
    assert desk.json("lab", "remove", "box")["source"] == report["source"]
    assert "box" not in {lab["id"] for lab in desk.json("list")}


def test_an_added_lab_is_tried_like_any_other(desk):
    desk.write("box")
    desk.labctl("lab", "add", "labs/box", "--yes")
    tried = desk.json("lab", "test", "box", "--only", "solution", "--only", "untouched", code=None)
    # Of the box, `runs` holds from the start.
    assert {run["variant"]: run["outcomes"] for run in tried["runs"]} == {
        "untouched": {"runs": "passed", "word": "failed"},
        "solution": {"runs": "passed", "word": "passed"},
    }


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A service of this computer's that a lab has no business with: its port, and who came."""
    heard: list[bytes] = []
    with socket.create_server(("", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(100))

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


def own_address() -> str:
    """What others call this computer. Nothing is sent for that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))
        address: str = asked.getsockname()[0]
        return address


def test_checks_that_mean_harm_do_none(desk, name, listener):
    port, heard = listener
    victim = desk.folder / "victim"
    victim.mkdir()
    (victim / "secret").write_text(SECRET)
    targets = {
        "secret": str(victim / "secret"),
        "word": SECRET,
        "folders": [str(victim), str(desk.folder), str(desk.folder / "data")],
        "addresses": ["127.0.0.1", own_address(), "host.docker.internal"],
        "port": port,
        "pid": os.getpid(),
    }
    with socket.create_connection((targets["addresses"][1], port)) as friend:
        friend.sendall(b"friend")  # who may, can
    lab = desk.write("box")
    shutil.rmtree(lab / "checks")
    shutil.copytree(HERE / "hostile" / "checks", lab / "checks")
    (lab / "targets.json").write_text(json.dumps(targets))
    desk.labctl("lab", "add", "labs/box", "--yes")
    desk.labctl("start", "box", "--session", name)
    there = sorted(path.name for path in desk.folder.iterdir())

    began = time.monotonic()
    report = desk.json("check", code=3)
    took = time.monotonic() - began

    results = {r["id"]: r for r in report["results"]}
    sys.stdout.write(f"{took:.1f} s\n")  # pytest shows it with -rP
    for result in results.values():
        sys.stdout.write(f"{result['id']}: {result['outcome']} {result['message']}\n")
    said = {check: r["message"] for check, r in results.items() if r["outcome"] == "failed"}
    assert said == {
        "home": "read: []",
        "environment": "found: []",
        "network": "reached: []",
        "write": "wrote: []",
        "rights": "gained: []",
        "probe": "saw: []",
        "disk": said["disk"],
    }
    assert int(said["disk"].removeprefix("MiB: ")) <= 256
    errors = {check for check, r in results.items() if r["outcome"] == "error"}
    assert errors == {"memory", "flood", "forge", "junk", "fork-bomb", "hang", "dies"}
    assert results["honest"]["outcome"] == "passed"
    assert report["earned"] == 1
    assert [r["id"] for r in results.values() if r["seconds"] > r["deadline"] + SLACK] == []
    assert SECRET not in json.dumps(report)
    assert "\x1b" not in json.dumps(report, ensure_ascii=False)

    assert heard == [b"friend"]
    assert [file.name for file in victim.iterdir()] == ["secret"]
    assert sorted(path.name for path in desk.folder.iterdir()) == there
    assert desk.containers(name, CHECKER) == set(), "a container of the checks was left"


def test_checks_of_an_added_lab_are_not_even_loaded_outside(desk, name):
    """Not by `check`, whose plain child is started ahead, and by no other command."""
    mark = desk.folder / "mark"
    desk.write("box", f"\nwith __import__('contextlib').suppress(OSError): open('{mark}', 'w')\n")
    desk.labctl("lab", "add", "labs/box", "--yes")
    desk.labctl("info", "box")
    desk.labctl("lab", "lint", "box", code=1)
    desk.labctl("start", "box", "--session", name)
    desk.labctl("check", code=1)
    desk.labctl("reset")
    desk.labctl("stop")
    desk.labctl("lab", "test", "box", "--only", "solution", code=None)
    assert not mark.exists()
    desk.labctl("lab", "remove", "box")
    desk.labctl("lab", "lint", "labs/box", code=1)  # the user's own, for all that anybody knows
    assert mark.exists(), "the mark tells nothing"


def test_what_killed_checks_leave_is_swept(desk, name):
    desk.write("box", HANGS)
    desk.labctl("lab", "add", "labs/box", "--yes")
    desk.labctl("start", "box", "--session", name)
    desk.kill(name, "check")
    assert desk.json("gc")["removed"] == []
    assert desk.containers(name, CHECKER) == set()
    assert desk.json("status")[0]["state"] == "ready"
    desk.labctl("stop")


def test_what_a_killed_listing_leaves_is_swept(desk):
    desk.write("box", "\nimport time\ntime.sleep(300)\n")
    desk.labctl("lab", "add", "labs/box", "--yes")
    desk.kill("checks--", "info", "box")
    assert desk.json("gc")["removed"] == ["checks--"]
    assert desk.containers("checks--") == set()
