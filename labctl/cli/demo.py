"""demo: the main job on real labs, as `make demo` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from labctl.session.opened import Session

LABS = ("namespaces", "default-deny")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Run two labs from start to stop: untouched, solved, graded each time.

    Examples: labctl demo
    """
    from labctl import host
    from labctl.cli import output
    from labctl.cli.report import render
    from labctl.errors import EnvironmentFailure
    from labctl.grading import live
    from labctl.lab import loader
    from labctl.session import lifecycle, removal
    from labctl.session.opened import ready
    from labctl.session.store import Store

    store, local = Store(), host.find("local")
    for lab in LABS:
        steps, name = output.Steps(), f"demo-{lab}"
        if name in store.names():  # of a demo that was killed, and may be solved already
            removal.stop(store, local, name, steps)
        output.print_plain(f"\n# {lab}: start")
        lifecycle.start(store, local, loader.find(lab), steps, live.prove, name=name)
        try:
            for moment, expected in (("untouched", 1), ("solved", 0)):
                output.print_plain(f"\n# {lab}: check, {moment}")
                with steps.step("Check") as detail:
                    report = live.check(ready(store, local, name), detail)
                render(report, output.console())
                _show_traffic(ready(store, local, name))
                if report.exit_code != expected:
                    raise EnvironmentFailure(
                        f"The {moment} lab `{lab}` ended with {report.exit_code}, not {expected}",
                        resolution="`labctl doctor` shows whether the machine is well.",
                    )
                if expected:
                    output.print_plain(f"\n# {lab}: solve")
                    lifecycle.solve(store, ready(store, local, name), steps)
        finally:
            output.print_plain(f"\n# {lab}: stop")
            removal.stop(store, local, name, steps)
    output.print_plain("\nThe demo is over. Now you: labctl start namespaces")


def _show_traffic(session: Session) -> None:
    """Who reaches whom now, where the lab has a cluster to watch."""
    if session.lab.traffic is None:
        return
    from labctl.cli import output
    from labctl.cli.traffic import WIDTH, draw
    from labctl.session.traffic import Watcher

    with Watcher(session) as watcher:
        output.print_plain("")
        output.print_plain(draw(watcher.read(), session.record.name, WIDTH).plain)
