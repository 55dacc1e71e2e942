"""What the kernel lets the processes do."""

from __future__ import annotations

from labctl.environment.outside import capability_names
from labctl.grading import check


def inside(outside, ids):
    """The number that a user of the host has in the process's own user namespace."""
    for first, begin, count in ids:
        if begin <= outside < begin + count:
            return first + outside - begin
    return None


def some(mask):
    """A few of the capabilities in a mask, the mightiest first."""
    names = sorted(capability_names(mask), key=lambda name: ("_SYS_" not in name, name))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


@check("not-root", points=3, hint="Which user a container runs as is an option of `docker run`.")
def test_not_root(scene):
    "notary, and whoever breaks into it, is not root"
    for process in scene.everyone:
        for user in process.uids:
            assert user != scene.engine.uid, f"{scene.name(process)} runs as root"
            assert inside(user, process.uid_map) != 0, (
                f"{scene.name(process)} runs as the root of its own user namespace"
            )


@check(
    "no-capabilities",
    points=3,
    hint="Read all five Cap lines in /proc/PID/status. The one called Bnd is what a process, or a "
    "program that it starts, could ever get.",
)
def test_no_capabilities(scene):
    "no process of a container has a capability, or can get one"
    for process in scene.everyone:
        name = scene.name(process)
        held = process.cap_eff | process.cap_prm | process.cap_inh | process.cap_amb
        assert not held, f"{name} has capabilities: {some(held)}"
        assert not process.cap_bnd, (
            f"{name} can still get capabilities: {some(process.cap_bnd)}. Does notary not work "
            "without?"
        )


@check(
    "no-new-privileges",
    points=2,
    hint="A setuid program makes its user root. One of Docker's --security-opt stops that.",
)
def test_no_new_privileges(scene):
    "no process of a container can gain rights by starting a program"
    for process in scene.everyone:
        assert process.no_new_privs, (
            f"{scene.name(process)} may gain rights by starting a setuid program: NoNewPrivs is 0"
        )


@check(
    "seccomp",
    points=2,
    hint="Docker filters system calls with a good list of its own, unless it is told not to.",
)
def test_seccomp(scene):
    "a filter keeps the containers' processes from system calls that hardly anybody needs"
    for process in scene.everyone:
        assert process.seccomp == 2, f"{scene.name(process)} may make any system call: Seccomp is 0"
    assert not scene.unfiltered, (
        "there is a filter, but it lets `setarch -R` through, which Docker's own list stops"
    )
