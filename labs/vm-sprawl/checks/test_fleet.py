"""Which machines are there, what they run, whether they always did, and what the inventory says."""

from __future__ import annotations

import datetime

import yaml

from labctl.grading import check, weakness

FILE = "inventory.yaml"
# What takes a machine off the network, or starts it anew.
OUTAGES = {"OFF", "RESET", "SHUTDOWN", "REMOVED"}


@weakness("anybody-runs-commands", seconds=60)
def test_anybody_runs_commands(look_at_fleet):
    fleet = look_at_fleet()
    assert all(machine.greets for machine in fleet), "not all machines work yet"
    open_ones = {machine.service for machine in fleet if machine.leaks}
    assert open_ones == {"pay", "stock", "old-shop", "try-out"}, f"open are: {open_ones}"


@check(
    "decommissioned",
    points=3,
    seconds=60,
    hint="Nobody uses it, nobody answers for it, or its time is long over: ask people.txt, "
    "the inventory, and the machine's /var/log/requests. `vm remove` takes the disk, too.",
)
def test_decommissioned(superfluous, guest):
    "Machines that nobody needs are off for good, and their disks are deleted"
    left = [m for m in superfluous if guest(m.name).state().power == "on"]
    assert not left, f"{len(left)} of the machines that nobody needs still run"
    kept = [m for m in superfluous if guest(m.name).state().disk != "deleted"]
    assert not kept, f"{len(kept)} of the machines that nobody needs still have their disks"


@check(
    "patched",
    points=3,
    seconds=120,
    hint="`vm exec MACHINE -- apt-get update`, then `upgrade`. "
    "`dpkg-query --show status` tells which version a machine has.",
)
def test_patched(needed, unpatched):
    "On the disk of every machine that is needed there is status 1.1, whole and unchanged"
    for machine in needed:
        wrong = unpatched(machine.name)
        assert not wrong, f"{machine.name}: on its disk, {wrong}"


@check(
    "no-way-in",
    points=1,
    seconds=60,
    hint="`curl -g 'http://MACHINE/cgi-bin/status?$(id)'` shows whether it is open.",
)
def test_no_way_in(fleet, needed):
    "No machine of the fleet runs a stranger's command any more"
    assert any(machine.greets for machine in needed), "no machine answers, so nobody can say"
    leaks = [machine.name for machine in fleet if machine.leaks]
    assert not leaks, f"the grader ran a command on: {', '.join(leaks)}"


@check(
    "always-served",
    points=2,
    seconds=60,
    hint="Who is needed once a year is needed, too. An update needs no restart here. "
    "`labctl reset` gives you a new fleet.",
)
def test_always_served(needed, guest):
    "Every service that is needed works, is mended, and was there all the time"
    for machine in needed:
        events = guest(machine.name).events()
        cut = [e.name for e in events if e.name in OUTAGES or e.data.get("link") == "off"]
        assert not cut, f"{machine.service} was off for a while, or is: customers noticed"
    broken = [machine.service for machine in needed if not machine.greets]
    assert not broken, f"out of order: {', '.join(broken)}"
    open_ones = [machine.service for machine in needed if machine.leaks]
    assert not open_ones, f"works, but for strangers, too: {', '.join(open_ones)}"


@check(
    "inventory",
    points=3,
    seconds=60,
    hint="One line for each machine that `vm list` shows with a disk, and no other. "
    "What a machine says of itself is in /etc/service.",
)
def test_inventory(workspace, fleet, guest):
    "The inventory has every machine that there is, with service, owner and a date to come"
    try:
        told = yaml.safe_load(workspace.read(FILE))
    except (yaml.YAMLError, RecursionError, ValueError):
        told = None
    assert isinstance(told, dict), f"{FILE} is no YAML with a line for each machine"
    there = {m.name: m for m in fleet if guest(m.name).state().disk == "there"}
    missing, extra = (
        sorted(there.keys() - told.keys()),
        sorted(map(str, told.keys() - there.keys())),
    )
    assert not missing, f"{FILE} lacks machines that are there: {', '.join(missing)}"
    assert not extra, f"{FILE} has machines that are not there: {', '.join(extra)}"
    today = datetime.datetime.now(datetime.UTC).date()
    for name, machine in there.items():
        line = told[name] if isinstance(told[name], dict) else {}
        assert line.get("service") == machine.service, f"{name}: it serves something else"
        assert line.get("owner") == machine.owner, (
            f"{name}: the one who is said to own it does not answer for it"
        )
        expires = line.get("expires")
        expires = expires.date() if isinstance(expires, datetime.datetime) else expires
        assert isinstance(expires, datetime.date), f"{name}: `expires` is no date like 2030-01-31"
        assert expires > today, f"{name}: it has expired, and is there"
        assert (expires - today).days <= 800, f"{name}: that is as good as never; at most two years"
