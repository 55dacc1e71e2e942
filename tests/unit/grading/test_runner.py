"""Running checks: every check ends in time, as what it is, and never as passed by accident."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from labctl.environment.model import Found, Place
from labctl.environment.probe_client import SocketWire
from labctl.errors import DefinitionError, EnvironmentFailure
from labctl.grading import collect, runner
from labctl.lab.model import Lab

HEAD = """
import os, time, pytest
from labctl.grading import check, weakness
from labctl.errors import EnvironmentFailure
"""


def one(body, seconds=30, fixtures="", id="a"):
    return f'''
@check("{id}", points=2, hint="h", seconds={seconds})
def test_{id}({fixtures}):
    """it is so

    More that learners never read.
    """
    {body}
'''


class FakeProbe:
    """A probe that knows one process and answers every command with its own text."""

    def __init__(self):
        self.runs = 0

    def open(self):
        self.runs += 1
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return SocketWire(ours)

    def _serve(self, wire):
        with wire, wire.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                reply = {"id": request["id"], **self._answer(request["op"], request["args"])}
                wire.sendall(json.dumps(reply).encode() + b"\n")

    def _answer(self, op, args):
        if args["pid"] != 77:
            return {"error": {"kind": "gone", "message": "gone"}}
        if op == "exec":
            return {
                "ok": {
                    "status": 0,
                    "stdout": "aGVsbG8K",
                    "stderr": None,
                    "truncated": args["argv"][-1] == "flood",
                    "timed_out": args["argv"][-1] == "hang",
                }
            }
        lists = ["nspid", "argv", "uids", "gids", "uid_map", "gid_map", "cgroup"]
        caps = ["cap_inh", "cap_prm", "cap_eff", "cap_bnd", "cap_amb"]
        process = {
            **{name: [] for name in lists},
            **dict.fromkeys(["comm", "exe", "state"], ""),
            **dict.fromkeys([*caps, "ppid", "seccomp", "start"], 0),
        }
        return {"ok": {**process, "pid": 77, "no_new_privs": False, "namespaces": {}}}


@pytest.fixture
def lab(tmp_path):
    machine = {"provider": "docker", "image": "x", "about": "x"}
    lab = Lab.model_validate(
        {
            "format": 1,
            "title": "t",
            "track": "isolation",
            "minutes": 1,
            "objectives": ["o"],
            "machines": {"box": machine, "other": machine},
            "shell": "box",
        }
    )
    (tmp_path / "lab" / "checks").mkdir(parents=True)
    (tmp_path / "workspace").mkdir()
    return lab.model_copy(update={"id": "demo", "folder": tmp_path / "lab"})


@pytest.fixture
def run(lab, tmp_path):
    """Run the checks of a source text; `state` is that of the machine `other`."""

    def run(source, state="running", pid=77, **options):
        (lab.folder / "checks" / "test_it.py").write_text(HEAD + source)
        place = Place("s", "s", lab, tmp_path, tmp_path / "workspace", {"word": "blue"})

        def find(name):
            at = state if name == "other" else "running"
            return at and Found(name, "docker", at, "c" * 64, pid if name == "other" else 77, "t")

        return runner.run(place, find, FakeProbe(), **options)

    return run


def outcome(results):
    assert len(results) == 1
    return results[0].outcome, results[0].message


def test_passed(run):
    assert outcome(run(one("assert True"))) == ("passed", "it is so")


def test_what_an_exception_means(run):
    meanings = {
        "assert False, 'not so\\nat all'": ("failed", "not so at all"),
        "assert False": ("failed", "Not yet: it is so"),
        "pytest.fail('no')": ("failed", "no"),
        "pytest.skip('no')": ("error", "the check was skipped: no"),
        "raise EnvironmentFailure('engine gone')": ("error", "engine gone"),
        "raise SystemExit(0)": ("error", "the check is broken: SystemExit: 0 (test_it.py:LINE)"),
        "raise KeyError('x')": ("error", "the check is broken: KeyError: 'x' (test_it.py:LINE)"),
    }
    results = run("".join(one(body, id=f"c{n}") for n, body in enumerate(meanings)))
    got = [(r.outcome, re.sub(r":\d+\)", ":LINE)", r.message)) for r in results]
    assert got == list(meanings.values())


def flaky(path):
    """A check that the environment answers only the second time."""
    body = f"first = not os.path.exists({str(path)!r}); open({str(path)!r}, 'w').close()"
    return one(f"{body}\n    if first: raise EnvironmentFailure('engine gone')", id="shy")


def test_what_the_environment_did_not_answer_is_asked_once_more(run, tmp_path):
    heard = []
    results = run(flaky(tmp_path / "n") + one("pass", id="b"), on_result=heard.append)
    assert [(r.id, r.outcome) for r in results] == [("shy", "passed"), ("b", "passed")]
    assert [(r.id, r.outcome) for r in heard] == [
        ("shy", "error"),
        ("b", "passed"),
        ("shy", "passed"),
    ]


def test_an_engine_that_is_gone_for_a_moment_costs_nothing(run, monkeypatch):
    opened = FakeProbe.open
    tries = []

    def hiccup(probe):
        tries.append(probe)
        if len(tries) == 1:
            raise EnvironmentFailure("engine gone")
        return opened(probe)

    monkeypatch.setattr(FakeProbe, "open", hiccup)
    assert outcome(run(one("assert True"))) == ("passed", "it is so")
    assert len(tries) == 2


def test_an_engine_that_stays_away_is_an_error_of_the_whole(run, monkeypatch):
    def refuse(probe):
        raise EnvironmentFailure("engine gone")

    monkeypatch.setattr(FakeProbe, "open", refuse)
    with pytest.raises(EnvironmentFailure, match="engine gone"):
        run(one("assert True"))


def test_fixtures(run):
    body = "assert host.check_output('x') == 'hello'; assert facts['word'] == 'blue'; "
    body += "assert lab.shell == 'box'; assert machine('other').run('y').rc == 0"
    assert outcome(run(one(body, fixtures="host, machine, facts, lab")))[0] == "passed"


@pytest.mark.parametrize(
    ("state", "pid", "message"),
    [
        ("paused", 77, "the machine `other` is paused"),
        ("stopped", 0, "the machine `other` is not running"),
        (None, 0, "the machine `other` is gone; one made anew by hand is another machine"),
        ("running", 78, "the machine `other` has stopped"),
    ],
)
def test_machine_that_is_down_fails_the_check(run, state, pid, message):
    got = run(one("machine('other').run('x')", fixtures="machine"), state, pid)
    assert outcome(got) == ("failed", message)


@pytest.mark.parametrize(("command", "message"), [("hang", "within 10 s"), ("flood", "more than")])
def test_command_that_hangs_or_floods_fails_the_check(run, command, message):
    got = outcome(run(one(f"host.run('{command}')", fixtures="host")))
    assert got[0] == "failed"
    assert message in got[1]


def test_deadline_of_a_check(run):
    began = time.monotonic()
    source = one("time.sleep(60)", seconds=1) + one("pass", id="b")
    late, other = run(source)
    assert (late.outcome, late.message) == ("error", "the check did not end within 1 s")
    assert other.outcome == "passed"
    assert time.monotonic() - began < 10


def test_check_that_swallows_its_deadline_is_killed(run, monkeypatch):
    monkeypatch.setattr(runner, "_SLACK", 0.5)
    body = "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(60)"
    late, other = run(one(body, seconds=1) + one("pass", id="b"))
    assert late.outcome == "error"
    assert "lost" in late.message
    assert other.outcome == "passed"


def test_process_that_dies_is_an_error_and_the_others_go_on(run):
    first, died, last = run(one("pass") + one("os._exit(0)", id="b") + one("pass", id="c"))
    assert (first.outcome, died.outcome, last.outcome) == ("passed", "error", "passed")


def test_only_some(run):
    source = one("pass") + one("assert False", id="b")
    assert [r.id for r in run(source, only=["b"])] == ["b"]
    assert run(source, only=[]) == ()


def test_weaknesses_are_a_kind_of_their_own(run):
    source = one("pass") + '\n@weakness("w", seconds=9)\ndef test_w(): "weak"\n'
    (weak,) = run(source, kind="weakness")
    assert (weak.id, weak.outcome, weak.points, weak.deadline) == ("w", "passed", 0, 9)
    assert [r.id for r in run(source)] == ["a"]


def test_unmarked_functions_do_not_run(run):
    assert [r.id for r in run(one("pass") + "\ndef test_x(): os._exit(1)\n")] == ["a"]


@pytest.mark.parametrize(
    ("source", "details"),
    [
        ("import nonsense", "nonsense"),
        (one("pass") + one("pass").replace("test_a", "test_b"), "more than once: a"),
    ],
)
def test_checks_that_cannot_be_loaded(run, source, details):
    with pytest.raises(DefinitionError) as error:
        run(source)
    assert details in error.value.details


def test_flood_of_prints_is_harmless(run):
    assert outcome(run(one("[print('x' * 1000) for _ in range(100000)]")))[0] == "passed"


def test_nothing_around_the_lab_plays_a_part(run, lab, monkeypatch):
    (lab.folder / "conftest.py").write_text("raise SystemExit")
    (lab.folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.setenv("PYTHONSTARTUP", "nonsense")
    monkeypatch.setenv("SECRET", "s3cret")
    body = "assert 'SECRET' not in os.environ; assert not {n for n in os.environ if 'DOCKER' in n}"
    assert outcome(run(one(body)))[0] == "passed"
    assert sorted(p.name for p in (lab.folder / "checks").iterdir()) == ["test_it.py"]


def test_no_file_is_left_open(run):
    run(one("pass"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    run(one("pass"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_probe_that_cannot_be_opened_ends_the_run(run, monkeypatch):
    def refuse(self):
        raise EnvironmentFailure("no engine")

    monkeypatch.setattr(FakeProbe, "open", refuse)
    with pytest.raises(EnvironmentFailure, match="no engine"):
        run(one("pass"))


def test_collect(lab):
    (lab.folder / "checks" / "test_it.py").write_text(
        HEAD + one("os._exit(1)", seconds=7) + '\n@weakness("w")\ndef test_w(): "weak"\n'
    )
    check, weakness = collect.checks(lab)
    assert check == collect.Check("a", "check", "it is so", 2, "h", 7)
    assert (weakness.kind, weakness.points) == ("weakness", 0)


def test_collect_without_checks(lab):
    (lab.folder / "checks").rmdir()
    with pytest.raises(DefinitionError, match="no checks"):
        collect.checks(lab)
