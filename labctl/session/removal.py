"""stop, gc: removing sessions, whole or interrupted. Needs nothing of their labs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.environment import containers
from labctl.errors import EnvironmentFailure, UsageError
from labctl.host.model import Host
from labctl.progress import Progress
from labctl.session import resources
from labctl.session.model import valid_name
from labctl.session.store import Store

if TYPE_CHECKING:
    import docker


def stop(store: Store, host: Host, name: str, progress: Progress) -> Path | None:
    """Remove a session; fine when it is gone already. Where the learner's workspace is kept."""
    with store.lock(valid_name(name)):
        client = host.client()
        refuse_foreign(client, store, name)
        record = store.load(name)
        if record is not None:
            store.save(dataclasses.replace(record, ending=True))
        with progress.step("Remove machines and networks"):
            return destroy(store, client, name)


@dataclass(frozen=True)
class Swept:
    """What `gc` removed, and what it left because another labctl works on it."""

    removed: list[str]
    busy: list[str]
    kept: list[Path]


def gc(store: Store, host: Host, progress: Progress, *, everything: bool = False) -> Swept:
    """Remove what interrupted commands left; with `everything`, all sessions of the engine.

    Sessions of other stores (another user's) are left alone unless `everything`.
    """
    client = host.client()
    from labctl.environment.images import stock
    from labctl.session.opened import CHECKER

    stock.sweep(client)
    checkers = resources.of_machine(client, CHECKER)
    swept = Swept([], [], [])
    inside = resources.sessions(client)
    for name in sorted({*inside, *store.names()}):
        owner = inside.get(name, store.id)
        foreign = owner not in (store.id, "")
        if (foreign or (_healthy(store, name) and name not in checkers)) and not everything:
            continue
        try:
            with store.lock(name):
                # Between the look and the lock, its start may have finished.
                if _healthy(store, name) and not everything:
                    # Nobody checks, so nobody listens any more to what a killed `check` left.
                    containers.remove_all(client, checkers.get(name, []))
                    continue
                with progress.step(f"Remove session `{name}`"):
                    kept = destroy(store, client, name)
        except UsageError:
            swept.busy.append(name)
            continue
        swept.removed.append(name)
        if kept:
            swept.kept.append(kept)
    return swept


def _healthy(store: Store, name: str) -> bool:
    try:
        record = store.load(name)
    except EnvironmentFailure:
        return False  # a damaged record: nothing can use that session any more
    return record is not None and bool(record.ready) and not record.ending


def destroy(store: Store, client: docker.DockerClient, name: str) -> Path | None:
    """Remove everything of a session, the record last; where the workspace was moved to."""
    resources.remove(client, name)
    kept = store.keep(name)
    store.delete(name)
    return kept


def refuse_foreign(client: docker.DockerClient, store: Store, name: str) -> None:
    """Raise UsageError when a session of that name belongs to another store."""
    owner = resources.sessions(client).get(name, store.id)
    if owner not in (store.id, ""):
        raise UsageError(
            f"Another labctl user of this engine has a session `{name}`",
            resolution="Choose another name with `--session NAME`.",
        )
