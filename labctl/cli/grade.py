"""grade: many submissions, one command, one gradebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.grading.gradebook.model import Gradebook


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(grade)


def grade(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Submissions, or folders with them.")
    ],
    course: Annotated[
        Path, typer.Option(metavar="DIR", help="The course: `labctl course init` makes one.")
    ],
    lab: Annotated[
        str | None, typer.Option(metavar="LAB", help="Grade this lab; refuse work for others.")
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Who takes part: tells who is missing, refuses others."),
    ] = None,
    jobs: Annotated[
        str, typer.Option(metavar="N", help="Sessions at once at most; `auto`: what fits.")
    ] = "auto",
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where grades are kept and written to.")
    ] = Path("grades"),
    hidden: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checks that learners never see: DIR/LAB/test_*.py."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Show every submission, not only those at work.")
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1, help="For one submission; default: by its checks."),
    ] = None,
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Grade work made with another version of a lab.")
    ] = False,
    disposable_engine: Annotated[
        bool,
        typer.Option(
            "--disposable-engine",
            help="This engine is thrown away afterwards: run what could break out of a session.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Replay submissions in clean sessions, check them there, and write the gradebook.

    Killed or interrupted, the same command goes on where it was; what ended as error is graded
    again. DIR gets gradebook.json and gradebook.html; `labctl gradebook` makes other formats.

    Exit code: 0 all graded, 1 some refused or missing, 3 some want a regrade.

    Examples: labctl grade handed-in/ --course course;
    labctl grade handed-in/ --course course --roster roster.csv --hidden hidden --jobs 2
    """
    from labctl import host
    from labctl.cli import grade_view, output
    from labctl.grading.batch import run

    request = run.Request(
        paths=paths,
        course=course,
        out=out.absolute(),
        lab=lab,
        roster=roster,
        hidden=hidden,
        jobs=_jobs(jobs),
        deadline=deadline,
        any_version=any_version,
        disposable=disposable_engine,
    )
    view = grade_view.View(everything=live)
    try:
        book = run.grade(request, host.find("local"), output.Steps(), view.open)
    except KeyboardInterrupt:
        view.close()
        view.tell(f"Interrupted. {view.summary} The same command goes on from there.")
        raise typer.Exit(130) from None
    finally:
        view.close()
    if json:
        output.print_json(book.to_json())
    else:
        from labctl.cli import gradebook

        gradebook.show(book)
        output.print_plain(f"\nWrote {out / 'gradebook.html'} and {out / 'gradebook.json'}")
    raise typer.Exit(_exit_code(book))


def _jobs(text: str) -> int | None:
    from labctl.errors import UsageError

    if text == "auto":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"`--jobs {text}` is no number", resolution="Give a number, or `auto`.")


def _exit_code(book: Gradebook) -> int:
    if any(entry.regrade for entry in book.entries):
        return 3
    return 1 if any(entry.status in ("refused", "missing") for entry in book.entries) else 0
