"""From a lab's folder to a Lab: everything checked, every problem told at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from labctl import paths
from labctl.errors import UsageError
from labctl.lab import addons, catalog, sources
from labctl.lab.model import (
    FORMAT,
    DockerMachine,
    EngineMachine,
    Goal,
    KindMachine,
    Lab,
    Mistake,
    Solution,
    Spot,
    Step,
    Traffic,
    Watch,
)
from labctl.lab.names import OWN_IMAGES
from labctl.lab.source import Problem, Source, refuse
from labctl.lab.sources import Origin


def find(lab_id: str) -> Lab:
    """The lab of that id. Raises UsageError when there is none, DefinitionError when it is bad."""
    # Own or added is asked once: between two questions, somebody may have taken it away.
    origin = None if sources.own_folder(lab_id) else sources.registry().get(lab_id)
    folder = origin.folder if origin else sources.own_folder(lab_id)
    if folder is None or not (folder / "lab.yaml").is_file():
        known = catalog.ids()
        raise UsageError(
            f"There is no lab `{lab_id}`",
            details="Labs: " + ", ".join(known) if known else f"No labs in {paths.labs_dir()}",
            resolution="`labctl list` shows all labs.",
        )
    return _load(folder, origin)


def load(folder: Path) -> Lab:
    """Read and check `folder/lab.yaml`. Raises DefinitionError with every problem found."""
    return _load(folder, sources.origin(folder))


def _load(folder: Path, origin: Origin | None) -> Lab:
    # Before anything is read: a file of a lab must not be one of the user's.
    refuse(f"The lab `{folder.name}`", _strays(folder))
    source = Source(folder / "lab.yaml")
    _format(source)
    lab = source.model(Lab)
    if lab is not None:
        known = {"id": folder.name, "folder": folder, "source": str(origin or "")}
        lab = lab.model_copy(update=known)
        _references(lab, source)
    refuse(f"The lab `{folder.name}`", source.problems)
    assert lab is not None  # no problems means there is a model
    return lab


def solution(lab: Lab) -> Solution:
    """How the lab's solution is applied."""
    source = Source(lab.folder / "solution" / "solution.yaml")
    found = source.model(Solution)
    if found is not None:
        _steps(lab, source, found.steps, lab.folder / "solution")
    refuse(f"The solution of `{lab.id}`", source.problems)
    assert found is not None
    return found


def mistakes(lab: Lab) -> dict[str, Mistake]:
    """The lab's mistakes by name. Raises DefinitionError with the problems of all of them."""
    found: dict[str, Mistake] = {}
    problems = []
    for file in sorted(lab.folder.glob("mistakes/*/mistake.yaml")):
        source = Source(file)
        mistake = source.model(Mistake)
        if mistake is not None:
            _steps(lab, source, mistake.steps, file.parent)
            found[file.parent.name] = mistake
        problems += source.problems
    refuse(f"The mistakes of `{lab.id}`", problems)
    return found


def digest(lab: Lab) -> str:
    """SHA-256 over the lab's files: which edition of the lab a report is about."""
    total = hashlib.sha256()
    for file in _files(lab.folder):
        name = file.relative_to(lab.folder).as_posix()
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not {"__pycache__", ".git"} & set(file.relative_to(folder).parts):
            yield file


def _strays(folder: Path) -> Iterator[Problem]:
    """What is no plain file or folder of the lab's own."""
    top = folder.resolve()
    for where, folders, files in os.walk(folder):
        if where == str(folder) and ".git" in folders:
            folders.remove(".git")  # read by nobody, and large
        for entry in (Path(where, name) for name in (*folders, *files)):
            if entry.is_symlink():
                try:
                    inside = entry.resolve().is_relative_to(top)
                except (OSError, RuntimeError):  # it leads in a circle
                    inside = False
                if not inside:
                    yield Problem(entry, 0, "is a link that leads out of the lab's folder")
            elif not (entry.is_file() or entry.is_dir()):
                yield Problem(entry, 0, "is neither a file nor a folder")


