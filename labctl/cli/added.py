"""lab add, lab remove: labs from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.authoring.adding import Proposal


def add(
    where: Annotated[
        str, typer.Argument(metavar="PATH|GIT-URL", help="A lab's folder, or a git repository.")
    ],
    ref: Annotated[
        str, typer.Option(metavar="REF", help="A branch or tag. Default: what HEAD names.")
    ] = "",
    commit: Annotated[
        str, typer.Option(metavar="SHA", help="Exactly this commit, by its whole id.")
    ] = "",
    path: Annotated[
        str, typer.Option(metavar="SUBFOLDER", help="The lab's folder in the repository.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Add it without asking.")] = False,
    json: options.Json = False,
) -> None:
    """Add a lab from elsewhere, once you have seen what it is and said yes.

    A lab of a git repository is copied and stays at the commit that you saw; adding it again pins
    it anew. One in a folder stays there, and may change with it. The checks of both run
    confined: without network, your files or your rights. With --json, nobody is asked: say --yes.

    Examples: labctl lab add ./open-door; labctl lab add https://example.org/labs.git --path
    open-door; labctl lab add git@example.org:labs.git --ref v2 --path open-door --yes
    """
    from labctl.authoring import adding
    from labctl.cli import output

    with ExitStack() as stack:
        with output.Steps().step("Look at the lab"):
            found = stack.enter_context(adding.proposed(where, ref=ref, commit=commit, path=path))
        told, name, news = found.to_json(), found.lab.id, found.is_news
        if news:
            if not json:
                _show(found)
            if not yes:
                _require_consent(json)
            adding.accept(found)
    if json:
        output.print_json({**told, "added": news})
    elif news:
        done = f"`{name}` is pinned anew" if told["before"] else f"Added `{name}`"
        output.print_plain(f"{done}. Next:\n  labctl info {name}\n  labctl start {name}")
    else:
        output.print_plain(f"`{name}` is added already, just so.")


def remove(
    lab: options.LabId,
    json: options.Json = False,
) -> None:
    """Take a lab away that was added. A folder of yours stays where it is.

    Examples: labctl lab remove open-door
    """
    from labctl.authoring import adding
    from labctl.cli import output
    from labctl.session.store import Store

    origin = adding.remove(Store(), lab)
    if json:
        output.print_json({"removed": lab, "source": str(origin)})
        return
    output.print_plain(
        f"Removed `{lab}`, which was from {origin}\n`labctl images prune` removes its images, too."
    )


def _require_consent(json: bool) -> None:
    """Ask. Raises UsageError where nobody can be, and ends the command at a no."""
    from labctl.cli import output
    from labctl.errors import UsageError

    if json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "A lab from elsewhere is added only when you agree to it",
            resolution="Do it on a terminal, or say `--yes`.",
        )
    if not typer.confirm("Add it?"):
        output.print_plain("Nothing was added.")
        raise typer.Exit(1)


def _show(found: Proposal) -> None:
    """What the user should know before saying yes."""
    from labctl.cli import output

    output.print_plain(_flat(f"{found.lab.id}: {found.lab.title}"))
    for label, text in _rows(found):
        output.print_plain(f"  {label:<9} {_flat(text)}")
    output.print_plain("On this engine it may:")
    for power in _powers(found):
        output.print_plain(f"  - {_flat(power)}")
    output.print_plain("Its checks run confined: without network, your files or your rights.")
    if not found.commit:
        output.print_plain("It is pinned to nothing: what lies in that folder later is what runs.")


def _flat(text: str) -> str:
    """One line, whatever a stranger put into it."""
    from labctl.cli.output import harmless

    return " ".join(harmless(text).split())


def _rows(found: Proposal) -> Iterator[tuple[str, str]]:
    commit, old = found.commit, found.before
    yield "From", found.source + (f", folder {found.path}" if found.path else "")
    if commit:
        yield "Commit", commit.id
        yield "", f"by {commit.author}, {commit.date}: {commit.subject}"
    if old and commit:
        yield "Now at", f"{old.commit}, added {old.added[:10]}"
    for index, (name, spec) in enumerate(found.lab.machines.items()):
        yield "" if index else "Machines", f"{name} ({spec.provider}): {spec.about}"


def _powers(found: Proposal) -> Iterator[str]:
    from labctl.lab.model import DockerMachine

    machines = found.lab.machines.items()
    if privileged := [name for name, spec in machines if not isinstance(spec, DockerMachine)]:
        names = ", ".join(privileged)
        yield f"run privileged machines ({names}): root in one can reach this computer"
    for name, spec in machines:
        if isinstance(spec, DockerMachine) and spec.capabilities:
            yield f"give `{name}` kernel capabilities: {', '.join(spec.capabilities)}"
    yield "run its containers, which can reach the network"
    if found.images:
        names = ", ".join(found.images)
        yield f"build images ({names}) with the commands of their Dockerfiles, on this network"
    if found.programs:
        yield f"compile Go programs ({', '.join(found.programs)}) here, to run in its containers"
    if found.preloaded:
        names = ", ".join(found.preloaded)
        yield f"put images ({names}) into the nodes of all labs' clusters, which are then made anew"
