"""`make bench`: what labctl costs, each as a ratio to a yardstick in the same run.

Machines are noisy: yardstick and subject take turns, and medians are compared.
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
from dataclasses import dataclass
from pathlib import Path

from tests.bench import by_hand, trusted

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Row:
    what: str
    yardstick: float
    subject: float
    limit: str
    within: bool

    def __str__(self) -> str:
        sign = "ok  " if self.within else "OVER"
        ratio = self.subject / self.yardstick if self.yardstick else float("nan")
        return (
            f"{sign} {self.what:44} {self.yardstick:8.3f} s {self.subject:8.3f} s "
            f"{ratio:6.2f} x   limit {self.limit}"
        )


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run(*argv: str | Path, **more: object) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise SystemExit(f"{argv} failed:\n{done.stdout}{done.stderr}")


def labctl(*argv: str) -> None:
    run(BIN / "labctl", *argv)


def medians(times: int, *steps: Callable[[], float]) -> list[float]:
    """The median of each step, all of them done in turn."""
    rounds = [[step() for step in steps] for _ in range(times)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def above(what: str, limit_ms: int, argv: list[str]) -> Row:
    yard, subject = medians(
        15,
        lambda: timed(lambda: run(BIN / "python", "-c", "pass")),
        lambda: timed(lambda: labctl(*argv)),
    )
    return Row(what, yard, subject, f"+ {limit_ms} ms", subject - yard <= limit_ms / 1000)


def ratio(what: str, limit: float, yard: float, subject: float) -> Row:
    return Row(what, yard, subject, f"{limit} x", subject / yard <= limit)


def command_lines() -> list[Row]:
    return [above("labctl --help", 120, ["--help"]), above("labctl list", 250, ["list"])]


def container_lab(times: int) -> list[Row]:
    def yardstick() -> float:
        with by_hand.Engine("namespaces") as lab:
            return timed(lab.start)

    def subject() -> float:
        took = timed(lambda: labctl("start", "namespaces", "--session", "bench"))
        labctl("stop", "--session", "bench")
        return took

    yard, own = medians(times, yardstick, subject)
    return [ratio("start namespaces / machines by hand", 1.2, yard, own)]


def kind_lab(times: int) -> list[Row]:
    def yardstick() -> list[float]:
        lab = by_hand.Cluster("default-deny")
        return [timed(lab.start), timed(lab.stop)]

    def subject() -> list[float]:
        began = timed(lambda: labctl("start", "default-deny", "--session", "bench"))
        left = [
            line
            for line in subprocess.run(
                ["ps", "-eo", "args"], capture_output=True, text=True
            ).stdout.splitlines()
            if "labctl" in line and "--session bench" in line
        ]
        processes.append(len(left))
        return [began, timed(lambda: labctl("stop", "--session", "bench"))]

    processes: list[int] = []
    rounds = [(yardstick(), subject()) for _ in range(times)]
    yard, own = (
        [statistics.median(c) for c in zip(*side, strict=True)]
        for side in zip(*rounds, strict=True)
    )
    return [
        ratio("start default-deny / kind create, apply, wait", 1.2, yard[0], own[0]),
        ratio("stop default-deny / kind delete cluster", 1.2, yard[1], own[1]),
        Row("processes of labctl while a lab runs", 0, max(processes), "none", not any(processes)),
    ]


def ten_commands(times: int) -> list[Row]:
    os.environ["LABCTL_LABS_DIR"] = str(ROOT / "tests" / "bench")
    labctl("start", "lab", "--session", "bench")
    plain = ROOT / "tests" / "bench" / "lab" / "plain"
    argv = [BIN / "python", "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", plain]
    argv += ["-p", "no:cacheprovider", "--hosts=docker://labctl-bench--box", plain]
    try:
        yard, own = medians(
            times,
            lambda: timed(lambda: run(*argv)),
            lambda: timed(lambda: labctl("check", "--session", "bench")),
        )
    finally:
        labctl("stop", "--session", "bench")
        del os.environ["LABCTL_LABS_DIR"]
    return [ratio("check, ten commands / testinfra's docker backend", 0.4, yard, own)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="how often each lab is measured")
    parser.add_argument("--only", choices=["cli", "container", "kind", "check", "trusted"])
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], list[Row]]] = {
        "cli": command_lines,
        "check": lambda: ten_commands(chosen.times),
        "trusted": lambda: [Row(*row) for row in trusted.rows(chosen.times)],
        "container": lambda: container_lab(chosen.times),
        "kind": lambda: kind_lab(chosen.times),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABCTL_DATA_DIR"] = folder
        for name, part in parts.items():
            if chosen.only in (None, name):
                for row in part():
                    sys.stdout.write(f"{row}\n")
                    sys.stdout.flush()
                    rows.append(row)
    return 0 if all(row.within for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
