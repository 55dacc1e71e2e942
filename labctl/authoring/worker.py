"""The process that tries variants of one lab in one environment.

`python -m labctl.authoring.worker EVENTS` is told one task. Each environment has a process of its
own because an interrupted start ends every program that its process had started.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labctl import host
from labctl.authoring.trial import Bench
from labctl.errors import LabctlError
from labctl.grading.batch.helper import Tell, serve
from labctl.progress import Detail
from labctl.session.store import Store


class _Steps:
    """Progress whose steps and details are told to the parent."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    @contextmanager
    def step(self, name: str) -> Iterator[Detail]:
        """See Progress."""
        self._tell({"event": "step", "name": name})
        yield lambda text: self._tell({"event": "step", "name": f"{name}: {text}"})


def _work(task: dict[str, Any], tell: Tell) -> None:
    """Try the variants, telling a report or a failure for each; end the process."""
    store = Store(Path(task["store"]))
    bench = Bench(task["lab"], task["session"], store, host.find("local"), _Steps(tell))
    try:
        for variant in task["variants"]:
            _try(bench, variant, tell)
    except KeyboardInterrupt:
        pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        bench.stop()
    except LabctlError:
        pass  # the parent tries again, and tells why it cannot
    os._exit(0)


def _try(bench: Bench, variant: str, tell: Tell) -> None:
    """One variant; an environment that failed is thrown away, and the next variant gets another."""
    try:
        report = bench.report(variant)
    except LabctlError as e:
        bench.stop()
        tell({"event": "failure", "reason": "\n".join(filter(None, (e.message, e.details)))})
        return
    tell({"event": "report", "report": report.to_json()})


def _leave() -> None:
    """The parent is gone, or has had enough."""
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    # A parent in the background of a shell leaves its children deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve(_work, leave=_leave)
