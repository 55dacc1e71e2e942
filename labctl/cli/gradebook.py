"""gradebook: what became of all submissions, on the terminal and in files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from rich.text import Text

    from labctl.grading.gradebook.lms import Filled
    from labctl.grading.gradebook.model import Entry, Gradebook

_COLOURS = {"graded": "green", "regrade": "yellow", "refused": "red", "missing": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(gradebook)


def gradebook(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder that `labctl grade` wrote to.")
    ] = Path("grades"),
    json: options.Json = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a CSV file: a row a learner and lab.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page, one file with everything.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    gradescope: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write LAB/LEARNER/results.json for Gradescope."),
    ] = None,
    canvas: Annotated[
        Path | None,
        typer.Option(metavar="EXPORT", help="Fill a column of a gradebook exported from Canvas."),
    ] = None,
    moodle: Annotated[
        Path | None,
        typer.Option(metavar="EXPORT", help="Fill a column of grades exported from Moodle."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of the export to fill.")
    ] = None,
    lab: Annotated[
        str | None, typer.Option(metavar="LAB", help="Whose points go there, if there are several.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of the export that tells learners apart."),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Learners' e-mail addresses, to find them in the export."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: EXPORT with `.filled`."),
    ] = None,
) -> None:
    """Show the grades of many submissions, or hand them on to other programs.

    In CSV files, cells that a spreadsheet would run as a formula (they begin with = + - @ or a
    tab) get an apostrophe in front. A filled export differs from the given one in that column
    only; learners that are not found there without doubt, or need a regrade, are listed.

    Exit code: 0 done, 1 somebody could not be filled in.

    Examples: labctl gradebook grades; labctl gradebook grades --csv grades.csv --html grades.html;
    labctl gradebook grades --canvas export.csv --column "Lab 1"
    """
    from labctl.grading.gradebook import model

    book = model.load(out)
    written = any((csv, html, junit, gradescope, canvas, moodle))
    if csv:
        from labctl.grading.gradebook import table

        _write(csv, table.to_csv(book).encode())
    if html:
        from labctl.grading.gradebook import page

        _write(html, page.render(book).encode())
    if junit:
        from labctl.grading.gradebook import junit as xml

        _write(junit, xml.to_junit(book).encode())
    complete = True
    if gradescope:
        complete = _gradescope(book, gradescope)
    export = canvas or moodle
    if export:
        from labctl.errors import UsageError
        from labctl.grading import roster as people
        from labctl.grading.gradebook import lms

        if column is None or (canvas and moodle):
            raise UsageError(
                "Which column is to be filled?" if column is None else "One export at a time",
                resolution='For example: --canvas export.csv --column "Lab 1"',
            )
        emails = {p.id: (p.email,) for p in people.read(roster)} if roster else {}
        grades, worth = lms.grades(book, lab)
        system = lms.CANVAS if canvas else lms.MOODLE
        filled = lms.fill(_read(export), system, column, grades, worth, by=by, aliases=emails)
        _write(output or export.with_suffix(f".filled{export.suffix}"), filled.data)
        _tell(filled)
        complete = complete and not filled.left
    if json:
        from labctl.cli.output import print_json

        print_json(book.to_json())
    elif not written:
        show(book)
    raise typer.Exit(0 if complete else 1)


def show(book: Gradebook) -> None:
    """Print the table, what to do next, and what submissions have in common."""
    from rich.table import Table
    from rich.text import Text

    from labctl.cli.output import console
    from labctl.grading.gradebook.flags import flags

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("LEARNER", overflow="fold", ratio=3)
    table.add_column("LAB", overflow="fold", ratio=2)
    table.add_column("POINTS", justify="right", no_wrap=True)
    table.add_column("STATUS", no_wrap=True)
    table.add_column("LOOK AT", overflow="fold", ratio=2)
    for entry in book.entries:
        status = _status(entry)
        look = [flag for flag in flags(entry, book) if flag != "regrade"]
        table.add_row(
            Text(entry.who),
            Text(entry.lab),
            Text(f"{entry.earned}/{entry.points}"),
            Text(status, style=_COLOURS[status]),
            Text(", ".join(look)),
        )
    out.print(table, soft_wrap=False)
    for line in _remarks(book):
        out.print(line)


def _remarks(book: Gradebook) -> list[Text]:
    from rich.text import Text

    from labctl.grading.gradebook.stats import of_lab

    lines = [Text()]
    for lab in (of_lab(book, lab) for lab in book.labs):
        if lab.mean is not None and lab.median is not None:
            spread = f"mean {lab.mean:.1f}, median {lab.median:.1f} of {lab.points}"
            lines.append(Text(f"{lab.lab}: {lab.settled} of {lab.entries} settled, {spread}"))
    for title, chosen in (
        ("To be regraded", [e for e in book.entries if e.regrade]),
        ("Refused", [e for e in book.entries if e.status == "refused"]),
    ):
        if chosen:
            lines.append(Text(f"\n{title}:", style="bold"))
            lines += [Text(f"  {e.who}, {e.lab}: {_reason(e)}") for e in chosen]
    if any(entry.regrade for entry in book.entries):
        lines.append(Text("Run `labctl grade` again: it grades anew what ended as error."))
    if book.similar:
        lines.append(Text("\nIn common (this says what is, and accuses nobody):", style="bold"))
        lines += [Text(f"  {finding.lab}: {finding}") for finding in book.similar]
    return lines


def _status(entry: Entry) -> str:
    return "regrade" if entry.regrade else entry.status


def _reason(entry: Entry) -> str:
    return entry.reason or "; ".join(
        f"{r.statement}: {r.message}" for r in entry.results if r.outcome == "error"
    )


def _gradescope(book: Gradebook, folder: Path) -> bool:
    """Write the files; False when somebody who handed in has none."""
    import json

    from labctl.cli.output import console
    from labctl.grading.gradebook import gradescope

    found = gradescope.files(book)
    for path, content in found.items():
        _write(folder / path, json.dumps(content, indent=2).encode(), quiet=True)
    err = console(stderr=True)
    err.print(f"Wrote {len(found)} results.json below {folder}", markup=False)
    left = [entry for entry in book.entries if entry.regrade]
    for entry in left:
        err.print(f"  {entry.who}, {entry.lab}: needs a regrade; no file", markup=False)
    return not left


def _tell(filled: Filled) -> None:
    from labctl.cli.output import console
    from labctl.grading.gradebook.model import visible

    err = console(stderr=True)
    for remark in filled.remarks:
        err.print(f"Look: {remark}", markup=False)
    err.print(f"Filled in: {filled.filled}. Left out: {len(filled.left)}.", markup=False)
    for learner, reason in filled.left:
        err.print(f"  {learner}: {reason}", markup=False)
    if filled.others:
        names = ", ".join(visible(name) for name in filled.others)
        err.print(f"In the export, but not in the gradebook, and left as is: {names}", markup=False)


def _read(file: Path) -> bytes:
    from labctl.errors import UsageError

    try:
        return file.read_bytes()
    except OSError as e:
        raise UsageError(f"{file} cannot be read: {e.strerror}") from e


def _write(file: Path, data: bytes, *, quiet: bool = False) -> None:
    from labctl.cli.output import console
    from labctl.errors import UsageError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as e:
        raise UsageError(f"{file} cannot be written: {e.strerror}") from e
    if not quiet:
        console(stderr=True).print(f"Wrote {file}", markup=False)
