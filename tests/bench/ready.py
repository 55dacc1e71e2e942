"""`python -m tests.bench.ready [LAB...]`: how long Kubernetes labs let a learner wait.

The yardstick is a bare cluster by hand, made anew before each lab: `kind create cluster --wait`
with labctl's node image and kind's own settings.
Only `start` has a limit, as a ratio to that; the rest is told in seconds, beside the yardstick.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from labctl.lab import catalog, loader
from labctl.lab.model import KindMachine, Lab
from tests.bench.__main__ import BIN
from tests.bench.by_hand import NAME, Cluster, sh

# Start against the bare cluster, by what the lab has besides one.
PLAIN, WITH_REGISTRY_OR_GATEKEEPER, WITH_VAULT = 1.3, 2.0, 3.0


def limit(lab: Lab) -> float:
    machines = lab.machines
    addons = [a for m in machines.values() if isinstance(m, KindMachine) for a in m.addons]
    if "vault" in addons:
        return WITH_VAULT
    return WITH_REGISTRY_OR_GATEKEEPER if addons or "registry" in machines else PLAIN


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def bare() -> float:
    """A cluster, and nothing in it."""
    by_hand = Cluster("default-deny")
    sh(f"docker network create {NAME}")
    image = by_hand.place.images["node"]
    create = f"kind create cluster --name {NAME} --image {image} --wait 180s"
    took = timed(lambda: sh(create, env=by_hand.env))
    sh(f"kind delete cluster --name {NAME}; docker network rm {NAME}", env=by_hand.env)
    return took


def labctl(*argv: str, codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([BIN / "labctl", *argv], capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"labctl {argv} failed:\n{done.stdout}{done.stderr}")


def one(lab: str) -> list[float]:
    """Bare cluster, start, check untouched, solve, check solved, reset."""
    session = ("--session", "bench")
    times = [bare(), timed(lambda: labctl("start", lab, *session))]
    try:
        times.append(timed(lambda: labctl("check", *session, codes=(1,))))
        times.append(timed(lambda: labctl("solve", *session)))
        times.append(timed(lambda: labctl("check", *session)))
        times.append(timed(lambda: labctl("reset", *session)))
    finally:
        labctl("stop", *session)
    return times


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labs", nargs="*")
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    names = chosen.labs or [n for n in catalog.ids() if loader.find(n).track == "kubernetes"]
    tell(f"{'lab':22} {'bare':>6} {'start':>6} ratio limit  check  solve  check  reset (s)")
    within = True
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABCTL_DATA_DIR"] = folder
        for name in names:
            rounds = [one(name) for _ in range(chosen.times)]
            yard, start, *rest = (statistics.median(c) for c in zip(*rounds, strict=True))
            most = limit(loader.find(name))
            within &= start <= most * yard
            told = " ".join(f"{value:6.1f}" for value in rest)
            tell(f"{name:22} {yard:6.1f} {start:6.1f} {start / yard:5.2f} {most:5.1f} {told}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