def _format(source: Source) -> None:
    """A lab of a later format has one problem: what else it says need not mean anything here."""
    told = source.data.get("format") if isinstance(source.data, dict) else None
    if isinstance(told, int) and told > FORMAT:
        text = f"format {told} is for a later labctl: this one knows format {FORMAT}"
        source.problem(("format",), text)


def _references(lab: Lab, source: Source) -> None:
    kinds = {name for name, m in lab.machines.items() if isinstance(m, KindMachine)}
    if lab.shell not in lab.machines:
        source.problem(("shell",), f"there is no machine `{lab.shell}`")
    for name, machine in lab.machines.items():
        at = ("machines", name)
        for network in machine.networks:
            if network not in lab.networks:
                source.problem((*at, "networks"), f"there is no network `{network}`")
        for other in machine.after:
            if other not in lab.machines or other == name:
                source.problem((*at, "after"), f"there is no other machine `{other}`")
        kubeconfig = machine.kubeconfig if isinstance(machine, DockerMachine) else None
        if kubeconfig and kubeconfig not in kinds:
            source.problem((*at, "kubeconfig"), f"`{kubeconfig}` is no kind machine")
        if isinstance(machine, EngineMachine | KindMachine):
            for image in machine.images:
                if not image_folder(lab, image).is_dir():
                    source.problem((*at, "images"), f"there is no recipe for image `{image}`")
        for addon in machine.addons if isinstance(machine, KindMachine) else ():
            if addon not in addons.folders():
                known = ", ".join(addons.folders())
                source.problem((*at, "addons"), f"there is no add-on `{addon}`, only: {known}")
        if not isinstance(machine, KindMachine) and not image_folder(lab, machine.image).is_dir():
            source.problem((*at, "image"), f"there is no recipe for image `{machine.image}`")
    for image in OWN_IMAGES:
        if (lab.folder / "environment" / image / "Dockerfile").exists():
            source.problem((), f"`environment/{image}` has the name of one of labctl's own images")
    if cycle := _cycle(lab):
        source.problem(("machines", cycle, "after"), "machines wait for each other in a circle")
    for name, pick in lab.seeded.items():
        if bool(pick.of) == (pick.low is not None and pick.high is not None):
            source.problem(("seeded", name), "needs either `of`, or `low` and `high`")
        elif pick.of and pick.count > len(set(pick.of)):
            source.problem(("seeded", name), f"cannot pick {pick.count} of {len(set(pick.of))}")
        elif not pick.of and (pick.low or 0) > (pick.high or 0):
            source.problem(("seeded", name), "`low` is above `high`")
    if lab.traffic:
        _traffic(lab, lab.traffic, kinds, source)
    for name, watch in lab.watch.items():
        _watch(lab, name, watch, kinds, source)
    _capture(lab, kinds, source)
    _areas(lab, source)
    _steps(lab, source, lab.setup, lab.folder, key="setup")
    if not (lab.folder / "README.md").is_file():
        source.problem((), "there is no README.md beside it, so nothing for the learner to read")


def _traffic(lab: Lab, traffic: Traffic, kinds: set[str], source: Source) -> None:
    if traffic.cluster not in kinds:
        source.problem(("traffic", "cluster"), f"`{traffic.cluster}` is no kind machine")
    for side in ("sources", "targets"):
        for index, endpoint in enumerate(getattr(traffic, side)):
            at = ("traffic", side, index)
            if endpoint.machine and endpoint.machine not in lab.machines:
                source.problem((*at, "machine"), f"there is no machine `{endpoint.machine}`")
            _facts(lab, source, at, namespace=endpoint.namespace, port=endpoint.port)


