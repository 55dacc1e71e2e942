"""lab new, lab lint, lab test: for those who write labs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import added, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.authoring.choice import Choice
    from labctl.authoring.results import Outcome, Tally

lab = typer.Typer(
    name="lab",
    help="Write labs: begin one, find its flaws, try every verdict. Add the labs of others.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(lab)


@lab.command()
def new(
    lab_id: Annotated[str, typer.Argument(metavar="ID", help="What the lab is called.")],
    track: Annotated[
        str | None, typer.Option(help="Where `list` shows it: isolation, vms, cloud, kubernetes.")
    ] = None,
    provider: Annotated[
        str,
        typer.Option(
            help="What it is about: a container (docker), a Docker engine, a cluster (kind), "
            "a virtual machine (qemu)."
        ),
    ] = "docker",
    folder: Annotated[
        Path | None,
        typer.Option("--in", metavar="FOLDER", help="Where to make it. Default: with all labs."),
    ] = None,
) -> None:
    """Begin a lab: a small one that works, with comments that say what to change.

    Examples: labctl lab new open-door; labctl lab new pod-users --provider kind --in ~/labs
    """
    from labctl.authoring import scaffold
    from labctl.cli import output

    made = scaffold.create(lab_id, provider=provider, track=track, parent=folder)
    name = str(made) if folder else lab_id
    output.print_plain(
        f"{_short(made)} is a lab now. Next:\n"
        f"  Read what a reviewer finds: labctl lab lint {name}\n"
        + (f"  Let labctl know it:         labctl lab add {name}\n" if folder else "")
        + f"  Try every verdict:          labctl lab test {lab_id}\n"
        f"  Work in it:                 labctl start {lab_id}"
    )


@lab.command()
def lint(
    labs: options.LabIds = None,
    json: options.Json = False,
) -> None:
    """Find what a reviewer would, without running anything. Exit code: 1 when there is something.

    Unknown keys, dead links, empty hints, checks that no mistake proves, images that are not
    pinned, text that nothing backs, files that nobody uses. LAB may also be the folder of a lab of
    yours: its checks are loaded by you, so look at a stranger's after `labctl lab add`, which has
    them loaded confined. Without any, all labs are read.

    Examples: labctl lab lint; labctl lab lint namespaces; labctl lab lint ./my-lab --json
    """
    from labctl.authoring.lint import lint as find
    from labctl.cli import output
    from labctl.cli.index import MODULES
    from labctl.errors import UsageError
    from labctl.lab import catalog, sources

    known = catalog.ids()
    folders = []
    for name in labs or known:
        folder = sources.folder(name) or Path(name).absolute()
        if not (folder / "lab.yaml").is_file():
            raise UsageError(
                f"`{name}` is neither a lab nor a folder with a lab.yaml",
                resolution="`labctl list` shows all labs, `labctl lab new` begins one.",
            )
        folders.append(folder)
    found = [f for folder in folders for f in find(folder, commands=MODULES, labs=known)]
    if json:
        output.print_json([finding.to_json() for finding in found])
    else:
        for finding in found:
            place = (
                f"{_short(finding.file)}:{finding.line}" if finding.line else _short(finding.file)
            )
            output.print_plain(f"{place}: {finding.text} [{finding.rule}]")
            if finding.advice:
                output.print_plain(f"    {finding.advice}")
        count = "1 lab" if len(folders) == 1 else f"{len(folders)} labs"
        output.print_plain(f"{count}: {len(found) or 'nothing'} to mend")
    raise typer.Exit(1 if found else 0)


def _short(file: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


@lab.command("test")
def try_labs(
    labs: options.LabIds = None,
    everything: Annotated[bool, typer.Option("--all", help="All labs, in full.")] = False,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Labs that the change touches in full, the others untouched and solved. The "
            "change: the work tree and the commits that are not upstream; when there are none, "
            "the commits of the four hours before the last one.",
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="COMMIT", help="With --changed: all that changed since then."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="VARIANT", help="Only `untouched`, `solution`, or that mistake."),
    ] = None,
    jobs: Annotated[
        str, typer.Option(metavar="N|auto", help="How many at once; auto: what the host has.")
    ] = "auto",
    repeat: Annotated[
        int, typer.Option(min=1, metavar="N", help="Run each N times; shows what flakes.")
    ] = 1,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh/--reset",
            help="A new environment for each variant, or one a lab that is reset in between.",
        ),
    ] = True,
    json: options.Json = False,
) -> None:
    """Try labs: untouched must fail every check, the solution pass all, each mistake fail its own.

    The labs run beside yours, in sessions of their own. Exit code: 1 for a wrong verdict.

    Examples: labctl lab test namespaces; labctl lab test --changed --reset;
    labctl lab test namespaces --only decoy --repeat 5
    """
    from labctl import host
    from labctl.authoring import matrix, results, scratch
    from labctl.cli import output

    choice = _choice(labs or [], everything, changed or since is not None, since, only or [])
    most = _jobs(jobs)
    tasks = matrix.plan(choice.variants, choice.labs, repeat=repeat, reset=not fresh)
    local, steps = host.find("local"), output.Steps()
    scratch.sweep(local, steps)
    with scratch.store(local) as store:
        outcomes = matrix.run(tasks, local, store, steps, jobs=most)
    if json:
        output.print_json(_json(outcomes))
    else:
        _show(outcomes, repeat)
    raise typer.Exit(results.exit_code(outcomes))


def _choice(
    labs: Sequence[str], everything: bool, changed: bool, since: str | None, only: Sequence[str]
) -> Choice:
    from labctl.authoring import choice
    from labctl.errors import UsageError
    from labctl.lab import catalog

    if everything and (labs or changed):
        raise UsageError("`--all` already means every variant of every lab")
    if not (labs or everything or changed):
        raise UsageError(
            "Which labs?",
            resolution="Name some, or say `--changed` or `--all`. `labctl list` shows them.",
        )
    found = choice.changed(labs, since) if changed else choice.full(labs or catalog.ids())
    if only:
        found = choice.only(found, only)
    choice.require_checks(found)
    return found


def _jobs(text: str) -> int | None:
    from labctl.errors import UsageError

    if text == "auto":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"`--jobs {text}` is neither `auto` nor a number from 1")


def _json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    from dataclasses import asdict

    from labctl.authoring import results

    return {
        "ok": all(outcome.ok for outcome in outcomes),
        "runs": [outcome.to_json() for outcome in outcomes],
        "flaky": [asdict(tally) for tally in results.tallies(outcomes) if tally.flaky],
    }


def _show(outcomes: Sequence[Outcome], repeat: int) -> None:
    from labctl.authoring import results
    from labctl.cli import output

    def name(outcome: Outcome) -> str:
        return f"{outcome.lab}: {outcome.variant}" + (
            f", round {outcome.round}" if repeat > 1 else ""
        )

    # An engine that is down fails all runs in the same way: once is enough.
    failures: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.failure:
            failures.setdefault(outcome.failure, []).append(name(outcome))
        elif outcome.wrong:
            output.print_plain(name(outcome))
        for wrong in outcome.wrong:
            output.print_plain(
                f"  {wrong.check}: must be {wrong.expected}, was {wrong.outcome}\n"
                f"    {wrong.message}"
            )
    for failure, names in failures.items():
        output.print_plain("\n".join(names))
        for line in failure.splitlines():
            output.print_plain(f"  {line}")
    if repeat > 1:
        _show_flaky([tally for tally in results.tallies(outcomes) if tally.flaky])
    bad = sum(not outcome.ok for outcome in outcomes)
    runs = "1 run" if len(outcomes) == 1 else f"{len(outcomes)} runs"
    output.print_plain(f"{runs}: " + (f"{bad} wrong" if bad else "every verdict as it must be"))


def _show_flaky(tallies: Sequence[Tally]) -> None:
    from labctl.cli import output

    if not tallies:
        output.print_plain("No check ended now so, now otherwise.")
        return
    output.print_rows(
        ("FLAKY CHECK", "LAB", "VARIANT", "PASSED", "FAILED", "ERROR"),
        [(t.check, t.lab, t.variant, str(t.passed), str(t.failed), str(t.error)) for t in tallies],
    )


lab.command()(added.add)
lab.command()(added.remove)
