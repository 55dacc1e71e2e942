"""How long work tells what it is doing. The cli draws it; everything below only calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Detail = Callable[[str], None]


class Progress(Protocol):
    """Named steps, each of which may tell details; safe to call from several threads."""

    def step(self, name: str) -> AbstractContextManager[Detail]:
        """Announce a step; leaving the block ends it, leaving by an exception marks it failed."""


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def step(self, name: str) -> Iterator[Detail]:
        """Do nothing."""
        yield lambda text: None
