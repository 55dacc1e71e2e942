"""A learner's work, put into a clean session."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from labctl.environment.kubeapi import KubeAPI
from labctl.errors import WaitTimeout
from labctl.grading.report import clean
from labctl.grading.submission import cluster, computer, model, policy
from labctl.grading.submission.model import Submission
from labctl.grading.submission.rebuild import Machine
from labctl.lab.model import EngineMachine
from labctl.progress import Progress
from labctl.session.opened import Session

# How long containers have to end by themselves, if they do.
_SETTLE_SECONDS = 1.0
_SCRIPT_SECONDS = 120
_KIND_SECONDS = 15


def replay(
    session: Session, submission: Submission, progress: Progress, *, disposable: bool = False
) -> list[str]:
    """Put the work into a running session, made with the seed that the course gives the learner.

    The caller has seen to it that `policy.refusals` has none. Gives back notes for the report:
    what was left out, what does not start, which is the learner's affair. Raises
    EnvironmentFailure for trouble that is not.
    """
    left_out = policy.left_out(submission, session.lab, disposable=disposable)
    notes = [
        f"the clean room leaves out {part}: {', '.join(why)}" for part, why in left_out.items()
    ]
    with progress.step("Replay the workspace"):
        _workspace(session, submission)
    for machine, scripts in session.lab.capture.scripts.items():
        with progress.step(f"Replay {machine}"):
            _scripts(Machine(session, machine, notes), scripts, notes)
    for machine in session.lab.capture.engines:
        with progress.step(f"Replay {machine}"):
            _engine(session, submission, machine, left_out, notes)
    for machine in session.lab.capture.clusters:
        with progress.step(f"Replay {machine}"):
            _cluster(session, submission, machine, left_out, notes)
    return [clean(note) for note in notes]


def _workspace(session: Session, submission: Submission) -> None:
    """Make the captured files what they were, or were not."""
    root, names = session.place.workspace, session.lab.capture.workspace
    words = computer.words(session) if names else {}
    for name in names:
        file = root / name
        file.unlink(missing_ok=True)
        data = submission.files.get(model.WORKSPACE + name)
        if data is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(computer.fill(data, words))
            file.chmod(0o755 if data.startswith(b"#!") else 0o644)


def _engine(
    session: Session,
    submission: Submission,
    name: str,
    left_out: Mapping[str, Any],
    notes: list[str],
) -> None:
    wanted, spec = session.lab.capture.engines[name], session.lab.machines[name]
    assert isinstance(spec, EngineMachine)
    machine = Machine(session, name, notes)
    handed_in = policy.containers(submission, name)
    machine.remove(sorted({*wanted.containers, *handed_in}))
    if model.daemon_file(name) not in left_out:
        machine.configure(policy.daemon(submission, name), spec.images)
    for container in wanted.containers:
        if container not in handed_in:
            notes.append(f"container `{container}` was not there when the work was handed in")
    definitions = {
        container: definition
        for container, definition in handed_in.items()
        if model.container_file(name, container) not in left_out
    }
    started = machine.make(definitions)
    if started:
        time.sleep(_SETTLE_SECONDS)
    machine.settled(started)
    _scripts(machine, wanted.scripts, notes)


def _scripts(machine: Machine, scripts: Sequence[str], notes: list[str]) -> None:
    for script in scripts:
        try:
            done = machine.run([f"/workspace/{script}"], timeout=_SCRIPT_SECONDS)
        except WaitTimeout:
            notes.append(f"`{script}` did not end within {_SCRIPT_SECONDS} s")
            continue
        if done.status != 0:
            output = (done.stdout + done.stderr).decode("utf-8", "replace")[-300:]
            notes.append(f"`{script}` ended with exit status {done.status}: {output}")


def _cluster(
    session: Session,
    submission: Submission,
    name: str,
    left_out: Mapping[str, Any],
    notes: list[str],
) -> None:
    """Make the captured objects those of the submission: no other is left, none is missing.

    Add-ons stay as they were installed, whatever the submission has of them.
    """
    api, own = KubeAPI(session.place.kubeconfig(name)), cluster.own(session.lab, name)
    entry = model.objects_file(name)
    left = {
        cluster.key(value): value
        for value in policy.objects(submission, name)
        if f"{entry}: {policy.object_name(value)}" not in left_out
    }
    for resource in session.lab.capture.clusters[name]:
        group_version = resource.rpartition("/")[0]
        asked_for = any(v["apiVersion"] == group_version for v in left.values())
        # What was replayed before may be about to make this resource.
        patience = _KIND_SECONDS if asked_for else 0
        kind = api.wait(partial(cluster.kind, api, resource), seconds=patience)
        if kind is None:
            continue
        mine = {k: v for k, v in left.items() if v["apiVersion"] == kind.group_version}
        wanted = {
            k: cluster.clean(v, kind)
            for k, v in mine.items()
            if v["kind"] == kind.name and k not in own
        }
        notes += cluster.replace(api, kind, wanted, own)
        left = {k: v for k, v in left.items() if k not in wanted}
    for value in left.values():
        notes.append(f"{policy.object_name(value)} is nothing that the lab asks for")
