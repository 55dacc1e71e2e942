"""list, info: what there is to learn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from labctl.cli import options


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_labs)
    app.command("info")(info)


def list_labs(json: options.Json = False) -> None:
    """Show all labs, and where those that were added are from.

    Examples: labctl list; labctl list --json
    """
    from labctl.cli import output
    from labctl.lab import catalog

    labs = catalog.summaries()
    if json:
        output.print_json(labs)
        return
    header = ["LAB", "TRACK", "MINUTES", "TITLE"]
    rows = [[lab["id"], lab["track"], str(lab["minutes"]), lab["title"]] for lab in labs]
    if any(lab["source"] for lab in labs):
        header.append("FROM")
        for row, lab in zip(rows, labs, strict=True):
            at = f"@{lab['commit'][:12]}" if lab["commit"] else ""
            row.append(f"{lab['source']}{at}" if lab["source"] else "labctl")
    output.print_rows(header, rows)


def info(
    lab: options.LabId,
    json: options.Json = False,
    text: Annotated[bool, typer.Option("--text", help="Only the lab's text, as Markdown.")] = False,
) -> None:
    """Show a lab: its objectives, its machines, and the text to work through.

    Examples: labctl info namespaces; labctl info default-deny --text | less
    """
    from labctl.cli import output
    from labctl.grading import collect
    from labctl.lab import loader

    found = loader.find(lab)
    graded = [c for c in collect.checks(found) if c.kind == "check"] if not text else []
    readme = output.harmless((found.folder / "README.md").read_text(encoding="utf-8"))
    if json:
        output.print_json(
            {
                "id": found.id,
                **found.model_dump(mode="json"),
                "source": found.source,
                "checks": [asdict(check) for check in graded],
                "readme": readme,
            }
        )
        return
    if text:
        output.print_plain(readme)
        return
    from rich.markdown import Markdown

    out = output.console()
    time = "at most" if found.timed else "about"
    out.print(f"[bold]{found.title}[/bold]  ({found.id}, {time} {found.minutes} minutes)\n")
    if found.source:
        out.print(f"From {found.source}\n", markup=False)
    for objective in found.objectives:
        out.print(f"  - {objective}", markup=False)
    out.print("")
    output.print_rows(
        ("MACHINE", "KIND", "WHAT IT IS"),
        [(name, spec.provider, spec.about) for name, spec in found.machines.items()],
    )
    out.print("")
    output.print_rows(
        ("CHECK", "POINTS", "WHAT MUST HOLD IN THE END"),
        [(check.id, str(check.points), check.statement) for check in graded],
    )
    out.print("")
    out.print(Markdown(readme), soft_wrap=False)
    out.print(f"\nNext: labctl start {found.id}")
