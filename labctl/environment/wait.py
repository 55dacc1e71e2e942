"""Waiting: a probe, a deadline, and the name of what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from labctl.errors import WaitTimeout

Value = TypeVar("Value")


def until(
    what: str, probe: Callable[[], Value | None], *, seconds: float, every: float = 0.2
) -> Value:
    """Call `probe` until it gives something truthy, and return that.

    `seconds` is the deadline, `every` the pause between tries. Raises WaitTimeout, naming
    `what`; an exception of the probe ends the wait.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() + every > deadline:
            raise WaitTimeout(f"Waited {seconds:.0f} s for {what}, in vain")
        time.sleep(every)
