"""Who reaches whom in a lab's cluster: dialled by the probe from inside the pods' networks."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from labctl.environment.kubeapi import KubeAPI, Pod
from labctl.environment.outside import Outage
from labctl.errors import UsageError, WaitTimeout
from labctl.lab import facts
from labctl.lab.model import Endpoint
from labctl.session.opened import Session

# What a cell can be. `some`: of several pods only a part; `self`: a pod towards itself;
# `closed`: the way is open, but nobody listens; `none`: there is no pod to ask or to be asked.
State = Literal["open", "cut", "some", "closed", "self", "none"]

DIAL_SECONDS = 0.7  # of silence until a connection counts as cut
_FRESH_SECONDS = 5.0  # how long a change counts as one that happened just now
_AT_ONCE = 64  # as many dials as the probe makes side by side

# A look-up of this name, as a packet: any answer means that the name server was reached.
_QUESTION = "kubernetes.default.svc.cluster.local"


class Dialler(Protocol):
    """The part of ProbeClient that is needed here."""

    def request(self, op: str, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
        """See ProbeClient.request."""

    def close(self) -> None:
        """See ProbeClient.close."""


@dataclass(frozen=True)
class Side:
    """One row or column: its name, where it is, and the port if it is a column."""

    name: str
    place: str
    port: int | None


@dataclass(frozen=True)
class Cell:
    """What came of dialling from a source to a target. `fresh`: it changed just now."""

    source: Side
    target: Side
    state: State
    fresh: bool = False


@dataclass(frozen=True)
class Change:
    """A cell that is not what it was in the reading before. `at`: seconds since the epoch."""

    at: float
    source: Side
    target: Side
    was: State
    now: State


@dataclass(frozen=True)
class Reading:
    """The whole matrix at one time, row by row, and what changed since the first reading."""

    at: float
    sources: tuple[Side, ...]
    targets: tuple[Side, ...]
    cells: Mapping[tuple[Side, Side], Cell]
    changes: tuple[Change, ...]

    def rows(self) -> Iterable[tuple[Side, list[Cell]]]:
        """Each source with its cells in the order of the targets."""
        for source in self.sources:
            yield source, [self.cells[source, target] for target in self.targets]


@dataclass(frozen=True)
class _Place:
    """Where a dial can begin or end: a pod, or a machine."""

    address: str
    process: Mapping[str, Any] | None  # `pid` and `start`; None: it does not run


class Watcher:
    """Reads the matrix again and again; a context manager.

    Raises UsageError when the lab has nothing to watch, EnvironmentFailure when the cluster's
    API or the probe does not answer.
    """

    def __init__(self, session: Session) -> None:
        traffic = session.lab.traffic
        if traffic is None:
            raise UsageError(
                f"The lab `{session.lab.id}` has no traffic to watch",
                resolution="`labctl info default-deny` is a lab that has.",
            )
        self._session = session
        self._api = KubeAPI(session.place.kubeconfig(traffic.cluster))
        self._ends = {
            side: [(self._side(e), e) for e in ends]
            for side, ends in (("sources", traffic.sources), ("targets", traffic.targets))
        }
        self._probe: Dialler = session.probe.client()
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        self._processes: dict[str, Mapping[str, Any]] = {}  # by container id
        self._machines: dict[str, _Place] = {}
        self._last: dict[tuple[Side, Side], State] = {}
        self._changes: list[Change] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._probe.close()

    def read(self) -> Reading:
        """Dial every pair once, all at the same time."""
        pods = self._api.pods()
        self._find_processes(pods)
        sources = [(side, self._places(end, pods)) for side, end in self._ends["sources"]]
        targets = [(side, end, self._places(end, pods)) for side, end in self._ends["targets"]]
        jobs = {
            (source, target): [
                self._pool.submit(self._dial, a, b, target, end) for a in froms for b in tos
            ]
            for source, froms in sources
            for target, end, tos in targets
        }
        return self._compare(
            {pair: together([job.result() for job in dials]) for pair, dials in jobs.items()}
        )

    def _compare(self, states: Mapping[tuple[Side, Side], State]) -> Reading:
        now = time.time()
        for pair, state in states.items():
            was = self._last.get(pair, state)
            if state != was:
                self._changes.append(Change(now, *pair, was, state))
        self._last = dict(states)
        fresh = {(c.source, c.target) for c in self._changes if now - c.at < _FRESH_SECONDS}
        return Reading(
            at=now,
            sources=tuple(side for side, _ in self._ends["sources"]),
            targets=tuple(side for side, _ in self._ends["targets"]),
            cells={pair: Cell(*pair, state, pair in fresh) for pair, state in states.items()},
            changes=tuple(self._changes),
        )

    def _side(self, end: Endpoint) -> Side:
        values = self._session.place.facts
        place = facts.fill(end.namespace, values) if end.namespace else f"machine {end.machine}"
        port = facts.fill(end.port, values) if isinstance(end.port, str) else end.port
        return Side(end.name, place, None if port is None else int(port))

    def _places(self, end: Endpoint, pods: Sequence[Pod]) -> list[_Place]:
        if end.machine:
            return [self._machine(end.machine)]
        namespace = facts.fill(end.namespace or "", self._session.place.facts)
        return [
            _Place(
                pod.ip, next((p for c in pod.container_ids if (p := self._processes.get(c))), None)
            )
            for pod in pods
            if pod.namespace == namespace and pod.ip and end.labels.items() <= pod.labels.items()
        ]

    def _process(self, pod: Pod) -> Mapping[str, Any] | None:
        return next((self._processes[c] for c in pod.container_ids if c in self._processes), None)

    def _machine(self, name: str) -> _Place:
        if name not in self._machines:
            found = self._session.find(name)
            if found is None or found.state != "running":
                return _Place("", None)
            address = next(iter(found.addresses.values()), "")
            self._machines[name] = _Place(address, {"pid": found.pid, "start": 0})
        return self._machines[name]

    def _find_processes(self, pods: Sequence[Pod]) -> None:
        """The host's process for each container; those that are known are not asked again."""
        ids = {c for pod in pods for c in pod.container_ids}
        self._processes = {c: p for c, p in self._processes.items() if c in ids}
        missing = sorted(ids - self._processes.keys())
        if missing:
            self._processes |= self._probe.request("find", container_ids=missing)["found"]

    def _dial(self, source: _Place, target: _Place, column: Side, end: Endpoint) -> State:
        if source.address == target.address:
            return "self"
        if not source.process or not target.address:
            return "none"
        by_name = end.protocol == "dns"
        request = {
            "pid": source.process["pid"],
            "start": source.process["start"],
            "net": "udp" if by_name else "tcp",
            "address": target.address,
            "port": column.port,
            "send": question(_QUESTION) if by_name else "",
            "max": 512 if by_name else 0,
        }
        try:
            return verdict(str(self._probe.request("dial", DIAL_SECONDS, **request)["outcome"]))
        except (Outage, WaitTimeout):
            return "none"  # the pod ended between the look and the dial


def verdict(outcome: str) -> State:
    """The state that the probe's word for a dial means."""
    if outcome == "open":
        return "open"
    # A refusal is an answer: the packet got there, and one came back.
    return "closed" if outcome in ("refused", "reset") else "cut"


def together(states: list[State]) -> State:
    """One state for all pods of a row and a column."""
    told = {state for state in states if state not in ("none", "self")}
    if len(told) > 1:
        return "some"
    return next(iter(told), "self" if "self" in states else "none")


def question(name: str) -> str:
    """A DNS query for an IPv4 address, as the probe takes bytes: base64."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    head = b"\x4c\x41\x01\x00\x00\x01" + bytes(6)  # number, recursion wanted, one question
    return base64.b64encode(head + labels + b"\x00\x00\x01\x00\x01").decode()
