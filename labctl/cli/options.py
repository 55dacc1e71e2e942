"""Options and arguments that several commands share, with their completion."""

from __future__ import annotations

from typing import Annotated

import typer


def _sessions(incomplete: str) -> list[str]:
    from labctl.session.store import Store

    return [name for name in Store().names() if name.startswith(incomplete)]


def _labs(incomplete: str) -> list[str]:
    from labctl.lab import catalog

    return [lab for lab in catalog.ids() if lab.startswith(incomplete)]


def _machines(ctx: typer.Context, incomplete: str) -> list[str]:
    from labctl.lab import loader
    from labctl.session.choose import choose
    from labctl.session.store import Store

    lab = loader.find(choose(Store(), ctx.params.get("session")).lab)
    return [name for name in lab.machines if name.startswith(incomplete)]


Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        envvar="LABCTL_SESSION",
        autocompletion=_sessions,
        help="The session that is meant; not needed while only one runs.",
    ),
]
LabId = Annotated[str, typer.Argument(metavar="LAB", autocompletion=_labs, help="A lab's id.")]
LabIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="LAB", autocompletion=_labs, help="Labs' ids."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Machine = Annotated[str, typer.Argument(metavar="MACHINE", autocompletion=_machines)]
OptionalMachine = Annotated[
    str | None,
    typer.Argument(
        metavar="[MACHINE]", autocompletion=_machines, help="Default: the lab's own choice."
    ),
]
HostName = Annotated[
    str,
    typer.Option("--host", envvar="LABCTL_HOST", help="Where the lab runs; `local`: this engine."),
]
