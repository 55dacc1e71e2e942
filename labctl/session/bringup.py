"""Bringing a lab up: networks, machines, the broken state, and the proof that it is broken."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from labctl import process
from labctl.environment import tls
from labctl.environment.addons import await_ready, install
from labctl.environment.containers import engine_errors
from labctl.environment.images import recipe
from labctl.environment.kind import KindProvider
from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure
from labctl.lab import addons, facts
from labctl.lab.model import KindMachine, Step
from labctl.progress import Detail, Progress
from labctl.session import watching
from labctl.session.files import copy_files
from labctl.session.opened import PROBE, Session

# What makes sure that the untouched lab is really broken; grading is above this layer.
Prove = Callable[[Session, Detail], None]


def bring_up(session: Session, progress: Progress, prove: Prove) -> None:
    """Make all of a session that is not there yet. Raises EnvironmentFailure."""
    place = session.place
    if not place.workspace.exists():
        place.workspace.mkdir(mode=0o755)
        copy_files(place.lab.folder / "environment" / "workspace", place)
    tls.make(place)
    with progress.step("Create networks"):
        _networks(session)
    with progress.step("Create machines") as detail:
        renewed = _machines(session, detail)
    _addons(session, renewed, progress)
    run_steps(session, place.lab.folder, place.lab.setup, progress)
    with progress.step("Make sure that the lab is broken") as detail:
        prove(session, detail)
    watching.begin(session)


def renewable(session: Session) -> list[str]:
    """The containers of clusters that a reset may put back, instead of making new ones."""
    return [
        node
        for name, spec in session.lab.machines.items()
        if isinstance(spec, KindMachine)
        for node in _cluster(session, name).marked(session.place, name)
    ]


def apply(session: Session, folder: Path, steps: list[Step], progress: Progress) -> None:
    """Do what a solution or a mistake consists of: its workspace files, then its steps."""
    copy_files(folder / "workspace", session.place)
    run_steps(session, folder, steps, progress)


def run_steps(session: Session, folder: Path, steps: list[Step], progress: Progress) -> None:
    """Run the scripts and apply the manifests of a list of steps, in order."""
    for step in steps:
        name = step.script or step.manifests or ""
        with progress.step(f"{step.machine}: {name}"):
            if step.script:
                _script(session, step, (folder / step.script).read_text())
            else:
                _manifests(session, step, folder)


def _networks(session: Session) -> None:
    place = session.place
    with engine_errors("create the session's networks"):
        there = {n["Name"] for n in session.client.api.networks()}
        for name in place.lab.networks:
            if place.network(name) in there:
                continue
            labels = place.labels(f"net-{name}", "network")
            session.client.networks.create(place.network(name), driver="bridge", labels=labels)


def _machines(session: Session, detail: Detail) -> set[str]:
    """Create all machines side by side, each as soon as those it comes after are ready.

    A cluster that a reset has left is put back instead. Gives the names of those.
    """
    place = session.place
    waiting = {name: set(spec.after) for name, spec in place.lab.machines.items()}
    running: dict[Future[bool], str] = {}
    done: set[str] = set()
    renewed: set[str] = set()

    def probe() -> bool:
        session.probe.create()
        return False

    with ThreadPoolExecutor(max_workers=len(waiting) + 1) as pool:
        try:
            running[pool.submit(probe)] = PROBE
            while waiting or running:
                for name in [n for n, after in waiting.items() if after <= done]:
                    del waiting[name]
                    running[pool.submit(_machine, session, name)] = name
                detail("waiting for " + ", ".join(sorted(running.values())))
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    if future.result():
                        renewed.add(name)
                    done.add(name)
        except BaseException:
            # The pool waits for its threads, and a thread in kind would take its time.
            process.end_all()
            raise
    return renewed


def _machine(session: Session, name: str) -> bool:
    """Make one machine; whether it was put back instead."""
    provider = session.provider(name)
    if isinstance(provider, KindProvider) and provider.renew(session.place, name):
        return True
    provider.create(session.place, name)
    return False


def _addons(session: Session, renewed: Collection[str], progress: Progress) -> None:
    for machine, spec in session.lab.machines.items():
        for name in spec.addons if isinstance(spec, KindMachine) else ():
            addon = addons.load(name)
            with progress.step(f"{machine}: {name} {addon.version}"):
                if machine not in renewed:
                    install(_cluster(session, machine), session.place, machine, addon)
                await_ready(_cluster(session, machine), session.place, machine, addon)
        # Nobody resets a clean room.
        if isinstance(spec, KindMachine) and machine not in renewed and not session.place.sealed:
            _cluster(session, machine).mark(session.place, machine)


def _script(session: Session, step: Step, text: str) -> None:
    place = session.place
    result = session.provider(step.machine).exec(
        place,
        step.machine,
        ["sh", "-euc", text],
        environment=facts.environment(place.facts),
        timeout=step.seconds,
    )
    if result.status != 0:
        raise EnvironmentFailure(
            f"`{step.script}` failed in `{step.machine}` with exit status {result.status}",
            details=(result.stdout + result.stderr).decode("utf-8", "replace")[-4000:],
        )


def _manifests(session: Session, step: Step, folder: Path) -> None:
    cluster = _cluster(session, step.machine)
    cluster.apply(session.place, step.machine, manifests(session.place, step, folder))


def _cluster(session: Session, machine: str) -> KindProvider:
    provider = session.provider(machine)
    assert isinstance(provider, KindProvider)
    return provider


def manifests(place: Place, step: Step, folder: Path) -> str:
    """The YAML that a step applies, with the facts and the names of images filled in."""
    spec = place.lab.machines[step.machine]
    assert isinstance(spec, KindMachine)
    path = folder / (step.manifests or "")
    files = sorted(path.glob("**/*.yaml")) if path.is_dir() else [path]
    names = {
        f"image-{image}": recipe.name_in_node(recipe.name_for(place.lab.folder, image))
        for image in spec.images
    }
    text = "\n---\n".join(file.read_text() for file in files)
    return facts.fill(text, {**place.facts, **names})
