"""`python -m tests.bench.guest`: how long the minimal guest takes to be there.

The yardstick is QEMU by hand, in a container that runs already: the same program, kernel and disk,
until the guest's console is there. labctl's way makes the container, too, and waits until the
guest runs commands. Also told: how long a snapshot takes, and the way back to it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from labctl import host
from labctl.environment.images import build
from labctl.environment.qemu import QemuProvider
from labctl.lab import loader
from labctl.session import opened, resources
from labctl.session.model import Record, now
from labctl.session.store import Store

LIMIT = 1.2
ROUNDS = 5
LAB = Path(__file__).parents[1] / "contract" / "one-of-each"
MACHINE = "qemu"
BARE = """
cd /vm
rm -f disk log
qemu-img create -q -f qcow2 -b /guest/disk.qcow2 -F qcow2 disk
qemu-system-x86_64 -machine q35 -accel tcg -m 128 -nodefaults -display none -kernel /guest/vmlinux \
  -initrd /guest/initrd -append 'quiet console=ttyS0' -drive if=virtio,file=disk \
  -device virtio-serial -serial file:log &
until grep -q 'The console of' log 2>/dev/null; do sleep 0.02; done
"""


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> int:
    client = host.find("local").client()
    provider = QemuProvider(client)
    with tempfile.TemporaryDirectory() as folder:
        lab, store = loader.load(LAB), Store(Path(folder))
        name = f"bench{uuid.uuid4().hex[:6]}"
        record = Record(name=name, lab=lab.id, digest="", seed="s", learner="", created=now())
        store.save(record)
        references = build.ensure(client, opened.images(lab), lambda text: None)
        place = opened.place(store, record, lab, lambda: references)
        labels = place.labels("net-lab", "network")
        client.networks.create(place.network("lab"), labels=labels)
        try:
            return _compare(client, provider, place)
        finally:
            resources.remove(client, name)


def _compare(client, provider, place) -> int:
    image = place.images["guest"]
    rows = []
    _tell("by hand (s), labctl (s), ratio, snapshot (s), back (s)")
    for _ in range(ROUNDS):
        bare = client.containers.run(
            image, ["600"], entrypoint="sleep", detach=True, labels=place.labels("bare", "bench")
        )
        by_hand = timed(lambda bare=bare: bare.exec_run(["sh", "-c", BARE]))
        bare.remove(force=True, v=True)
        own = timed(lambda: provider.create(place, MACHINE))
        save = timed(lambda: provider.operate(place, MACHINE, "snapshot", "one"))
        back = timed(lambda: provider.operate(place, MACHINE, "revert", "one"))
        provider.remove(place, MACHINE)
        rows.append((by_hand, own, own / by_hand, save, back))
        _tell(", ".join(f"{v:.2f}" for v in rows[-1]))
    median = [statistics.median(column) for column in zip(*rows, strict=True)]
    by_hand, own, ratio, save, back = median
    _tell(f"median: by hand {by_hand:.1f} s, labctl {own:.1f} s, ratio {ratio:.2f} (limit {LIMIT})")
    _tell(f"snapshot {save:.1f} s, back {back:.1f} s")
    return int(ratio > LIMIT)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
