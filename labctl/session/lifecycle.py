"""start, reset, solve, stop, gc: each a list of steps that can be killed anywhere."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

import docker

from labctl.environment.images import build
from labctl.environment.provider import providers
from labctl.errors import EnvironmentFailure, UsageError
from labctl.host.model import Host
from labctl.lab import facts, loader
from labctl.lab.model import Lab
from labctl.progress import Progress
from labctl.session import resources
from labctl.session.bringup import Prove, apply, bring_up
from labctl.session.model import Record, now, valid_name
from labctl.session.opened import Session, images, opened, place
from labctl.session.store import Store


def start(
    store: Store,
    host: Host,
    lab: Lab,
    progress: Progress,
    prove: Prove,
    *,
    name: str,
    seed: str | None = None,
    learner: str = "",
    keep: bool = False,
) -> Session:
    """Bring a lab up in its broken state; give back the session that is there already.

    What an interrupted start left under that name is removed first. On failure everything
    is removed again, unless `keep`. Raises EnvironmentFailure, UsageError.
    """
    valid_name(name)
    with store.lock(name):
        old = store.load(name)
        if old is not None and old.ready and not old.ending:
            if old.lab != lab.id:
                raise UsageError(
                    f"Session `{name}` runs the lab `{old.lab}`",
                    resolution="Choose another name with `--session NAME`, or stop that one.",
                )
            return opened(store, host, old)
        client = host.client()
        _refuse_foreign(client, store, name)
        if old is not None:
            with progress.step("Remove what an interrupted labctl left"):
                _destroy(store, client, name)
        with progress.step("Check the host's capacity"):
            host.check_capacity(lab)
        with progress.step("Prepare images") as detail:
            references = build.ensure(client, images(lab), detail)
        record = Record(
            name=name,
            lab=lab.id,
            digest=loader.digest(lab),
            seed=seed or facts.new_seed(),
            learner=learner,
            created=now(),
        )
        store.save(record)
        session = Session(record, place(store, record, lab, references), client, providers(client))
        try:
            bring_up(session, progress, prove)
        except BaseException:
            if not keep:
                with progress.step("Undo"):
                    _destroy(store, client, name)
            raise
        return _settle(store, session)


def reset(
    store: Store, session: Session, progress: Progress, prove: Prove, *, workspace: bool = False
) -> Session:
    """Make the machines anew, in the broken state, with the same seed, from the lab as it is now.

    The workspace stays as the learner left it, unless `workspace`: then the lab's own files
    are put back and the old folder is kept aside.
    """
    name = session.record.name
    with store.lock(name):
        lab = loader.find(session.record.lab)
        with progress.step("Prepare images") as detail:
            references = build.ensure(session.client, images(lab), detail)
        unready = dataclasses.replace(
            session.record, ready="", solved=False, digest=loader.digest(lab)
        )
        store.save(unready)
        renewed = dataclasses.replace(
            session, record=unready, place=place(store, unready, lab, references)
        )
        with progress.step("Remove the machines"):
            resources.remove(session.client, name)
        if workspace:
            store.keep(name)
            shutil.rmtree(session.place.workspace, ignore_errors=True)
        bring_up(renewed, progress, prove)
        return _settle(store, renewed)


def stop(store: Store, host: Host, name: str, progress: Progress) -> Path | None:
    """Remove a session; fine when it is gone already. Where the learner's workspace is kept."""
    with store.lock(valid_name(name)):
        client = host.client()
        _refuse_foreign(client, store, name)
        record = store.load(name)
        if record is not None:
            store.save(dataclasses.replace(record, ending=True))
        with progress.step("Remove machines and networks"):
            return _destroy(store, client, name)


def solve(store: Store, session: Session, progress: Progress) -> None:
    """Apply the lab's own solution; the record, and so every later report, says that."""
    with store.lock(session.record.name):
        store.save(dataclasses.replace(session.record, solved=True))
        lab = session.lab
        apply(session, lab.folder / "solution", loader.solution(lab).steps, progress)


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
    build.sweep(client)
    swept = Swept([], [], [])
    inside = resources.sessions(client)
    for name in sorted({*inside, *store.names()}):
        owner = inside.get(name, store.id)
        foreign = owner not in (store.id, "")
        if (foreign or _healthy(store, name)) and not everything:
            continue
        try:
            with store.lock(name):
                # Between the look and the lock, its start may have finished.
                if _healthy(store, name) and not everything:
                    continue
                with progress.step(f"Remove session `{name}`"):
                    kept = _destroy(store, client, name)
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


def _destroy(store: Store, client: docker.DockerClient, name: str) -> Path | None:
    """Remove everything of a session, the record last; where the workspace was moved to."""
    resources.remove(client, name)
    kept = store.keep(name)
    store.delete(name)
    return kept


def _refuse_foreign(client: docker.DockerClient, store: Store, name: str) -> None:
    owner = resources.sessions(client).get(name, store.id)
    if owner not in (store.id, ""):
        raise UsageError(
            f"Another labctl user of this engine has a session `{name}`",
            resolution="Choose another name with `--session NAME`.",
        )


def _settle(store: Store, session: Session) -> Session:
    """The last step of start and reset: from here on the session counts as ready."""
    digest = store.workspace_digest(session.record.name)
    record = dataclasses.replace(
        session.record, ready=now(), workspace=session.record.workspace or digest
    )
    store.save(record)
    return dataclasses.replace(session, record=record)
