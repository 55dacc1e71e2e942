"""The engine that this machine uses: its own, Docker Desktop's, or one far away."""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labctl.environment.direct import DirectClient, is_engine_error
from labctl.environment.qemu import OVERHEAD_MIB
from labctl.errors import EnvironmentFailure
from labctl.lab.model import QemuMachine, mebibytes

if TYPE_CHECKING:
    import docker

    from labctl.lab.model import Lab, Machine

ANSWER_SECONDS = 5
CALL_SECONDS = 60

# MiB that a machine takes when lab.yaml sets no limit: measured, rounded up.
_MEMORY = {"docker": 64, "engine": 256, "kind": 768}
_DISK_MIB = 2048


@dataclass(frozen=True)
class Endpoint:
    """Where the engine is looked for. `chosen`: the user named it (DOCKER_HOST, a context)."""

    url: str
    chosen: bool = False
    context: str | None = None


class LocalHost:
    """The engine of this machine, as the docker command would find it."""

    name = "local"

    def client(self) -> docker.DockerClient:
        """A client of the engine. Raises EnvironmentFailure when none answers."""
        return connect(endpoint())

    def check_capacity(self, lab: Lab) -> None:
        """Raise EnvironmentFailure when the engine has too little memory or disk for a lab."""
        info = self.client().info()
        needed = sum(memory_of(machine) for machine in lab.machines.values())
        available = memory_available(info)
        if needed > available:
            raise EnvironmentFailure(
                f"The lab `{lab.id}` takes about {needed} MiB of memory, and {available} are free",
                resolution="Stop other labs (`labctl status`) or programs.",
            )
        free = disk_free(info)
        if free is not None and free < _DISK_MIB:
            raise EnvironmentFailure(
                f"The engine's disk has {free} MiB left, and a lab may take {_DISK_MIB}",
                resolution="`labctl images prune`, `labctl gc` and `docker system df` help.",
            )


def endpoint() -> Endpoint:
    """The engine that the docker command would use: DOCKER_HOST, then the context, then sockets."""
    if url := os.environ.get("DOCKER_HOST"):
        return Endpoint(url, chosen=True)
    name = os.environ.get("DOCKER_CONTEXT") or _current_context()
    if name != "default":
        from docker.context import ContextAPI

        context = ContextAPI.get_context(name)
        if context is None or not context.Host:
            raise EnvironmentFailure(
                f"There is no usable docker context `{name}`",
                resolution="`docker context ls` shows them, `docker context use` selects one.",
            )
        return Endpoint(context.Host, chosen=True, context=name)
    if platform.system() == "Windows":
        return Endpoint("npipe:////./pipe/docker_engine")
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"))
    default = Path("/var/run/docker.sock")
    own = (runtime / "docker.sock", Path.home() / ".docker" / "run" / "docker.sock")
    found = next((s for s in (default, *own) if s.exists()), default)
    return Endpoint(f"unix://{found}")


def _current_context() -> str:
    """The context that `docker context use` chose; loading docker-py to ask it takes long."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text())
        return str(config.get("currentContext") or "default")
    except (OSError, ValueError, AttributeError):
        return "default"


def connect(target: Endpoint) -> docker.DockerClient:
    """A client of the engine at an endpoint, which has answered once.

    Raises EnvironmentFailure when it does not answer within ANSWER_SECONDS.
    """
    try:
        if target.url.startswith("unix://"):
            socket = Path(target.url.removeprefix("unix://"))
            direct = DirectClient(socket, lambda: _client(target), ANSWER_SECONDS)
            direct.ping()
            return cast("docker.DockerClient", direct)
        return _client(target)
    except Exception as e:
        if not is_engine_error(e):
            raise
        text = str(e)
        if "Permission denied" in text or isinstance(e, PermissionError):
            raise EnvironmentFailure(
                f"You may not use the Docker engine at {target.url}",
                details=text,
                resolution="`sudo usermod -aG docker $USER`, then log out and in again.",
            ) from e
        raise EnvironmentFailure(
            f"No Docker engine answers at {target.url}",
            details=text,
            resolution="`labctl setup` finds, starts or installs one; `labctl doctor` tells more.",
        ) from e


def _client(target: Endpoint) -> docker.DockerClient:
    import docker

    if target.context:
        from docker.context import ContextAPI

        tls = ContextAPI.get_context(target.context).TLSConfig or False
        client = docker.DockerClient(base_url=target.url, tls=tls, timeout=ANSWER_SECONDS)
    elif target.chosen:
        client = docker.from_env(timeout=ANSWER_SECONDS)
    else:
        client = docker.DockerClient(base_url=target.url, timeout=ANSWER_SECONDS)
    client.api.timeout = CALL_SECONDS
    return client


def shares_kernel(info: dict[str, Any]) -> bool:
    """Whether the engine that gave `info` runs on this very machine (not in a VM, not far away)."""
    same_kernel = info.get("KernelVersion") == platform.release()
    return platform.system() == "Linux" and same_kernel and Path(info["DockerRootDir"]).exists()


def memory_available(info: dict[str, Any]) -> int:
    """MiB of memory that machines can still get, or all of it where that cannot be seen."""
    if shares_kernel(info):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    return int(info["MemTotal"]) >> 20


def disk_free(info: dict[str, Any]) -> int | None:
    """MiB that are free where the engine keeps its data; None where that cannot be seen."""
    if not shares_kernel(info):
        return None
    return shutil.disk_usage(info["DockerRootDir"]).free >> 20


def memory_of(machine: Machine) -> int:
    """MiB of memory that a machine may take."""
    nodes = machine.nodes if machine.provider == "kind" else 1
    if isinstance(machine, QemuMachine):
        return mebibytes(machine.memory) + OVERHEAD_MIB
    if machine.memory:
        return mebibytes(machine.memory) * nodes
    return _MEMORY[machine.provider] * nodes
