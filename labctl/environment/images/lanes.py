"""Doing things that need each other, two at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from labctl import process

# One compiles, on all cores; the other waits for package servers and the engine, mostly.
_LANES = 2


def run(needs: Mapping[str, Collection[str]], do: Callable[[str], None]) -> None:
    """Call `do` with each name, as soon as it was done with all that the name needs.

    Of names that are ready at the same time, earlier ones of `needs` go first. The first
    exception ends the programs that still run, and is raised.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    ready: list[str] = []
    running: dict[Future[None], str] = {}
    pool = ThreadPoolExecutor(_LANES)
    try:
        while sorter.is_active():
            ready = sorted([*ready, *sorter.get_ready()], key=list(needs).index)
            while ready and len(running) < _LANES:
                name = ready.pop(0)
                running[pool.submit(do, name)] = name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                sorter.done(running.pop(future))
    except BaseException as e:
        process.end_all()
        # Ctrl-C does not wait for the engine: it stops what nobody listens to any more.
        pool.shutdown(wait=isinstance(e, Exception))
        raise
    pool.shutdown()
