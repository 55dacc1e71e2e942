"""The `history` fixture: what the probe has seen of a watched thing since the lab was started.

A look finds one of five states:

- `open`: connected; with `path` or `send`, answered as it should
- `wrong`: answered, but not as it should
- `closed`: refused
- `cut`: nothing came back in time, or there is no way
- `none`: one of the ends does not run

A **gap** is a time in which nobody looked. It is no outage, and no proof that there was none:

- `asleep`: the computer slept, and everything in it. Nobody could have been served; it counts for
  nothing, so that a laptop's lid costs no point.
- `absent`: the computer ran and the probe did not: it was frozen, or found no time to run.
- `blind`: the probe ran and could not tell, because the cluster's API did not say where pods are.

What the learner did to a machine, pausing or stopping it, is no gap: the probe does not live in
that machine, and saw it. Nor can root in a machine end or freeze the probe, whose processes are
outside of the machine's PID namespace. (Root in a privileged machine may break out to the host; see
Trust in ARCHITECTURE.md.) So where evidence is missing, the check ends as an error and not as
failed: nobody gets the point, and grading it anew settles it. The clocks are the kernel's own
since boot, which nobody can set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labctl.environment.probe_client import ProbeClient
from labctl.errors import EnvironmentFailure

_BLIND = ""
_MINUTE = 60.0

_WORDS = {
    "wrong": "answered wrongly",
    "closed": "refused connections",
    "cut": "was out of reach",
    "none": "did not run",
}
_WHY = {
    "asleep": "the computer slept",
    "absent": "the probe's container did not run",
    "blind": "the cluster's API did not answer",
}


@dataclass(frozen=True)
class Span:
    """A stretch of looks that found the same. Seconds since boot; `slept`: right before it."""

    state: str
    start: float
    end: float
    slept: float


@dataclass(frozen=True)
class Outage:
    """A time in which every look found something else than it should: the first such state.

    `ago`: how long before now it began; `seconds`: until the first good look after it, or the
    last bad one. Both in seconds.
    """

    state: str
    ago: float
    seconds: float


@dataclass(frozen=True)
class Gap:
    """A time in which nobody looked; `ago` and `seconds` as in Outage."""

    cause: Literal["asleep", "absent", "blind"]
    ago: float
    seconds: float


class Watched:
    """What was seen of one thing from the end of `start` or `reset` until now."""

    def __init__(self, name: str, told: Mapping[str, Any]) -> None:
        self.name = name
        self._at: float = told["now"]
        self._allowed: float = told["allowed"]
        self._seen: Mapping[str, int] = told["seen"]
        self._all = tuple(
            Span(s["state"], s["from"], s["until"], s["slept"]) for s in told["spans"]
        )
        self.spans = tuple(span for span in self._all if span.state != _BLIND)

    @property
    def now(self) -> str:
        """The state that a look taken just now found. Raises EnvironmentFailure if it was blind."""
        if self._all[-1].state == _BLIND:
            raise EnvironmentFailure(f"How `{self.name}` is cannot be told: {_WHY['blind']}")
        return self._all[-1].state

    @property
    def seconds(self) -> float:
        """How long ago the first look was taken."""
        return self._at - self._all[0].start

    def ever(self, state: str) -> bool:
        """Whether any look found that state."""
        return self._seen.get(state, 0) > 0

    def order(self, *states: str) -> bool:
        """Whether these states were found in this order, whatever was between them."""
        seen = iter(span.state for span in self.spans)
        return all(state in seen for state in states)

    def share(self, state: str = "open") -> float:
        """The part of all looks that found that state: 0 to 1."""
        looks = sum(count for word, count in self._seen.items() if word != _BLIND)
        return self._seen.get(state, 0) / looks if looks else 0.0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The times in which nobody looked, oldest first. A few late looks are none."""
        first, last = self._all[0].start, self._all[-1].end
        ends = [first, *(span.end for span in self.spans)]
        starts = [*(span.start for span in self.spans), last]
        found = []
        for start, end in zip(ends, starts, strict=True):
            if end - start > self._allowed:
                found.append(Gap(self._cause(start, end), self._at - start, end - start))
        return tuple(found)

    def _cause(self, start: float, end: float) -> Literal["asleep", "absent", "blind"]:
        within = [span for span in self._all if start <= span.start <= end]
        if any(span.state == _BLIND for span in within):
            return "blind"
        slept = sum(span.slept for span in within if span.start > start)
        return "asleep" if end - start - slept <= self._allowed else "absent"

    def outages(self, state: str = "open") -> tuple[Outage, ...]:
        """The times in which it was not in that state, oldest first. A gap ends one."""
        found: list[Outage] = []
        begun: Span | None = None
        for span, after in zip(self.spans, [*self.spans[1:], None], strict=True):
            if span.state == state:
                continue
            begun = begun or span
            watched = after is not None and after.start - span.end <= self._allowed
            if after is None or not watched or after.state == state:
                end = after.start if after and watched else span.end
                found.append(Outage(begun.state, self._at - begun.start, end - begun.start))
                begun = None
        return tuple(found)

    def require(self, seen: bool, message: str) -> None:
        """The check fails with `message` unless `seen`, something that was asked of this record.

        When nobody looked for a time, it may have been then: the check ends as an error.
        """
        if not seen:
            self._require_looks(0.0)
            raise AssertionError(message)

    def require_always(
        self, what: str, state: str = "open", *, tolerance: float = 0.0, unseen: float = 10.0
    ) -> None:
        """The check fails unless `what` (such as "the shop") was in that state all the time.

        An outage of `tolerance` seconds or more fails it, with a message for the learner. When
        there was none, but nobody looked for more than `unseen` seconds although the computer
        ran, the check ends as an error.
        """
        long = [outage for outage in self.outages(state) if outage.seconds >= tolerance]
        if long:
            worst = max(long, key=lambda outage: outage.seconds)
            more = f" (the longest of {len(long)} such times)" if len(long) > 1 else ""
            raise AssertionError(
                f"{what} {_WORDS.get(worst.state, f'was {worst.state}')} for "
                f"{_time(worst.seconds)}, {_time(worst.ago)} ago{more}: it had to go on throughout"
            )
        self._require_looks(unseen)

    def _require_looks(self, unseen: float) -> None:
        gaps = [gap for gap in self.gaps if gap.cause != "asleep" and gap.seconds > unseen]
        if gaps:
            worst = max(gaps, key=lambda gap: gap.seconds)
            raise EnvironmentFailure(
                f"Nobody watched `{self.name}` for {_time(worst.seconds)}, {_time(worst.ago)} ago: "
                f"{_WHY[worst.cause]}",
                resolution="`labctl reset` begins anew; in the clean room of a grader it is "
                "watched, too.",
            )


class History:
    """`history("shop")`: the record of what lab.yaml calls `shop` in `watch`.

    Taking it includes a fresh look, so that what the learner did a moment ago is in it. Raises
    EnvironmentFailure when the record is lost, because the probe's container was made anew:
    what came before is not known, and is no evidence for anything.
    """

    def __init__(self, client: ProbeClient) -> None:
        self._client = client

    def __call__(self, name: str) -> Watched:
        """The record of one watch, up to now."""
        return Watched(name, self._client.request("history", 20.0, name=name))


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"