def _watch(lab: Lab, name: str, watch: Watch, kinds: set[str], source: Source) -> None:
    _facts(lab, source, ("watch", name, "to"), port=watch.target.port)
    ends: tuple[tuple[str, Spot | Goal], ...] = (("from", watch.source), ("to", watch.target))
    for key, end in ends:
        at = ("watch", name, key)
        if end.machine and end.machine not in lab.machines:
            source.problem((*at, "machine"), f"there is no machine `{end.machine}`")
        elif end.namespace and end.machine not in kinds:
            source.problem((*at, "machine"), f"`{end.machine}` is no kind machine: it has no pods")
        if end.labels and not end.namespace:
            source.problem((*at, "labels"), "`labels` choose among pods: say in which `namespace`")
        _facts(lab, source, at, namespace=end.namespace)


def _facts(lab: Lab, source: Source, at: tuple[str | int, ...], **values: str | int | None) -> None:
    """Values that may be the name of a seeded fact, `$db_port`."""
    known = {name.replace("-", "_") for name in lab.seeded}
    for key, value in values.items():
        if isinstance(value, str) and value[0] == "$" and value[1:] not in known:
            source.problem((*at, key), f"there is no seeded fact `{value[1:]}`")


def _areas(lab: Lab, source: Source) -> None:
    if lab.areas and not 3 <= len(lab.areas) <= 12:
        source.problem(("areas",), f"a radar has 3 to 12 areas, not {len(lab.areas)}")
    owner: dict[str, str] = {}
    for name, area in lab.areas.items():
        for check in area.checks:
            if owner.setdefault(check, name) != name:
                at = ("areas", name, "checks")
                source.problem(at, f"`{check}` is in the area `{owner[check]}`, too")


def _capture(lab: Lab, kinds: set[str], source: Source) -> None:
    for machine, wanted in lab.capture.engines.items():
        at = ("capture", "engines", machine)
        if not isinstance(lab.machines.get(machine), EngineMachine):
            source.problem(at, f"`{machine}` is no engine machine")
        for script in wanted.scripts:
            if script not in lab.capture.workspace:
                source.problem((*at, "scripts"), f"`{script}` is not in `capture.workspace`")
    for machine, scripts in lab.capture.scripts.items():
        at = ("capture", "scripts", machine)
        spec = lab.machines.get(machine)
        if not isinstance(spec, DockerMachine) or not spec.workspace:
            source.problem(at, f"`{machine}` is no docker machine with the workspace")
        for script in scripts:
            if script not in lab.capture.workspace:
                source.problem(at, f"`{script}` is not in `capture.workspace`")
    for machine in lab.capture.clusters:
        if machine not in kinds:
            source.problem(("capture", "clusters", machine), f"`{machine}` is no kind machine")


def _steps(lab: Lab, source: Source, steps: list[Step], base: Path, key: str = "steps") -> None:
    for index, step in enumerate(steps):
        at = (key, index)
        machine = lab.machines.get(step.machine)
        if machine is None:
            source.problem((*at, "machine"), f"there is no machine `{step.machine}`")
        if (step.script is None) == (step.manifests is None):
            source.problem(at, "needs either `script` or `manifests`")
        if step.manifests and machine and not isinstance(machine, KindMachine):
            source.problem((*at, "manifests"), f"`{step.machine}` is no kind machine")
        for name in (step.script, step.manifests):
            if name and not (base / name).exists():
                source.problem(at, f"there is no file `{name}`")


def image_folder(lab: Lab, image: str) -> Path:
    """The recipe of an image that the lab names: its own, else a shared one or an add-on's."""
    own = lab.folder / "environment" / image
    if (own / "Dockerfile").is_file():
        return own
    return addons.images().get(image, paths.clusters_dir() / "images" / image)


def _cycle(lab: Lab) -> str | None:
    """A machine that waits for itself through others, or None."""
    done: set[str] = set()
    while ready := {n for n, m in lab.machines.items() if n not in done and set(m.after) <= done}:
        done |= ready
    known = {n for n in lab.machines if set(lab.machines[n].after) <= set(lab.machines)}
    return next(iter(sorted(known - done)), None)
