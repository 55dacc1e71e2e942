"""Making this machine ready. Each step looks first, and does only what is missing."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import paths, process
from labctl.environment.images import base, build, bundle, golang, recipe, stock, tools
from labctl.errors import EnvironmentFailure, LabctlError
from labctl.host import local, machine
from labctl.host.machine import Machine
from labctl.progress import Progress

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]

ENGINE_PACKAGE = "docker.io"
BASE_PACKAGES = ("mmdebstrap", "debian-archive-keyring")
_ENGINE_SECONDS = 60


@dataclass(frozen=True)
class Files:
    """Where an engine that labctl installs keeps what labctl writes for it."""

    marker: Path = Path("/etc/docker/installed-by-labctl")
    configuration: Path = Path("/etc/docker/daemon.json")
    wrapper: Path = Path("/usr/local/lib/labctl/runc-nosysresource")
    log: Path = Path("/var/log/labctl-dockerd.log")


@dataclass(frozen=True)
class Setup:
    """What the steps work on: the machine, and a bundle where one was given.

    Which images are built: those of the recipes in `images`, or with `everything` all, or else
    all but those of add-ons.
    """

    machine: Machine
    bundle: Path | None = None
    images: frozenset[str] = frozenset()
    everything: bool = False
    files: Files = Files()

    @property
    def engine(self) -> docker.DockerClient | None:
        """A client of the engine, if one answers."""
        try:
            return local.connect(local.endpoint())
        except EnvironmentFailure:
            return None


@dataclass(frozen=True)
class Look:
    """What a step found, and what it has to do: nothing where `todo` is empty.

    A step that has nothing to say either (both are empty) is not shown.
    """

    found: str = ""
    todo: str = ""


@dataclass(frozen=True)
class Step:
    """One step: `look` changes nothing; `act` is called only when `look` found work."""

    name: str
    look: Callable[[Setup], Look]
    act: Callable[[Setup, Report], None]


def run(setup: Setup, progress: Progress) -> None:
    """Make the machine ready, one step after another. Raises LabctlError with what to do."""
    for step in STEPS:
        look = step.look(setup)
        if not (look.found or look.todo):
            continue
        with progress.step(f"{step.name}: {look.todo or look.found}") as report:
            if look.todo:
                step.act(setup, report)


def plan(setup: Setup) -> list[tuple[str, Look]]:
    """What `run` would find and do. Changes nothing."""
    looks = [(step.name, step.look(setup)) for step in STEPS]
    return [(name, look) for name, look in looks if look.found or look.todo]


def look_engine(setup: Setup) -> Look:
    """Whether an engine answers, and how one comes to be if not."""
    client = setup.engine
    if client is not None:
        return Look(f"{client.api.version()['Version']} answers")
    obstacle = _engine_obstacle(setup)
    if obstacle:
        return Look("none answers", f"cannot go on: {obstacle.message}")
    if "dockerd" not in setup.machine.programs:
        return Look("none", f"install Debian's {ENGINE_PACKAGE} and start it")
    if setup.files.marker.exists():
        return Look("stopped", "start it")
    return Look("stopped", "start it as it is (labctl did not install it)")


def start_engine(setup: Setup, report: Report) -> None:
    """Start the engine that is here, or install one; wait until it answers."""
    obstacle = _engine_obstacle(setup)
    if obstacle:
        raise obstacle
    if "dockerd" not in setup.machine.programs:
        _install_engine(setup, report)
        if setup.engine is not None:
            return  # the package started it
    report("starting the engine")
    if setup.machine.systemd:
        process.run(["systemctl", "start", "docker"], timeout=_ENGINE_SECONDS)
    else:
        # Detached: it must outlive this program, and hold none of its files open.
        process.run(
            ["sh", "-c", 'exec setsid --fork dockerd >>"$0" 2>&1 </dev/null', str(setup.files.log)],
            env={**os.environ, "PATH": base.process_path()},
        )
    deadline = time.monotonic() + _ENGINE_SECONDS
    while setup.engine is None:
        if time.monotonic() > deadline:
            log = setup.files.log.read_text(errors="replace") if setup.files.log.exists() else ""
            raise EnvironmentFailure(
                f"The Docker engine did not answer within {_ENGINE_SECONDS} s",
                details="\n".join(log.splitlines()[-15:]),
                resolution="The lines above say why; `dockerd` in a shell shows all of it.",
            )
        time.sleep(0.2)


def _engine_obstacle(setup: Setup) -> EnvironmentFailure | None:
    """Why labctl must leave starting an engine to the user, if so."""
    m, target = setup.machine, local.endpoint()
    if target.chosen:
        return EnvironmentFailure(
            f"The engine that you chose ({target.url}) does not answer",
            resolution="Start it, or unset DOCKER_HOST and run `docker context use default`.",
        )
    if m.system != "linux":
        return EnvironmentFailure(
            "No Docker engine answers",
            resolution="Start Docker Desktop (or Colima, OrbStack), then run this again.",
        )
    socket = Path(target.url.removeprefix("unix://"))
    if socket.exists() and not os.access(socket, os.W_OK):
        return EnvironmentFailure(
            f"You may not use the Docker engine at {target.url}",
            resolution="`sudo usermod -aG docker $USER`, then log out and in again.",
        )
    if "dockerd" in m.programs:
        if m.installable and (not m.systemd or setup.files.marker.exists()):
            return None
        start = "systemctl start docker" if m.systemd else "service docker start"
        return EnvironmentFailure(
            "A Docker engine is installed and does not run",
            resolution=f"`{'' if m.root else 'sudo '}{start}`, then run this again.",
        )
    if m.installable:
        return None
    if m.debian:
        return EnvironmentFailure(
            "There is no Docker engine here, and installing one takes root",
            resolution=f"`sudo apt-get install {ENGINE_PACKAGE} {BASE_PACKAGES[0]} && "
            "sudo usermod -aG docker $USER`, log out and in again, then run this again.",
        )
    return EnvironmentFailure(
        "There is no Docker engine here",
        resolution="Install Docker with your distribution's packages, start it, then run "
        "this again.",
    )


def _install_engine(setup: Setup, report: Report) -> None:
    files = setup.files
    files.marker.parent.mkdir(parents=True, exist_ok=True)
    files.marker.write_text("labctl setup installed this engine and may start and configure it.\n")
    try:
        if setup.machine.lacks_sys_resource and not files.configuration.exists():
            _configure_wrapper(files)
        apt_install([ENGINE_PACKAGE], report)
        if "docker" not in machine.this().programs:
            apt_install(["docker-cli"], report)  # where the client is a package of its own
    except LabctlError:
        files.marker.unlink(missing_ok=True)
        raise


def _configure_wrapper(files: Files) -> None:
    """Have the engine leave CAP_SYS_RESOURCE out of privileged containers: see the wrapper."""
    source = paths.clusters_dir() / "images" / "engine" / files.wrapper.name
    files.wrapper.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, files.wrapper)
    files.wrapper.chmod(0o755)
    runtime = "labctl-runc"
    configuration = {
        "default-runtime": runtime,
        "runtimes": {runtime: {"path": str(files.wrapper)}},
    }
    part = files.configuration.with_suffix(".part")
    part.write_text(json.dumps(configuration, indent=2) + "\n")
    part.replace(files.configuration)


def apt_install(packages: list[str], report: Report) -> None:
    """Install Debian packages. Raises ProcessError with apt's output."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": base.process_path()}
    patient = ["-q", "-o", "DPkg::Lock::Timeout=300"]
    install = ["apt-get", "install", *patient, "-y", "--no-install-recommends", *packages]
    # What an earlier install left half done when it was killed would fail this one.
    for argv in (["dpkg", "--configure", "-a"], ["apt-get", "update", *patient], install):
        process.run(argv, env=env, timeout=1200, on_line=report)


