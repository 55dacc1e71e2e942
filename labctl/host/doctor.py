"""Every precondition of labctl with its state, and the command that mends it."""

from __future__ import annotations

import threading

from labctl.errors import LabctlError
from labctl.host import machine
from labctl.host.probes import ENGINE, OTHERS, Finding, Probe, Scene

PROBE_SECONDS = 15


def examine(scene: Scene | None = None) -> list[Finding]:
    """Look at everything. Never raises, and takes about PROBE_SECONDS at most.

    Each probe runs by itself: whatever is wrong with the machine, the others still tell.
    """
    scene = scene or Scene(machine.this())
    name, probe = ENGINE
    # The others ask the engine too: one of them is enough to learn that it does not answer.
    found = _run({name: probe}, scene)
    return found + _run(OTHERS, scene)


def _run(probes: dict[str, Probe], scene: Scene) -> list[Finding]:
    results: dict[str, list[Finding]] = {}

    def look(name: str, probe: Probe) -> None:
        results[name] = _guarded(name, probe, scene)

    # Daemons: a probe that hangs must not keep labctl from ending.
    threads = [threading.Thread(target=look, args=pair, daemon=True) for pair in probes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PROBE_SECONDS)
    late = f"no answer within {PROBE_SECONDS} s"
    return [
        finding
        for name in probes
        for finding in results.get(name, [Finding(name, "warn", late, "an answer")])
    ]


def _guarded(name: str, probe: Probe, scene: Scene) -> list[Finding]:
    try:
        return probe(scene)
    except LabctlError as e:
        if name != ENGINE[0] and not scene.answers:
            return []  # told once, by the probe of the engine itself
        return [Finding(name, "missing", e.message, "an answer", e.resolution or "")]
    except Exception as e:
        return [Finding(name, "warn", f"cannot be told: {e}", "an answer")]
