"""Every precondition of labctl with its state, and the command that mends it.

A probe looks at one thing and changes nothing. Each runs by itself and has little time: whatever
is wrong with the machine, the others still tell what they found.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labctl.environment.images import base, build, golang, recipe, tools
from labctl.errors import EnvironmentFailure, LabctlError
from labctl.host import kernel, local, machine, networks
from labctl.host.machine import Machine

if TYPE_CHECKING:
    import docker

State = Literal["ok", "warn", "missing"]

PROBE_SECONDS = 10
ENGINE_VERSION = (20, 10)
# 7 of each are taken by the labs' own folders and logs; the rest is what builds leave for a while.
DISK_MIB = (3 << 10, 15 << 10)
MEMORY_MIB = (1 << 10, 4 << 10)


@dataclass(frozen=True)
class Finding:
    """One precondition: what was found and needed, and what mends it (empty when all is well)."""

    name: str
    state: State
    found: str
    needed: str
    fix: str = ""


class Scene:
    """What the probes look at: this machine and its engine, each asked once."""

    def __init__(self, m: Machine) -> None:
        self.machine = m

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine. Raises EnvironmentFailure when none answers."""
        return local.connect(local.endpoint())

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says about itself and its machine."""
        return dict(self.client.info())

    @cached_property
    def near(self) -> bool:
        """Whether the engine runs on this machine's own kernel."""
        return local.shares_kernel(self.info)


Probe = Callable[[Scene], Iterator[Finding]]


def examine() -> list[Finding]:
    """Look at everything. Never raises; takes PROBE_SECONDS at most."""
    scene = Scene(machine.this())
    # The others ask the engine as well: let one of them find out that it does not answer.
    engine = _guarded("engine", look_engine, scene)
    alive = engine[0].state != "missing"
    probes = PROBES if alive else {n: p for n, p in PROBES.items() if p not in _ASK_ENGINE}
    results: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=lambda n=n, p=p: results.update({n: _guarded(n, p, scene)}))
        for n, p in probes.items()
    ]
    for thread in threads:
        thread.daemon = True  # one that hangs must not keep labctl from ending
        thread.start()
    for thread in threads:
        thread.join(PROBE_SECONDS)
    late = Finding("", "warn", f"no answer within {PROBE_SECONDS} s", "an answer", "Run it again.")
    found = [results.get(n, [Finding(n, late.state, late.found, late.needed, late.fix)]) for n in probes]
    return [*engine, *(finding for group in found for finding in group)]


def _guarded(name: str, probe: Probe, scene: Scene) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(probe(scene))
    except LabctlError as e:
        findings.append(Finding(name, "missing", e.message, "an answer", e.resolution or ""))
    except Exception as e:  # noqa: BLE001 - a probe that fails is a finding, never a crash
        findings.append(Finding(name, "warn", f"could not be asked: {e}", "an answer"))
    return findings