def look_bundle(setup: Setup) -> Look:
    """Whether there is a bundle to load."""
    if setup.bundle is None:
        return Look()
    if not _missing_images(setup) and tools.present():
        return Look("not needed")
    return Look("not loaded", f"load {setup.bundle.name}")


def load_bundle(setup: Setup, report: Report) -> None:
    """Load the bundle into the engine."""
    assert setup.bundle is not None
    bundle.load(_client(setup), setup.bundle, report)


def look_tools(setup: Setup) -> Look:
    """Whether kind and kubectl are there for this machine."""
    return Look("there") if tools.present() else Look("missing", "build them with Go")


def make_tools(setup: Setup, report: Report) -> None:
    """Build kind and kubectl."""
    tools.build(report)


def look_base(setup: Setup) -> Look:
    """Whether the program that makes the base image is there, or not needed."""
    if recipe.BASE not in _missing_images(setup):
        return Look()
    if base.can_make():
        return Look("there")
    if setup.machine.installable:
        return Look("missing", f"install {' and '.join(BASE_PACKAGES)}")
    return Look("missing: the engine will pull Debian's image instead")


def install_base(setup: Setup, report: Report) -> None:
    """Install mmdebstrap, and the keys that it checks Debian's packages with."""
    apt_install(list(BASE_PACKAGES), report)


def look_images(setup: Setup) -> Look:
    """Which images have to be built."""
    missing = _missing_images(setup)
    if setup.engine is None:
        return Look("not known before an engine answers", "build what is missing")
    if not missing:
        return Look("all there")
    shown = missing if len(missing) < 4 else [*missing[:2], f"{len(missing) - 2} more"]
    return Look("missing", f"build {', '.join(shown)}")


def make_images(setup: Setup, report: Report) -> None:
    """Build the images that are missing."""
    build.ensure(_client(setup), _missing_images(setup), report)


def _missing_images(setup: Setup) -> list[str]:
    client = setup.engine
    if client is None:  # a dry run before the engine is there
        cookbook = recipe.read(golang.host_arch())
        if setup.images:
            return list(cookbook.order(sorted(setup.images)))
        return [n for n in cookbook.names if setup.everything or n not in cookbook.optional]
    if setup.images:
        return build.missing(client, setup.images)
    if setup.everything:
        return [image.name for image in stock.images(client) if not image.present]
    return stock.missing(client)


def _client(setup: Setup) -> docker.DockerClient:
    return local.connect(local.endpoint())


STEPS = (
    Step("Docker engine", look_engine, start_engine),
    Step("Bundle", look_bundle, load_bundle),
    Step("mmdebstrap", look_base, install_base),
    # Building some images builds kind and kubectl on the way.
    Step("Images", look_images, make_images),
    Step("kind and kubectl", look_tools, make_tools),
)
