"""The decorators that turn a pytest function of a lab into a graded check.

    @check("own-pid", points=2, hint="docker run has a --pid option.")
    def test_own_pid(kernel, machine):
        "monitor has a PID namespace of its own"
        ...
        assert ns != host_ns, "monitor still sees every process of the engine"

The docstring's first line is the statement that the learner reads; it is the message of a
pass. The message of a failed `assert` is the message of a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
ATTRIBUTE = "__labctl__"


@dataclass(frozen=True)
class Mark:
    """What a decorator says about a test function. `seconds` is its deadline."""

    id: str
    kind: str  # "check" or "weakness"
    points: int
    hint: str
    seconds: int


def check(id: str, *, points: int, hint: str, seconds: int = 30) -> Callable[[Test], Test]:
    """A graded check: what must hold when the lab is done.

    `id` is unique in the lab and stays for good: reports, mistakes and hints name it.
    `hint` points the way without giving the answer. `seconds` is the deadline.
    """
    return _mark(Mark(id, "check", points, hint, seconds))


def weakness(id: str, *, seconds: int = 30) -> Callable[[Test], Test]:
    """A probe of the untouched lab: what must hold before the learner sees it.

    `start` repeats it until it passes or `seconds` are over, so that a lab is never
    handed out before it is really broken.
    """
    return _mark(Mark(id, "weakness", 0, "", seconds))


def _mark(mark: Mark) -> Callable[[Test], Test]:
    def apply(test: Test) -> Test:
        setattr(test, ATTRIBUTE, mark)
        return test

    return apply
