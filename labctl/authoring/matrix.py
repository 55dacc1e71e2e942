"""Labs times variants times rounds: planned, and run side by side as there is room."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from labctl.authoring.results import Outcome
from labctl.authoring.workers import Run, Task, Worker
from labctl.grading.batch import admission
from labctl.host.model import Host
from labctl.lab.model import Lab
from labctl.progress import Progress
from labctl.session.model import MAX_NAME
from labctl.session.store import Store

_MOST = 64  # environments at once, whatever the host has
# Processors that a machine keeps busy when lab.yaml sets no limit. A cluster is mostly idle once
# it is up, but coming up takes a processor, and checks that measure need quiet neighbours.
_CPUS = {"docker": 0.25, "engine": 1.0, "kind": 1.0, "qemu": 1.0}


def plan(
    chosen: Mapping[str, Sequence[str]], labs: Mapping[str, Lab], *, repeat: int, reset: bool
) -> list[Task]:
    """What to do for the chosen variants of each lab, `repeat` times.

    An environment for every run; with `reset` one for each lab, reset between runs.
    """
    runs = {
        lab: [Run(variant, number + 1) for number in range(repeat) for variant in variants]
        for lab, variants in chosen.items()
    }
    if reset:
        return [Task(labs[lab], tuple(all_of_it)) for lab, all_of_it in runs.items() if all_of_it]
    return [Task(labs[lab], (run,)) for lab, all_of_it in runs.items() for run in all_of_it]


def run(
    tasks: Sequence[Task], host: Host, store: Store, progress: Progress, *, jobs: int | None
) -> list[Outcome]:
    """Do the tasks, `jobs` at once (None: as many as there is room for); outcomes in their order.

    When it is interrupted, it returns (by the exception) only after the workers have removed
    their environments. Raises EnvironmentFailure when the host does not answer.
    """
    client = host.client()
    waiting, running = dict(enumerate(tasks)), dict[Future[list[Outcome]], Worker]()
    done: dict[int, list[Outcome]] = {}
    numbers: dict[Worker, int] = {}
    with ThreadPoolExecutor(max_workers=_MOST) as pool:
        try:
            while waiting or running:
                now = admission.free(client)
                for number, task in list(waiting.items()):
                    if fits(task.lab, list(running.values()), now, jobs):
                        del waiting[number]
                        worker = Worker(task, store, _name(store, number, task.lab))
                        numbers[worker] = number
                        running[pool.submit(worker.carry_out, progress)] = worker
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    done[numbers[running.pop(future)]] = future.result()
        except BaseException:
            for worker in numbers:
                worker.stop()
            raise
    return [outcome for number in sorted(done) for outcome in done[number]]


def fits(lab: Lab, running: Sequence[Worker], now: admission.Free, jobs: int | None) -> bool:
    """Whether one more environment may run beside those that do. One alone always may."""
    if not running:
        return True
    if len(running) >= (_MOST if jobs is None else jobs):
        return False
    busy = sum(_cpus(worker.task.lab) for worker in running)
    if jobs is None and busy + _cpus(lab) > (os.cpu_count() or 1):
        return False
    starting = [worker.task.lab for worker in running if not worker.settled]
    return not admission.shortage(now, lab, starting)


def _cpus(lab: Lab) -> float:
    return sum(machine.cpus or _CPUS[machine.provider] for machine in lab.machines.values())


def _name(store: Store, number: int, lab: Lab) -> str:
    """A session's name that no other test on this engine has."""
    return f"t{store.root.name}-{number}-{lab.id}"[:MAX_NAME].rstrip("-")
