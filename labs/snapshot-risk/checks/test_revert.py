"""After a revert: what the disk has, what the log tells, and what strangers get."""

from labctl.grading import check, weakness

DESK = "desk"


@weakness("key-for-everybody", seconds=20)
def test_key_for_everybody(look_at_desk, guest):
    desk = look_at_desk()
    assert desk.works, "the desk does not work yet"
    assert desk.leaks, "the desk keeps its key"
    assert guest(DESK).snapshots() == ["september"], "the snapshot of September is not there"


@check(
    "closed",
    points=2,
    seconds=30,
    hint="`curl -g` with `../../../../etc/desk/key` for the ticket shows whether it is open.",
)
def test_closed(desk):
    "Nobody gets the desk's key over the network"
    assert desk.answers, "the desk does not answer on the network, so nobody can say"
    assert not desk.leaks, f"the desk still tells its key, to /cgi-bin/ticket{desk.leaks}"


@check(
    "patched",
    points=3,
    seconds=75,
    hint="The updates are on a disk in the machine, so apt needs no network: "
    "`vm exec desk -- apt-get update`, then `upgrade`.",
)
def test_patched(mended):
    "desk 1.1 is installed on the machine's disk, whole and unchanged"
    wrong = mended()
    assert not wrong, f"on the desk's disk, {wrong}"


@check(
    "isolated",
    points=3,
    seconds=120,
    hint="`vm events desk` is the log. The first line after the last SNAPSHOT_REVERTED should be "
    "the cut of the network, and its return the last one.",
)
def test_isolated(after, mended, guest):
    "After the last revert, the network was cut, and came back only when all was mended"
    link, events = after
    there = guest(DESK).snapshots()
    proven = False
    cut = link == "off"
    for event in events:
        if event.name == "SNAPSHOT_SAVED" and event.data["name"] in there and not proven:
            proven = link == "off" and not mended(event.data["name"])
        if event.name == "NETWORK":
            link = event.data["link"]
            cut = cut or link == "off"
            if link == "on":
                break
    assert cut, "after the last revert, nobody has cut the desk off the network"
    assert proven, (
        "no snapshot that was taken while the network was cut shows a mended desk: "
        "so it was not mended when the network came back"
    )


@check(
    "no-way-back",
    points=2,
    seconds=120,
    hint="`vm snapshots desk` lists them, `vm delete desk NAME` deletes one.",
)
def test_no_way_back(mended, guest):
    "No snapshot is left that would open the hole again"
    for name in guest(DESK).snapshots():
        wrong = mended(name)
        assert not wrong, f"in the snapshot `{name}`, {wrong}"


@check(
    "fresh",
    points=1,
    seconds=120,
    hint="Somebody will want to go back again one day. `vm snapshot desk NAME` gives them a place.",
)
def test_fresh(mended, guest):
    "There is a snapshot of a mended desk, so that the next revert is harmless"
    assert any(not mended(name) for name in guest(DESK).snapshots()), (
        "there is no snapshot of a mended desk"
    )


@check(
    "desk-works",
    points=1,
    seconds=30,
    hint="Is the network back on? `vm network desk on`.",
)
def test_desk_works(desk):
    "The mended desk shows its ticket on the network, with a receipt made with its key"
    assert desk.works, "the desk does not show its ticket with a good receipt"
    assert not desk.leaks, "the desk works, but is not mended"
