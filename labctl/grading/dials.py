"""Connections tried from where the learner's programs are: for checks about who reaches whom."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from labctl.grading.evidence import Connectivity

# Policies drop what they do not allow. An answer of any other kind means that a packet went
# there and one came back.
_CUT = ("silent", "unreachable")
# How long a dial waits, in seconds; the second is for a busy computer. Linux says SYN again
# after one second.
_SHORT, _LONG = 0.7, 3.0


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or the name of a machine, and what the learner calls it."""

    name: str
    place: Any
    ip: str
    port: int = 0


# Source, target, port; UDP with "udp" after.
Dial = tuple[Any, ...]


class Network:
    """Tries many connections at once.

    Silence means that a connection is cut only if one that is open answers much sooner. So
    `door`, a dial that everybody may make, is tried among the others; on a computer that is
    too busy for it, the others get more time.
    """

    def __init__(self, probe: Connectivity, door: Dial) -> None:
        self._probe = probe
        self._door = door

    def reached(self, dials: Iterable[Dial]) -> list[Dial]:
        """Those that get through."""
        dials = list(dials)
        through, slowest = self._try(dials, _SHORT)
        if slowest > _SHORT / 3:
            left = [dial for dial in dials if dial not in through]
            through += self._try(left, _LONG)[0]
        return [dial for dial in dials if dial in through]

    def _try(self, dials: Sequence[Dial], timeout: float) -> tuple[list[Dial], float]:
        """Those that get through within `timeout` seconds, and how long the door took at worst."""

        def gets_through(dial: Dial) -> bool:
            source, target, port, *udp = dial
            call = self._probe.udp if udp else self._probe.tcp
            return call(source.place, target.ip, port, timeout=timeout).outcome not in _CUT

        def knock() -> float:
            began = time.monotonic()
            return time.monotonic() - began if gets_through(self._door) else timeout

        with ThreadPoolExecutor(64) as pool:
            knocks = [pool.submit(knock)]
            tries = [(dial, pool.submit(gets_through, dial)) for dial in dials]
            knocks.append(pool.submit(knock))
            through = [dial for dial, answer in tries if answer.result()]
            return through, max(each.result() for each in knocks)

    @staticmethod
    def told(dials: Sequence[Dial]) -> str:
        """A few of them in words."""
        words = [f"{a.name} → {b.name}:{'/'.join(map(str, port))}" for a, b, *port in dials[:4]]
        return ", ".join(words) + (f" and {len(dials) - 4} more" if len(dials) > 4 else "")
