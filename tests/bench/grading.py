"""`python -m tests.bench.grading`: what grading many submissions costs.

Throughput on `default-deny`, against the same submissions one after another with bare kind,
kubectl and pytest-testinfra; then many of `namespaces`: errors, leaks, and the grader's memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from labctl.grading.course import Course
from labctl.lab import facts
from tests.bench import by_hand
from tests.e2e.grade import make_folder
from tests.e2e.grade.make_folder import DEFAULT_DENY, NAMESPACES, Maker
from tests.e2e.grade.test_grade import left_over

BIN = Path(sys.executable).parent
PLAIN = Path(__file__).parent / "plain_policies"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hand_in(folder: Path, lab: str, count: int, make: Callable[[Maker], bytes]) -> Course:
    """Submissions of so many learners."""
    course = Course.init(folder / "course", "Bench")
    (folder / "handed-in").mkdir()
    for number in range(count):
        learner = f"learner{number:03}"
        data = make(Maker(course, learner, lab))
        (folder / "handed-in" / f"{learner}.zip").write_bytes(data)
    return course


def cpu_seconds() -> float:
    """What all processors of this machine have worked since it was started."""
    user, nice, system, _, _, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Hand(by_hand.Cluster):
    """One submission graded by hand: a cluster, the policies, the checks, and all away again."""

    def grade(self, course: Course, learner: str) -> None:
        maker = Maker(course, learner, DEFAULT_DENY)
        self.env.update(facts.environment(self.place.facts))
        self.start()
        token = self.place.images["probe"]
        network = f"--network {by_hand.NAME}"
        by_hand.sh(f"docker run -d --name {by_hand.NAME}-net {network} {token} listen --tcp 443")
        address = by_hand.sh(
            "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "
            f"{by_hand.NAME}-net"
        ).strip()
        maker.facts = self.place.facts  # the cluster by hand has its own seed
        policies = self.folder / "policies.yaml"
        texts = [json.dumps(value) for value in make_folder.policies(maker)]
        policies.write_text("\n---\n".join(texts))
        by_hand.sh(f"kubectl apply --server-side -f {policies}", env=self.env)
        by_hand.sh(
            f"{BIN}/python -m pytest -q -c {os.devnull} --rootdir {PLAIN} -p no:cacheprovider"
            f" --hosts=local:// {PLAIN}",
            env={**self.env, "INTERNET": address},
        )
        by_hand.sh(f"docker rm -fv {by_hand.NAME}-net")
        self.stop()


def throughput(count: int) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        course = hand_in(folder, DEFAULT_DENY, count, make_folder.default_deny())
        hand = Hand(DEFAULT_DENY)
        before, began = cpu_seconds(), time.monotonic()
        hand.start()
        start, cpu = time.monotonic() - began, cpu_seconds() - before
        hand.stop()
        say(f"     a cluster by hand: {start:.1f} s, {cpu:.1f} CPU seconds of the machine")
        before, began = cpu_seconds(), time.monotonic()
        for number in range(count):
            hand.grade(course, f"learner{number:03}")
        yard = time.monotonic() - began
        say(
            f"     by hand: {yard / count:.1f} s, {(cpu_seconds() - before) / count:.1f} CPU s each"
        )
        before, began = cpu_seconds(), time.monotonic()
        book = grade(folder)
        own = time.monotonic() - began
        work = (cpu_seconds() - before) / count
        say(f"     grade: {own / count:.1f} s, {work:.1f} CPU s each")
        right = all(e["earned"] == e["points"] for e in book["entries"])
        within = yard / own >= 1.8 and right
        say(
            f"{'ok  ' if within else 'OVER'} grade {count} {DEFAULT_DENY}: {yard:.0f} s by hand, "
            f"{own:.0f} s, {yard / own:.2f} x, at least 1.8; all points: {right}"
        )
        return within


def many(count: int) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hand_in(folder, NAMESPACES, count, make_folder.namespaces())
        memory: dict[int, int] = {}
        began = time.monotonic()
        book = grade(folder, lambda pid, done: memory.update(sampled(pid, done, memory, count)))
        took = time.monotonic() - began
        errors = sum(e["status"] == "error" or e["regrade"] for e in book["entries"])
        wrong = sum(e["earned"] != e["points"] for e in book["entries"])
        leaks = left_over(folder)
        told = ", ".join(f"{size >> 10} MiB at {done}" for done, size in sorted(memory.items()))
        sizes = [size for _, size in sorted(memory.items())]
        flat = not sizes or sizes[-1] <= sizes[0] * 1.15
        within = not errors and not wrong and not leaks and flat
        say(
            f"{'ok  ' if within else 'OVER'} grade {count} {NAMESPACES}: {took / count:.1f} s "
            f"each, errors {errors}, wrong {wrong}, leaks {len(leaks)}, memory {told}"
        )
        return within


def sampled(pid: int, done: int, known: dict[int, int], count: int) -> Iterator[tuple[int, int]]:
    """The grader's memory in KiB, at the first moment after so many are done."""
    for mark in (max(1, count // 10), count // 2, count - 1):
        if done >= mark and mark not in known:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    yield mark, int(line.split()[1])


def grade(folder: Path, look: Callable[[int, int], None] = lambda pid, done: None) -> dict:
    out = folder / "grades"
    argv = [BIN / "labctl", "grade", folder / "handed-in", "--course", folder / "course"]
    with subprocess.Popen([*argv, "--out", out, "--json"], stdout=subprocess.DEVNULL) as grader:
        while grader.poll() is None:
            done = len(list((out / "entries").glob("*.json")))
            try:
                look(grader.pid, done)
            except FileNotFoundError:
                break  # it ended just now
            time.sleep(0.3)
    return json.loads((out / "gradebook.json").read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=24, help=f"of {DEFAULT_DENY}; 0: none")
    parser.add_argument("--many", type=int, default=200, help=f"of {NAMESPACES}; 0: none")
    chosen = parser.parse_args()
    good = [throughput(chosen.submissions)] if chosen.submissions else []
    good += [many(chosen.many)] if chosen.many else []
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
