"""start, reset, solve: each a list of steps that can be killed anywhere."""

from __future__ import annotations

import dataclasses
import shutil

from labctl.environment.images import build
from labctl.environment.provider import providers
from labctl.errors import EnvironmentFailure, UsageError
from labctl.host.model import Host
from labctl.lab import facts, loader
from labctl.lab.model import Lab
from labctl.progress import Progress
from labctl.session import resources, room
from labctl.session.bringup import Prove, apply, bring_up, renewable
from labctl.session.model import Record, now, valid_name
from labctl.session.opened import Session, images, opened, place
from labctl.session.removal import destroy, refuse_foreign
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
    course: str = "",
    keep: bool = False,
    sealed: bool = False,
) -> Session:
    """Bring a lab up in its broken state; give back the session that is there already.

    `course` is the id of the course that gave the seed; without one the session is practice.
    What an interrupted start left under that name is removed first. On failure everything
    is removed again, unless `keep`. A `sealed` session has no way out (see room.py). Raises
    EnvironmentFailure, UsageError.
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
            if course and (old.course, old.seed, old.learner) != (course, seed, learner):
                raise UsageError(
                    f"Session `{name}` was not started with this ticket",
                    resolution="Choose another name with `--session NAME`, or stop that one.",
                )
            return _whole(opened(store, host, old))
        client = host.client()
        refuse_foreign(client, store, name)
        if old is not None:
            with progress.step("Remove what an interrupted labctl left"):
                destroy(store, client, name)
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
            course=course,
            created=now(),
        )
        store.save(record)
        where = place(store, record, lab, lambda: references, sealed=sealed)
        session = Session(record, where, client, providers(client))
        try:
            bring_up(session, progress, prove)
            if sealed:
                with progress.step("Close all ways out"):
                    room.seal(session)
        except BaseException:
            if not keep:
                with progress.step("Undo"):
                    destroy(store, client, name)
            raise
        store.handed_out(name)
        store.note(name, "started")
        return _settle(store, session)


def reset(
    store: Store,
    session: Session,
    progress: Progress,
    prove: Prove,
    *,
    workspace: bool = False,
    clusters: bool = False,
) -> Session:
    """Make the machines anew, in the broken state, with the same seed, from the lab as it is now.

    Clusters are put back, where that gives what a new one would, and are new with `clusters`.

    The machines come up with the lab's own files in the workspace, or the learner's would have a
    say in what is broken. Then the learner's files are put back: all that are not as they were
    handed out. With `workspace` they are not, but kept elsewhere.
    """
    name = session.record.name
    with store.lock(name):
        lab = loader.find(session.record.lab)
        with progress.step("Prepare images") as detail:
            references = build.ensure(session.client, images(lab), detail)
        unready = dataclasses.replace(
            session.record, ready="", solved=False, digest=loader.digest(lab), machines={}
        )
        store.save(unready)
        renewed = dataclasses.replace(
            session, record=unready, place=place(store, unready, lab, lambda: references)
        )
        with progress.step("Remove the machines"):
            keep = () if clusters else renewable(renewed)
            resources.remove(session.client, name, keep)
        if workspace:
            store.keep(name)
            shutil.rmtree(session.place.workspace, ignore_errors=True)
        else:
            store.lay_aside(name)
        try:
            bring_up(renewed, progress, prove)
        except BaseException:
            store.take_back(name)
            raise
        store.handed_out(name)
        if not workspace:
            store.put_back(name)
        store.note(name, "reset")
        return _settle(store, renewed)


def solve(store: Store, session: Session, progress: Progress) -> None:
    """Apply the lab's own solution; the record, and so every later report, says that."""
    with store.lock(session.record.name):
        store.save(dataclasses.replace(session.record, solved=True))
        store.note(session.record.name, "solved")
        lab = session.lab
        apply(session, lab.folder / "solution", loader.solution(lab).steps, progress)


def _whole(session: Session) -> Session:
    found = {name: session.find(name) for name in session.lab.machines}
    amiss = [name for name, machine in found.items() if not machine or machine.state != "running"]
    if amiss:
        name = session.record.name
        raise EnvironmentFailure(
            f"Session `{name}` is there, and these of its machines do not run: {', '.join(amiss)}",
            resolution=f"`labctl reset --session {name}` makes them anew; your files stay.",
        )
    return session


def _settle(store: Store, session: Session) -> Session:
    """The last step of start and reset: from here on the session counts as ready."""
    digest = store.workspace_digest(session.record.name)
    found = {name: session.find(name) for name in session.lab.machines}
    moment = now()
    record = dataclasses.replace(
        session.record,
        ready=moment,
        began=session.record.began or moment,
        workspace=session.record.workspace or digest,
        machines={name: machine.container for name, machine in found.items() if machine},
    )
    store.save(record)
    return dataclasses.replace(session, record=record)
