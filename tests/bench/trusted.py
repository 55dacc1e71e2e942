"""What evidence costs by the trusted path, against the path that believes the machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from labctl import host
from labctl.grading import backend, live
from labctl.grading.evidence import Kernel, Targets
from labctl.lab import loader
from labctl.progress import Silent
from labctl.session import lifecycle, removal
from labctl.session.opened import Session, ready
from labctl.session.store import Store

LABS = Path(__file__).parent
LIMIT = 1.5
LOOKUPS = 50
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
FILES = ("stat", "status", "cmdline", "uid_map", "gid_map", "cgroup")

Row = tuple[str, float, float, str, bool]


@contextmanager
def running() -> Iterator[Session]:
    """A session of the benchmark's own lab: one plain container, `box`."""
    store, here = Store(), host.find("local")
    lab = loader.load(LABS / "lab")
    before = os.environ.get("LABCTL_LABS_DIR")
    os.environ["LABCTL_LABS_DIR"] = str(LABS)
    try:
        lifecycle.start(store, here, lab, Silent(), live.prove, name="bench")
        try:
            yield ready(store, here, "bench")
        finally:
            removal.stop(store, here, "bench", Silent())
    finally:
        if before is None:
            del os.environ["LABCTL_LABS_DIR"]
        else:
            os.environ["LABCTL_LABS_DIR"] = before


def look(pid: int) -> None:
    """What kernel.process tells, as root on the engine's own computer would find it."""
    for name in FILES:
        Path(f"/proc/{pid}/{name}").read_bytes()
    for name in ("exe", *(f"ns/{kind}" for kind in NAMESPACES)):
        Path(f"/proc/{pid}/{name}").readlink()


def rows(times: int) -> list[Row]:
    """What, yardstick and subject in seconds, the limit in words, whether it was kept.

    All of it is over an open wire: a check opens one, once.
    """
    argv = ["stat", "-c", "%n", "/etc/passwd"]
    with running() as session:
        box = session.client.containers.get(session.place.container("box"))
        found = session.find("box")
        assert found
        with session.probe.client() as client:
            targets = Targets(client, {"box": asdict(found)}, "box")
            kernel, machine = Kernel(targets), backend.connect("box", targets)

            def ten(run: Callable[[], str]) -> None:
                for _ in range(10):
                    assert run() == "/etc/passwd"

            took = [
                (
                    timed(lambda: ten(lambda: box.exec_run(argv).output.decode().strip())),
                    timed(lambda: ten(lambda: machine.check_output(" ".join(argv)))),
                    timed(lambda: box.exec_run(["cat", "/proc/1/status"])),
                    timed(lambda: [look(found.pid) for _ in range(LOOKUPS)]) / LOOKUPS,
                    timed(lambda: [kernel.process("box") for _ in range(LOOKUPS)]) / LOOKUPS,
                )
                for _ in range(times)
            ]
    plain, trusted, read, direct, process = map(statistics.median, zip(*took, strict=True))
    return [
        row("ten trusted commands / ten of docker exec", plain, trusted),
        row("kernel.process / docker exec cat /proc/1/status", read, process),
        # Only root on the engine's own computer could look so: told, and no yardstick.
        ("kernel.process / reading /proc as root here", direct, process, "none", True),
    ]


def row(what: str, yard: float, subject: float) -> Row:
    return what, yard, subject, f"{LIMIT} x", subject <= LIMIT * yard


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
