import pytest
import yaml

from labctl.grading import check

FILE = "kernel-table.yaml"

# Settings that the kernel keeps once for every network or IPC namespace. All others in lab.yaml
# exist once. (Which is which changes between kernels for some settings: those are not asked.)
PER_CONTAINER = ("net.", "fs.mqueue.", "kernel.shm", "kernel.msg")

YES, NO = "yes", "no"
WORDS = {"true": YES, "false": NO}


@pytest.fixture(scope="session")
def table(workspace):
    """`table("places", "debian", "kernel")`: what the learner wrote there, as lower-case text."""
    try:
        content = yaml.safe_load(workspace.read(FILE))
    except (yaml.YAMLError, RecursionError, ValueError):
        pytest.fail(f"{FILE} is not valid YAML")

    def cell(*keys: str) -> str:
        value = content
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        told = str(value).strip().lower() if isinstance(value, str | bool | int | float) else ""
        if not told:
            pytest.fail(f"{FILE} says nothing yet about {' / '.join(keys[1:])}")
        return WORDS.get(told, told)

    return cell


@check(
    "one-kernel",
    points=2,
    hint="`docker exec debian uname -r` runs uname in a container. "
    "Do the same with `cat` and the boot id's file, in each place.",
)
def test_one_kernel(table, kernel):
    "The table shows one kernel under the engine machine and both userlands"
    host = kernel.host()
    places = ("engine", "debian", "busybox")
    for place in places:
        found = table("places", place, "kernel")
        assert found == host.release.lower(), f"{place}: the kernel there is not {found}"
        found = table("places", place, "boot-id")
        assert found == host.boot_id.lower(), f"{place}: the boot id there is not {found}"
    for place in places[1:]:
        same = table("places", place, "same-kernel")
        assert same == YES, f"{place}: compare its boot id with the engine's again"


@check(
    "appliances",
    points=2,
    hint="uname is a program like any other. What would the machine's own process list show, "
    "and what would it not, if an appliance had its own kernel?",
)
def test_appliances(table, facts):
    "The table tells which appliance really has a kernel of its own"
    for name in ("north", "south"):
        due = NO if name == facts["own-kernel"] else YES
        found = table("places", name, "same-kernel")
        # One message for both ways: the first failure must not be the answer.
        assert found in (YES, NO), f"{name}: write yes or no"
        assert found == due, "what the table says about north and south is not what was measured"


@check(
    "virtual-machine",
    points=2,
    hint="`curl http://vm/` in the engine machine, or `labctl exec vm -- uname -r` on your own "
    "computer. Compare boot ids, not only releases: two kernels may be of one release.",
)
def test_virtual_machine(table, kernel):
    "The table shows the virtual machine's kernel, and that it is another one"
    # What QEMU was given to start: the guest itself is not asked.
    release = kernel.read("vm", "/guest/release").decode().strip()
    found = table("places", "vm", "kernel")
    assert found == release.lower(), f"vm: the kernel there is not {found}"
    same = table("places", "vm", "same-kernel")
    assert same == NO, "vm: compare its boot id with the engine's again"


@check(
    "settings",
    points=2,
    hint="`docker run --sysctl NAME=VALUE` gives a container its own value of a setting; "
    "for a setting that all containers share, the engine refuses.",
)
def test_settings(table, facts):
    "The table tells which settings are a container's own and which are the kernel's"
    wrong = 0
    for number in range(1, 5):
        name = facts[f"setting-{number}"]
        found = table("settings", name)
        assert found in ("container", "kernel"), f"{name}: write container or kernel"
        wrong += found != ("container" if name.startswith(PER_CONTAINER) else "kernel")
    assert not wrong, "what the table says about the settings is not right for all four"
