"""What a check makes of what a virtual machine's host tells."""

from __future__ import annotations

import base64
import json
import shlex

import pytest

from labctl.environment.outside import Outage
from labctl.errors import WaitTimeout
from labctl.grading import packages
from labctl.grading.guest import Event, Guest, State


class Targets:
    """Answers as the probe does after a command; keeps the command's words."""

    def __init__(self, told=None, **more):
        self.asked = []
        self.reply = {
            "status": 0,
            "stdout": base64.b64encode(json.dumps(told).encode()).decode(),
            "stderr": base64.b64encode(more.pop("says", "").encode()).decode(),
            "truncated": False,
            "timed_out": False,
            **more,
        }

    def ask(self, op, where, timeout, *, argv, max_output):
        self.asked.append((op, where, shlex.split(argv[2])))
        return self.reply


def code(text):
    return base64.b64encode(text.encode()).decode()


def test_files_are_asked_for_at_once_and_only_plain_ones_have_content():
    told = {
        "/a b": {"kind": "regular", "content": code("text"), "size": 4},
        "/empty": {"kind": "regular", "content": None, "size": 0},
        "/link": {"kind": "symlink", "content": None, "size": 9},
        "/none": {"kind": "", "content": None, "size": 0},
    }
    targets = Targets(told)
    found = Guest(targets, "desk").read(*told, snapshot="old; rm -rf /")
    assert found == {"/a b": b"text", "/empty": b"", "/link": None, "/none": None}
    ((op, where, words),) = targets.asked
    assert (op, where) == ("exec", "desk")
    assert words == ["/usr/local/bin/vmm", "read", "-snapshot", "old; rm -rf /", *told]


def test_state_snapshots_and_events():
    state = Targets({"power": "off", "network": "none", "disk": "deleted"})
    assert Guest(state, "desk").state() == State("off", "none", "deleted")
    names = Targets([{"name": "b", "date-sec": 1}, {"name": "a", "date-sec": 2}])
    assert Guest(names, "desk").snapshots() == ["b", "a"]
    events = Targets(
        [
            {"time": "t1", "event": "START", "data": None},
            {"time": "t2", "event": "NETWORK", "data": {"link": "off"}},
        ]
    )
    assert Guest(events, "desk").events() == [
        Event("t1", "START", {}),
        Event("t2", "NETWORK", {"link": "off"}),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"status": 125, "says": "vmm: its disk was deleted\n"}, "`desk`: its disk was deleted$"),
        ({"timed_out": True}, "did not tell `events` in time"),
        ({"truncated": True}, "told too much"),
    ],
)
def test_what_its_host_refuses_or_cannot_fails_the_check(more, says):
    with pytest.raises(Outage, match=says):
        Guest(Targets([], **more), "desk").events()


def test_a_host_that_does_not_answer_fails_the_check(monkeypatch):
    targets = Targets([])

    def late(*args, **more):
        raise WaitTimeout("in vain")

    monkeypatch.setattr(targets, "ask", late)
    with pytest.raises(Outage, match="`desk` did not answer"):
        Guest(targets, "desk").snapshots()


PROGRAM = "/usr/bin/desk"
INSTALLED = "Package: {}\nStatus: install ok installed\nVersion: {}\nDescription: it\n"


@pytest.mark.parametrize(
    ("status", "program", "says"),
    [
        (INSTALLED.format("desk", "1.1"), "good", ""),
        (INSTALLED.format("desk", "1.1"), "old", "/usr/bin/desk is not the one of desk 1.1"),
        (INSTALLED.format("desk", "1.0"), "good", "the package desk 1.1 is not installed"),
        (INSTALLED.format("desktop", "1.1"), "good", "the package desk 1.1 is not installed"),
        (
            INSTALLED.format("desk", "1.1").replace("install ok installed", "deinstall ok half"),
            "good",
            "the package desk 1.1 is not installed",
        ),
        (None, "good", "the package desk 1.1 is not installed"),
    ],
)
def test_a_package_is_there_when_its_files_and_dpkg_say_so(tmp_path, status, program, says):
    (tmp_path / "desk").write_text("good")
    told = {PROGRAM: {"kind": "regular", "content": code(program)}}
    other = INSTALLED.format("other", "1.1")
    listed = None if status is None else code(f"{other}\n{status}\n{other}")
    told[packages.STATUS] = {"kind": "regular" if listed else "", "content": listed}
    guest = Guest(Targets(told), "desk")
    assert packages.not_installed(guest, "desk", "1.1", {PROGRAM: tmp_path / "desk"}) == says
