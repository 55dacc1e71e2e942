"""start, status, reset, solve, stop, gc: a session's life."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.session.opened import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (start, status, reset, solve, stop, gc):
        app.command()(command)


def start(
    lab: options.LabId,
    session: options.Session = None,
    host: options.HostName = "local",
    seed: Annotated[
        str | None, typer.Option(help="Make the seeded details repeatable (for practice only).")
    ] = None,
    learner: Annotated[
        str, typer.Option(envvar="LABCTL_LEARNER", help="Who does the lab; goes into reports.")
    ] = "",
    ticket: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your ticket from a course: makes the session count."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="On failure, leave what was made, to look at.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Bring a lab up, in its broken state.

    A lab that runs already is left as it is. Without --session, the session is named after
    the lab; give a name to run a lab twice.

    Examples: labctl start namespaces; labctl start default-deny --session second;
    labctl start namespaces --ticket namespaces-alice.ticket
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.grading import children, live
    from labctl.lab import loader
    from labctl.session import lifecycle
    from labctl.session.store import Store

    found = loader.find(lab)
    course = ""
    if ticket:
        from labctl.cli.course import admitted

        seed, learner, course = admitted(ticket, found.id, seed, learner)
    with children.start() as child:
        opened = lifecycle.start(
            Store(),
            hosts.find(host),
            found,
            output.Steps(),
            partial(live.prove, child=child),
            name=session or found.id,
            seed=seed,
            learner=learner,
            course=course,
            keep=keep,
        )
    if json:
        output.print_json(_status(opened))
        return
    name = opened.record.name
    which = "" if name == found.id and len(Store().names()) == 1 else f" --session {name}"
    output.print_plain(
        f"{found.title} is ready.\n"
        f"  Read it:    labctl info {found.id}\n"
        f"  Work in it: labctl shell{which}\n"
        f"  Your files: {opened.place.workspace}\n"
        f"  Be graded:  labctl check{which}"
        + (f"\nThe clock runs: you have {found.minutes} minutes." if found.timed else "")
    )


def status(session: options.Session = None, json: options.Json = False) -> None:
    """Show the sessions, their machines, and whether anything is amiss.

    Examples: labctl status; labctl status --session a --json
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.session.choose import choose
    from labctl.session.opened import opened
    from labctl.session.store import Store

    store = Store()
    names = [choose(store, session).name] if session else store.names()
    found = []
    for name in names:
        record = store.load(name)
        if record is not None:
            entry = _status(opened(store, hosts.find("local"), record))
            if entry["state"] == "interrupted" and store.busy(name):
                entry["state"] = "in progress"
            found.append(entry)
    if json:
        output.print_json(found)
        return
    if not found:
        output.print_plain("No lab is running. `labctl list` shows what there is.")
        return
    rows = [
        (entry["session"], entry["lab"], entry["state"], machine["name"], machine["state"])
        for entry in found
        for machine in entry["machines"]
    ]
    output.print_rows(("SESSION", "LAB", "STATE", "MACHINE", "MACHINE STATE"), rows)
    for entry in found:
        for remark in entry["remarks"]:
            output.print_plain(f"{entry['session']}: {remark}")


def reset(
    session: options.Session = None,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Put the lab's own files back, too.")
    ] = False,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="Make new clusters, instead of putting them back.")
    ] = False,
) -> None:
    """Make the machines anew, broken as at the start. Your workspace files stay.

    A cluster is put back, which is quicker than a new one: its objects, its images and its
    add-ons' state. If a node itself was changed, there is a new one.

    Examples: labctl reset; labctl reset --workspace; labctl reset --clusters
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.grading import children, live
    from labctl.session import lifecycle
    from labctl.session.opened import ready
    from labctl.session.store import Store

    store = Store()
    found = ready(store, hosts.find("local"), session)
    with children.start() as child:
        prove = partial(live.prove, child=child)
        lifecycle.reset(store, found, output.Steps(), prove, workspace=workspace, clusters=clusters)
    output.print_plain(f"Session `{found.record.name}` is as it was at the start.")


def solve(session: options.Session = None) -> None:
    """Apply the lab's solution. Every later report says that you did.

    Examples: labctl solve; labctl check
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.session import lifecycle
    from labctl.session.opened import ready
    from labctl.session.store import Store

    store = Store()
    found = ready(store, hosts.find("local"), session)
    lifecycle.solve(store, found, output.Steps())
    output.print_plain("Solved. Next: labctl check")


def stop(
    session: options.Session = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop every session.")] = False,
) -> None:
    """Remove a session's machines and networks; your workspace files are kept aside.

    Stopping what is stopped already is fine.

    Examples: labctl stop; labctl stop --session a; labctl stop --all
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.session import removal
    from labctl.session.choose import choose
    from labctl.session.store import Store

    store = Store()
    if everything:
        names = store.names()
    elif session:
        names = [session]
    else:
        names = [choose(store, None).name] if store.names() else []
    if not names:
        output.print_plain("No lab is running.")
    for name in names:
        kept = removal.stop(store, hosts.find("local"), name, output.Steps())
        _tell_kept(kept)


def gc(
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also remove healthy sessions, and other users' of the engine."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Remove what killed or failed commands left behind.

    Examples: labctl gc; labctl gc --all
    """
    from labctl import host as hosts
    from labctl.authoring import scratch
    from labctl.cli import output
    from labctl.session import removal
    from labctl.session.store import Store

    local, steps = hosts.find("local"), output.Steps()
    swept = removal.gc(Store(), local, steps, everything=everything)
    swept.removed.extend(scratch.sweep(local, steps))
    if json:
        output.print_json({"removed": swept.removed, "busy": swept.busy, "kept": swept.kept})
        return
    for name in swept.busy:
        output.print_plain(f"Left `{name}` alone: another labctl works on it.")
    for kept in swept.kept:
        _tell_kept(kept)
    if not swept.removed and not swept.busy:
        output.print_plain("Nothing to remove.")


def _tell_kept(kept: Path | None) -> None:
    from labctl.cli import output

    if kept:
        output.print_plain(f"Your files are kept in {kept}")


def _status(session: Session) -> dict[str, Any]:
    from labctl.lab import loader
    from labctl.session.model import now

    record = session.record
    machines: list[dict[str, Any]] = []
    for name, spec in session.lab.machines.items():
        found = session.find(name)
        machines.append(
            {
                "name": name,
                "provider": spec.provider,
                "state": found.state if found else "missing",
                "addresses": dict(found.addresses) if found else {},
            }
        )
    remarks = []
    if loader.digest(session.lab) != record.digest:
        remarks.append("the lab's files have changed since the start; `labctl reset` renews it")
    if session.lab.timed and record.began:
        left = session.lab.minutes - record.minutes(now())
        over = f"the time was up {-left:.0f} minutes ago"
        remarks.append(
            f"{left:.0f} of {session.lab.minutes} minutes are left" if left > 0 else over
        )
    if record.solved:
        remarks.append("the solution was applied")
    healthy = all(machine["state"] == "running" for machine in machines)
    if not record.ready or record.ending:
        state = "interrupted"
        remarks.append(f"`labctl stop --session {record.name}` removes what is there")
    else:
        state = "ready" if healthy else "damaged"
        if not healthy:
            remarks.append("`labctl reset` makes the machines anew; your files stay")
    return {
        "session": record.name,
        "lab": record.lab,
        "state": state,
        "created": record.created,
        "seed": record.seed,
        "workspace": str(session.place.workspace),
        "machines": machines,
        "remarks": remarks,
    }
