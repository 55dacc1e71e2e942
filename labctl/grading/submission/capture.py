"""What the learner made, read from a running session.

It is the learner's own word: their engine and their cluster are asked. The grader replays it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labctl.environment.kubeapi import KubeAPI
from labctl.errors import EnvironmentFailure, UsageError
from labctl.grading.submission import cluster, computer, model, plain
from labctl.grading.submission.definition import Definition, from_inspect
from labctl.lab.model import EngineCapture
from labctl.session.opened import Session

_GONE = ("no such", "not found")


def workspace(session: Session) -> Iterator[tuple[str, bytes]]:
    """The captured files that are there. Raises UsageError for a link, or a file too large."""
    names = session.lab.capture.workspace
    words = computer.words(session) if names else {}
    for name in names:
        file = session.place.workspace / name
        if any(part.is_symlink() for part in (file, *_above(file, session.place.workspace))):
            raise UsageError(
                f"`{name}` in the workspace is a link, or lies behind one",
                resolution="Put the file itself there; only files are handed in.",
            )
        if not file.exists():
            continue
        if not file.is_file():
            raise UsageError(f"`{name}` in the workspace is no file")
        if file.stat().st_size > model.MAX_FILE:
            raise UsageError(
                f"`{name}` in the workspace is larger than {model.MAX_FILE >> 10} KiB",
                resolution="That is the limit for a file that is handed in: make it smaller.",
            )
        yield model.WORKSPACE + name, computer.blank(file.read_bytes(), words)


def engines(session: Session) -> Iterator[tuple[str, bytes]]:
    """The captured containers' definitions and settings of engines. Raises UsageError."""
    for machine, wanted in session.lab.capture.engines.items():
        if wanted.containers:
            for name, value in _containers(session, machine, wanted):
                yield model.container_file(machine, name), plain.dump_json(value)
        if wanted.daemon:
            settings = _daemon(session, machine)
            chosen = {key: settings[key] for key in wanted.daemon if key in settings}
            if chosen:
                yield model.daemon_file(machine), plain.dump_json(chosen)


def clusters(session: Session) -> Iterator[tuple[str, bytes]]:
    """The captured objects of clusters, without what add-ons came with."""
    for machine, resources in session.lab.capture.clusters.items():
        api, own = KubeAPI(session.place.kubeconfig(machine)), cluster.own(session.lab, machine)
        found = []
        for resource in resources:
            kind = cluster.kind(api, resource)
            # What the learner should have made, such as a template, makes some resources.
            items = cluster.items(api, kind, own) if kind else []
            found += sorted(items, key=cluster.key)
        yield model.objects_file(machine), plain.dump_yaml(found)


def _containers(
    session: Session, machine: str, wanted: EngineCapture
) -> Iterator[tuple[str, dict[str, Any]]]:
    told = _inspect(session, machine, "container", _names(session, machine, wanted))
    names = {one["Id"]: one["Name"].strip("/") for one in told}
    used = {name for one in told for name in one["NetworkSettings"].get("Networks") or {}}
    networks = {n["Name"]: n for n in _inspect(session, machine, "network", sorted(used))}
    for one in sorted(told, key=lambda one: str(one["Name"])):
        name = names[one["Id"]]
        try:
            value = from_inspect(one, names, networks)
            Definition.model_validate(value)
        except ValidationError as e:
            field = ".".join(str(part) for part in e.errors()[0]["loc"])
            raise UsageError(
                f"The container `{name}` cannot be handed in: its `{field}` is unfit",
                details=e.errors()[0]["msg"],
                resolution="Make the container anew without it.",
            ) from e
        except (LookupError, TypeError, ValueError, AttributeError) as e:
            raise UsageError(
                f"Docker in `{machine}` tells something odd about `{name}`", details=repr(e)
            ) from e
        yield name, value


def _names(session: Session, machine: str, wanted: EngineCapture) -> list[str]:
    """The lab's containers, there or not, and whatever else runs: a part of what was made."""
    _, out, _ = _run(session, machine, ["docker", "ps", "--format", "{{.Names}}"])
    running = out.decode("utf-8", "replace").split()
    return sorted({*wanted.containers, *running} - {*wanted.beside})


def _inspect(
    session: Session, machine: str, what: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    if not names:
        return []
    done = _run(session, machine, ["docker", what, "inspect", *names])
    error = done[2].decode("utf-8", "replace")
    missing = all(any(sign in line.lower() for sign in _GONE) for line in error.splitlines())
    try:
        if done[0] != 0 and not missing:
            raise ValueError(error)
        return [one for one in json.loads(done[1]) if what == "network" or one["Name"]]
    except (ValueError, LookupError, TypeError) as e:
        raise UsageError(
            f"The engine in `{machine}` does not tell about its containers",
            details=str(e)[-2000:],
            resolution="See to it that `docker ps` works in the machine, then submit again.",
        ) from e


def _daemon(session: Session, machine: str) -> dict[str, Any]:
    status, out, _ = _run(session, machine, ["cat", "/etc/docker/daemon.json"])
    try:
        return dict(json.loads(out)) if status == 0 else {}
    except (ValueError, TypeError) as e:
        raise UsageError(
            f"/etc/docker/daemon.json in `{machine}` is not valid JSON", details=str(e)
        ) from e


def _run(session: Session, machine: str, argv: Sequence[str]) -> tuple[int, bytes, bytes]:
    try:
        done = session.provider(machine).exec(session.place, machine, argv, timeout=30)
    except EnvironmentFailure as e:
        raise UsageError(
            f"The machine `{machine}` does not answer, so nothing of it can be handed in",
            details=e.message,
            resolution="`labctl status` shows the machines.",
        ) from e
    return done.status, done.stdout, done.stderr


def _above(file: Path, root: Path) -> Iterator[Path]:
    while (file := file.parent) != root:
        yield file
