"""Whether one more session fits: decided before each start, from what is free right then."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl.environment.containers import engine_errors
from labctl.host import local, networks
from labctl.host.model import Host
from labctl.lab.model import Lab

if TYPE_CHECKING:
    import docker

# MiB: what a session's own processes take beside its machines, and what a start may put on disk.
_HELPER = 200
_DISK = 2048
# Networks that are left to others.
_SPARE = 2
# Sessions by processor: some start while others wait in their checks.
_SESSIONS = 2


@dataclass(frozen=True)
class Free:
    """What the engine's machine has left: MiB of memory, MiB of disk (None: unseen), networks.

    `reserve` is the memory that is never promised to anybody.
    """

    memory: int
    reserve: int
    disk: int | None
    networks: int


class Admission:
    """Decides about sessions on one host; `jobs` is the user's own limit, if there is one."""

    def __init__(self, host: Host, jobs: int | None = None) -> None:
        # One for all looks: each would else leave a connection behind.
        self._client = host.client()
        with engine_errors("tell what it is"):
            info = self._client.info()
        self._processors = int(info.get("NCPU") or 1)
        if local.shares_kernel(info):
            self._processors = min(self._processors, len(os.sched_getaffinity(0)))
        self._most = jobs or _SESSIONS * self._processors

    def objection(self, lab: Lab, starting: Sequence[Lab], running: int) -> str:
        """Why a session of the lab does not fit now, or nothing.

        `starting` are the labs whose sessions have not yet taken all that they will take,
        `running` is the number of all sessions. Raises EnvironmentFailure.
        """
        if running >= self._most:
            return f"{running} sessions run"
        # A start is mostly work for the processors, whose number limits it; a check mostly waits.
        if len(starting) >= self._processors:
            return f"{len(starting)} sessions are starting"
        return shortage(free(self._client), lab, starting)


def free(client: docker.DockerClient) -> Free:
    """Ask the engine and the kernel. Raises EnvironmentFailure."""
    with engine_errors("tell what is free"):
        info: dict[str, Any] = client.info()
        used = networks.subnets(client).values()
    ranges = networks.pools(info)
    taken = sum(any(subnet.overlaps(pool) for pool, _ in ranges) for subnet in used)
    return Free(
        memory=local.memory_available(info),
        reserve=max(512, (int(info["MemTotal"]) >> 20) // 10),
        disk=local.disk_free(info),
        networks=networks.room(ranges) - taken,
    )


def shortage(now: Free, lab: Lab, starting: Sequence[Lab]) -> str:
    """What there is too little of for a session of the lab, or nothing."""
    needed, promised = _memory(lab), sum(_memory(other) for other in starting)
    if needed + promised > now.memory - now.reserve:
        return (
            f"a session of `{lab.id}` takes about {needed} MiB of memory; {now.memory} are free, "
            f"{promised} of them promised, {now.reserve} kept back"
        )
    if now.disk is not None and now.disk < _DISK * (len(starting) + 1):
        return f"the engine's disk has {now.disk} MiB left, and each start may take {_DISK}"
    wanted = len(lab.networks) + sum(len(other.networks) for other in starting)
    if wanted + _SPARE > now.networks:
        return f"the engine has room for {now.networks} more networks (`docker network ls`)"
    return ""


def _memory(lab: Lab) -> int:
    return _HELPER + sum(local.memory_of(machine) for machine in lab.machines.values())
