"""How much there is to attack on the hosted computer, and whether the guest is still there."""

import pytest
import yaml

from labctl.grading import check, weakness

HOSTS = ("hosted", "minimal")
FILE = "counts.yaml"
BUDGET = 180  # packages
# What nobody needs to run a guest: the programs themselves, whatever dpkg believes.
NEEDLESS = (
    "/usr/bin/at",
    "/usr/bin/git",
    "/usr/bin/python3.11",
    "/usr/bin/rsync",
    "/usr/bin/tcpdump",
    "/usr/sbin/nginx",
    "/usr/sbin/sshd",
    "/usr/sbin/vsftpd",
)


@weakness("much-to-attack", seconds=60)
def test_much_to_attack(count, guest_answers):
    for name in HOSTS:
        wrong = guest_answers(name)
        assert not wrong, f"{name}: {wrong}"
    found = count("hosted")
    assert found.ports >= {21, 22, 80, 873, 8000, 8080}, f"it listens at {sorted(found.ports)}"
    assert found.packages > BUDGET, "it is within the budget already"
    assert found.setuid, "it has no setuid programs"
    assert found.vmm, "no guest runs"
    assert found.vmm.uid == 0, "its VMM is not root's"


@check(
    "few-ports",
    points=2,
    hint="`ss -tlnp` shows who listens. End the services, and have them not start again: "
    "a package that is not there starts nothing.",
)
def test_few_ports(count):
    "On hosted nobody listens but the guest"
    ports = count("hosted").ports
    assert 80 in ports, "nobody listens at the guest's own port 80"
    others = sorted(ports - {80})
    assert not others, f"somebody listens at {', '.join(map(str, others))}, too"


@check(
    "no-setuid",
    points=2,
    hint="`find / -xdev -type f -perm /6000` lists them. `chmod a-s FILE` takes it away.",
)
def test_no_setuid(count):
    "On hosted no program gives whoever runs it the rights of somebody else"
    found = count("hosted").setuid
    assert not found, f"there are {len(found)}, such as {found[0]}"


@check(
    "few-packages",
    points=2,
    hint="`apt-get purge --autoremove` takes away packages, and what only they needed. "
    "`dpkg-query -W` lists what is there. What does a host need to run QEMU?",
)
def test_few_packages(count, machine):
    "On hosted there are at most 180 packages, and the programs of the others are gone"
    packages = count("hosted").packages
    assert packages <= BUDGET, f"there are {packages} packages"
    there = [path for path in NEEDLESS if machine("hosted").file(path).exists]
    assert not there, f"{there[0]} is still there: no guest needs it"


@check(
    "vmm-without-rights",
    points=3,
    hint="`setpriv --reuid vmm --regid vmm --clear-groups --no-new-privs` goes before a command, "
    "and QEMU has an option -sandbox. The guest's disk must then be the user vmm's.",
)
def test_vmm_without_rights(count, genuine):
    "The guest's QEMU is not root, has no capability, gains none, and filters system calls"
    vmm = count("hosted").vmm
    assert vmm, "nothing runs behind the guest's port 80"
    assert genuine(vmm), "what runs behind the guest's port is not this computer's QEMU"
    assert 0 not in vmm.uids, "it runs as root"
    assert not vmm.cap_eff | vmm.cap_prm, "it has capabilities"
    assert vmm.no_new_privs, "it may gain rights (no_new_privs is not set)"
    sandbox = "".join(f"{a} {b}\n" for a, b in zip(vmm.argv, vmm.argv[1:], strict=False))
    assert "-sandbox on" in sandbox, "it was started without -sandbox on"


@check(
    "guest-works",
    points=1,
    hint="`curl http://localhost/cgi-bin/hello?me`. ./start-guest starts it; /var/log/guest has "
    "what QEMU complains about.",
)
def test_guest_works(count, genuine, guest_answers):
    "The guest still answers, and is a guest of a VMM that is not root"
    wrong = guest_answers("hosted")
    assert not wrong, wrong
    vmm = count("hosted").vmm
    assert vmm, "nothing runs behind the guest's port 80"
    assert genuine(vmm), "what answers is not this computer's QEMU"
    assert vmm.uid != 0, "it answers, and its VMM is still root"


@check(
    "counted",
    points=2,
    hint="Count again when you have done all the rest: `dpkg-query -W | wc -l`, `ss -tln`, find. "
    "On minimal, `labctl shell minimal`, busybox does it: find, netstat -tln, ps. "
    "The ports at 127.0.0.11 are the container engine's.",
)
def test_counted(workspace, count):
    "The table says what there is on both computers, and hosted has become the smaller for it"
    try:
        table = yaml.safe_load(workspace.read(FILE))
    except (yaml.YAMLError, RecursionError, ValueError):
        table = None
    assert isinstance(table, dict), f"{FILE} is not valid YAML"
    words = {True: "yes", False: "no"}
    counted = {name: count(name) for name in HOSTS}
    for name, found in counted.items():
        due = {
            "packages": found.packages,
            "setuid": len(found.setuid),
            "ports": len(found.ports),
            "vmm-root": words[found.vmm is not None and found.vmm.uid == 0],
        }
        told = table.get(name) if isinstance(table.get(name), dict) else {}
        for key, value in due.items():
            said = told.get(key)
            said = words[said] if isinstance(said, bool) else said
            if said is None:
                pytest.fail(f"{FILE} says nothing yet about {name} / {key}")
            assert str(said) == str(value), f"{name} / {key}: the grader counted something else"
    assert counted["hosted"].packages <= BUDGET, "the table is right, and hosted as large as before"
