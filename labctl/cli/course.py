"""course: keys, tickets for learners, and signatures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.grading.course import Ticket

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The course's folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Keys and tickets, for who gives a course.")
    for command in (init, ticket, show, verify):
        group.command()(command)
    app.add_typer(group, name="course")


def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="What the course is called.")] = "",
) -> None:
    """Make a course: a secret for seeds, and a key that signs reports.

    Keep the folder to yourself, and keep a copy: nobody can make the keys again. Only
    course.json in it may be given away.

    Examples: labctl course init security-2026 --name "Container security"
    """
    from labctl.cli import output
    from labctl.grading.course import Course

    made = Course.init(folder, name or folder.absolute().name)
    output.print_plain(
        f"Course `{made.name}`, key {made.key}, is in {folder}.\n"
        f"Next: labctl course ticket {folder} --lab LAB --roster FILE.csv -o tickets"
    )


def ticket(
    folder: Folder,
    lab: Annotated[str, typer.Option(help="The lab that the tickets are for.")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write.")],
    learner: Annotated[str | None, typer.Option(metavar="ID", help="For one learner.")] = None,
    roster: Annotated[
        Path | None, typer.Option(metavar="CSV", help="For each learner of a file.")
    ] = None,
) -> None:
    """Write a ticket for each learner: with it, a session counts for the course.

    A ticket holds the learner's own seed, so give each learner only their own.

    Examples: labctl course ticket security-2026 --lab namespaces --learner alice -o tickets;
    labctl course ticket security-2026 --lab namespaces --roster class.csv -o tickets
    """
    from labctl.cli import output
    from labctl.errors import UsageError
    from labctl.grading import roster as rosters
    from labctl.grading.course import Course
    from labctl.lab import loader
    from labctl.session.store import write_atomically

    if (learner is None) == (roster is None):
        raise UsageError("Say for whom: either `--learner ID` or `--roster CSV`")
    course, found = Course.load(folder), loader.find(lab)
    learners = [one.id for one in rosters.read(roster)] if roster else [learner or ""]
    tickets = [course.ticket(one, found.id) for one in learners]
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in tickets:
            write_atomically(out / _file(one), one.model_dump_json(indent=2) + "\n")
    except OSError as e:
        raise UsageError(f"The tickets cannot be written to {out}", details=str(e)) from e
    count = "1 ticket" if len(tickets) == 1 else f"{len(tickets)} tickets"
    output.print_plain(
        f"Wrote {count} to {out}. A learner begins with:\n"
        f"  labctl start {found.id} --ticket {_file(tickets[0]) if tickets else 'FILE'}"
    )


def show(folder: Folder, json: options.Json = False) -> None:
    """Show a course's name and public key. No secret is shown.

    Examples: labctl course show security-2026; labctl course show security-2026 --json
    """
    from labctl.cli import output
    from labctl.grading.course import Course

    course = Course.load(folder)
    shown = {"name": course.name, "key": course.key, "public": course.public}
    if json:
        output.print_json(shown)
    else:
        output.print_rows(("COURSE", "KEY", "PUBLIC KEY"), [tuple(shown.values())])


def verify(
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="A signed report.")],
    course: Annotated[
        Path, typer.Option(metavar="FILE", help="The course's course.json, or its folder.")
    ],
) -> None:
    """Check that a report is as the course's grader signed it. Exit code: 0 it is, 1 it is not.

    Examples: labctl course verify alice.json --course course.json
    """
    from labctl.cli import output
    from labctl.grading import course as courses

    known = courses.load_public(course / courses.COURSE if course.is_dir() else course)
    envelope = _read(report)
    if not courses.verify(envelope, known.public):
        output.print_plain(f"NOT signed by the course `{known.name}`, or changed since.")
        raise typer.Exit(1)
    told = envelope["report"]
    output.print_plain(
        f"Signed by the course `{known.name}`: {told.get('learner')}, {told.get('lab')}, "
        f"{told.get('earned')} of {told.get('points')} points."
    )


def admitted(file: Path, lab: str, seed: str | None, learner: str) -> tuple[str, str, str]:
    """Seed, learner and course of a ticket for that lab. Raises UsageError when it is unfit."""
    from labctl.errors import UsageError
    from labctl.grading import course as courses

    found = courses.load_ticket(file)
    if found.lab != lab:
        raise UsageError(f"This ticket is for the lab `{found.lab}`, not for `{lab}`")
    if seed is not None:
        raise UsageError("A ticket brings its own seed", resolution="Leave `--seed` out.")
    if learner not in ("", found.learner):
        raise UsageError(
            f"This ticket is for {found.learner!r}, not for {learner!r}",
            resolution="Leave `--learner` out, and LABCTL_LEARNER unset.",
        )
    return found.seed, found.learner, found.course


def _file(one: Ticket) -> str:
    return f"{one.lab}-{quote(one.learner, safe='@ ')}.ticket"


def _read(file: Path) -> dict[str, Any]:
    import json

    from labctl.errors import UsageError

    try:
        value = json.loads(file.read_bytes())
    except OSError as e:
        raise UsageError(f"{file} cannot be read", details=e.strerror) from e
    except ValueError as e:
        raise UsageError(f"{file} is not JSON", details=str(e)) from e
    return value if isinstance(value, dict) else {}
