"""check, hint: how far the learner has come."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.grading.children import Child


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)
    app.command()(hint)


def check(
    ctx: typer.Context,
    session: options.Session = None,
    json: options.Json = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a JUnit XML file.")
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw the lab's areas as a radar, if it has some."),
    ] = None,
) -> None:
    """Grade the lab as it is now. Exit code: 0 passed, 1 failed, 3 could not be asked.

    Examples: labctl check; labctl check --json | jq .earned; labctl check --svg radar.svg
    """
    from concurrent.futures import ThreadPoolExecutor
    from importlib import import_module

    from labctl.grading import children
    from labctl.lab import sources
    from labctl.session.choose import choose
    from labctl.session.store import Store

    # main() started this one ahead: let it load the checks while this process loads the rest.
    # Those of a lab from elsewhere it must not even load.
    child: Child = ctx.obj
    store = Store()
    record = choose(store, session)
    if svg:
        _require_areas(record.lab)
    if own := sources.own_folder(record.lab):
        child.collect(children.task(own))

    from labctl import host
    from labctl.cli import output
    from labctl.grading import live
    from labctl.session.opened import ready

    rendering = ThreadPoolExecutor(1).submit(import_module, "labctl.cli.report")
    # A reset meanwhile would make a finished lab fail.
    with store.lock(record.name, shared=True):
        found = ready(store, host.find("local"), record.name)
        with output.Steps().step("Check") as detail:
            report = live.check(found, detail, child)
        store.write(found.record.name, "report.json", report.to_json())
        store.note(found.record.name, "checked", earned=report.earned, points=report.points)
    if junit:
        junit.write_text(report.to_junit(), encoding="utf-8")
    if svg:
        from labctl.grading import radar

        title = f"{report.title}: {report.earned} of {report.points} points"
        svg.write_text(radar.draw(report.areas, title), encoding="utf-8")
    if json:
        output.print_json(report.to_json())
    else:
        rendering.result().render(report, output.console())
    raise typer.Exit(report.exit_code)


def _require_areas(lab: str) -> None:
    from labctl.errors import UsageError
    from labctl.lab import loader

    if not loader.find(lab).areas:
        raise UsageError(
            f"The lab `{lab}` has no areas, so there is no radar to draw",
            resolution="Leave `--svg` away; `labctl check` shows all points.",
        )


def hint(
    check_id: Annotated[
        str | None, typer.Argument(metavar="[CHECK]", help="Default: the first that failed.")
    ] = None,
    session: options.Session = None,
) -> None:
    """Show a hint for a check. Reports tell which hints were shown.

    Examples: labctl hint; labctl hint egress-denied
    """
    from labctl import host
    from labctl.cli import output
    from labctl.errors import UsageError
    from labctl.grading.report import Report
    from labctl.session.opened import ready
    from labctl.session.store import Store

    store = Store()
    found = ready(store, host.find("local"), session)
    saved = store.read(found.record.name, "report.json")
    if saved is None:
        raise UsageError("Nothing has been checked yet", resolution="Run `labctl check` first.")
    results = Report.from_json(saved).results
    if check_id is None:
        chosen = next((r for r in results if r.outcome != "passed"), None)
    else:
        chosen = next((r for r in results if r.id == check_id), None)
        if chosen is None:
            known = ", ".join(r.id for r in results)
            raise UsageError(f"There is no check `{check_id}`", resolution=f"Checks: {known}.")
    if chosen is None:
        output.print_plain("Every check passed: no hint is needed.")
        return
    if chosen.id not in found.record.hints:
        hints = [*found.record.hints, chosen.id]
        store.save(dataclasses.replace(found.record, hints=hints))
        store.note(found.record.name, "hint", check=chosen.id)
    output.print_plain(f"{chosen.id}: {chosen.statement}\n  {chosen.hint}")
