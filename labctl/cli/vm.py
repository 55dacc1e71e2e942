"""vm: a virtual machine's snapshots, network and power, and what was done to it."""

from __future__ import annotations

import json as json_module
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.environment.qemu import QemuProvider
    from labctl.session.opened import Session

Name = Annotated[str, typer.Argument(help="The snapshot's name.")]


class Power(StrEnum):
    """What can be done to a computer's power."""

    ON = "on"
    OFF = "off"
    RESET = "reset"


class Link(StrEnum):
    """Whether the network cable is in."""

    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Virtual machines: snapshots, network, power, events."
    )
    for command in (snapshots, snapshot, revert, delete, network, power, remove, events):
        group.command()(command)
    app.add_typer(group, name="vm")


def snapshots(
    machine: options.Machine, session: options.Session = None, json: options.Json = False
) -> None:
    """List a virtual machine's snapshots.

    Examples: labctl vm snapshots vm; labctl vm snapshots vm --json
    """
    from labctl.cli import output

    found, provider = _machine(session, machine)
    told = json_module.loads(provider.operate(found.place, machine, "snapshots"))
    if json:
        output.print_json(told)
        return
    if not told:
        output.print_plain(f"`{machine}` has no snapshot. Next: labctl vm snapshot {machine} NAME")
        return
    rows = [
        (
            one["name"],
            datetime.fromtimestamp(one["date-sec"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            f"{one['vm-state-size'] >> 20} MiB",
        )
        for one in told
    ]
    output.print_rows(("SNAPSHOT", "TAKEN", "MEMORY"), rows)


def snapshot(machine: options.Machine, name: Name, session: options.Session = None) -> None:
    """Save what a virtual machine's memory and disk are like now.

    Examples: labctl vm snapshot vm before-the-change
    """
    _do(session, machine, "Save", "snapshot", name)


def revert(machine: options.Machine, name: Name, session: options.Session = None) -> None:
    """Bring a virtual machine back to a snapshot: all that came since is lost.

    Examples: labctl vm revert vm before-the-change
    """
    _do(session, machine, "Revert to", "revert", name)


def delete(machine: options.Machine, name: Name, session: options.Session = None) -> None:
    """Delete a snapshot.

    Examples: labctl vm delete vm before-the-change
    """
    _do(session, machine, "Delete", "delete", name)


def network(machine: options.Machine, link: Link, session: options.Session = None) -> None:
    """Pull a virtual machine's network cable, or plug it in: the guest cannot change that.

    Examples: labctl vm network vm off; labctl vm network vm on
    """
    _do(session, machine, "Network", "network", link)


def power(machine: options.Machine, what: Power, session: options.Session = None) -> None:
    """Switch a virtual machine on, pull its plug, or press its reset button. Its host goes on.

    Examples: labctl vm power vm off; labctl vm power vm on
    """
    from labctl.cli import output

    found, provider = _machine(session, machine)
    with output.Steps().step(f"{machine}: Power {what}"):
        if what is Power.ON:
            provider.power_on(found.place, machine)
        else:
            provider.operate(found.place, machine, "power", what)


def remove(machine: options.Machine, session: options.Session = None) -> None:
    """Switch a virtual machine off for good, and delete its disk and snapshots.

    Examples: labctl vm remove vm; labctl reset
    """
    _do(session, machine, "Remove", "remove")


def events(
    machine: options.Machine, session: options.Session = None, json: options.Json = False
) -> None:
    """Show what was done to a virtual machine, the oldest first.

    Examples: labctl vm events vm; labctl vm events vm --json
    """
    from labctl.cli import output

    found, provider = _machine(session, machine)
    told = json_module.loads(provider.operate(found.place, machine, "events"))
    if json:
        output.print_json(told)
        return
    rows = [
        (one["time"], one["event"], " ".join(f"{k}={v}" for k, v in (one["data"] or {}).items()))
        for one in told
    ]
    output.print_rows(("TIME", "EVENT", "DETAILS"), rows)


def _do(session: str | None, machine: str, doing: str, *words: str) -> None:
    from labctl.cli import output

    found, provider = _machine(session, machine)
    with output.Steps().step(f"{machine}: {' '.join((doing, *words[1:]))}"):
        provider.operate(found.place, machine, *words)


def _machine(session: str | None, name: str) -> tuple[Session, QemuProvider]:
    from labctl import host
    from labctl.environment.qemu import QemuProvider
    from labctl.errors import UsageError
    from labctl.session.opened import ready
    from labctl.session.store import Store

    found = ready(Store(), host.find("local"), session)
    provider = found.provider(name)
    if not isinstance(provider, QemuProvider):
        machines = [n for n, m in found.lab.machines.items() if m.provider == "qemu"]
        raise UsageError(
            f"`{name}` is no virtual machine",
            resolution="Virtual machines: " + (", ".join(machines) or "none in this lab"),
        )
    return found, provider
