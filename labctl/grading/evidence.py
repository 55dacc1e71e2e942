"""What checks ask of the probe: the kernel's view of machines, and connections between them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from labctl.environment.kubeapi import Pod
from labctl.environment.outside import (
    Cgroup,
    Dial,
    File,
    Host,
    Http,
    Listener,
    Mount,
    Outage,
    Process,
    Qdisc,
    decode,
)
from labctl.environment.probe_client import ProbeClient
from labctl.errors import WaitTimeout

# A machine by name (None: the one the learner's shell is in), a process, or a pod.
Where = str | Process | Pod | None

_STATES = {"paused": "is paused", "stopped": "is not running", "starting": "is not running"}


@dataclass(frozen=True)
class _Target:
    """A process to ask about, and the machine that it belongs to."""

    pid: int
    start: int
    machine: str
    container: str


class Targets:
    """Knows which process stands for what a check names, and asks the probe about it.

    `machines`: by name, what Provider.find told (`container`, `pid`, `state`), None when it
    told that there is none. `cluster`: the machine that pods belong to.
    """

    def __init__(
        self,
        client: ProbeClient,
        machines: Mapping[str, Mapping[str, Any] | None],
        shell: str,
        cluster: str = "",
    ) -> None:
        self.client = client
        self._machines = machines
        self._shell = shell
        self._cluster = cluster
        self._known: dict[object, _Target] = {}

    def ask(self, op: str, where: Where, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
        """One operation of the probe on what `where` names. Raises as ProbeClient.request."""
        target = self.of(where)
        try:
            return self.client.request(op, timeout, pid=target.pid, start=target.start, **args)
        except Outage as e:
            raise Outage(f"`{_name(where, target)}`: {e.message}") from e

    def of(self, where: Where) -> _Target:
        """The process that `where` stands for. Raises Outage when there is none that runs."""
        if isinstance(where, Process):
            return _Target(where.pid, where.start, where.machine, self._container(where.machine))
        key = (where.uid, where.container_ids) if isinstance(where, Pod) else where or self._shell
        if key not in self._known:
            process = self._pod(where) if isinstance(where, Pod) else self._machine(str(key))
            container = self._container(process.machine)
            self._known[key] = _Target(process.pid, process.start, process.machine, container)
        return self._known[key]

    def _container(self, machine: str) -> str:
        found = self._machines.get(machine)
        return str(found["container"]) if found else ""

    def _machine(self, name: str) -> Process:
        if name not in self._machines:
            raise LookupError(f"the lab has no machine `{name}`")
        found = self._machines[name]
        if found is None:
            raise Outage(f"the machine `{name}` is gone; one made anew by hand is another machine")
        if found["state"] in _STATES:
            raise Outage(f"the machine `{name}` {_STATES[found['state']]}")
        try:
            return Process.of(self.client.request("process", pid=found["pid"]), name)
        except Outage as e:
            raise Outage(f"the machine `{name}` has stopped") from e

    def _pod(self, pod: Pod) -> Process:
        ids = list(pod.container_ids)
        found = self.client.request("find", container_ids=ids)["found"] if ids else {}
        for container in ids:
            if container in found:
                return Process.of(found[container], self._cluster)
        raise Outage(f"the pod `{pod.name}` in `{pod.namespace}` does not run")


def _name(where: Where, target: _Target) -> str:
    if isinstance(where, Process):
        return f"{where.comm} in {target.machine}"
    return where.name if isinstance(where, Pod) else target.machine


class Kernel:
    """The `kernel` fixture: machines as the host's kernel sees them, whatever runs inside.

    `where` is a machine's name, a Process or a Pod; by default the machine that the learner's
    shell is in. Every method raises Outage (the check fails) when it is not there or down.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    def host(self) -> Host:
        """The engine's own kernel."""
        return Host.of(self._targets.client.request("host"))

    def process(self, where: Where = None) -> Process:
        """The first process of a machine or pod; a Process as it is now."""
        machine = self._targets.of(where).machine
        return Process.of(self._targets.ask("process", where), machine)

    def processes(self, where: Where = None) -> list[Process]:
        """All processes in its PID namespace and in those below it, oldest first."""
        machine = self._targets.of(where).machine
        found = self._targets.ask("ps", where)["processes"]
        return [Process.of(data, machine) for data in found]

    def find(
        self, where: Where = None, *, comm: str | None = None, argv: str | None = None
    ) -> Process | None:
        """The oldest process of that name, or with that text in its command line.

        Both are the learner's to choose: prefer `listener` for what a service is.
        """
        for process in self.processes(where):
            named = comm is None or process.comm == comm
            if named and (argv is None or argv in " ".join(process.argv)):
                return process
        return None

    def listeners(self, where: Where = None) -> list[Listener]:
        """The sockets that wait for peers in its network namespace, and who holds them open."""
        target = self._targets.of(where)
        reply = self._targets.ask("listeners", where)
        owners = {int(pid): Process.of(p, target.machine) for pid, p in reply["owners"].items()}
        return [
            Listener(
                item["proto"],
                item["address"],
                item["port"],
                tuple(owners[pid] for pid in item["pids"] if pid in owners),
            )
            for item in reply["listeners"]
        ]

    def listener(self, where: Where, port: int, proto: str = "tcp") -> Process | None:
        """The oldest process that holds the socket of a port in its network namespace."""
        holders = [
            process
            for listener in self.listeners(where)
            if listener.port == port and listener.proto == proto
            for process in listener.processes
        ]
        return min(holders, key=lambda process: (process.start, process.pid), default=None)

    def read(self, where: Where, path: str, limit: int = 65536) -> bytes | None:
        """The content of a file of its file system, None when there is none.

        `limit` is in bytes. A link on the way, anything but a plain file, or a larger one
        fails the check: the grader follows nothing that the learner could point elsewhere.
        """
        reply = self._file("read", where, path, limit)
        return None if reply is None else decode(reply.get("content"))

    def stat(self, where: Where, path: str) -> File | None:
        """What a path of its file system is (a link itself, not where it leads), or None."""
        reply = self._file("stat", where, path, 0)
        return None if reply is None else File.of(reply)

    def mounts(self, where: Where = None) -> list[Mount]:
        """What is mounted in its mount namespace."""
        return [Mount.of(data) for data in self._targets.ask("mounts", where)["mounts"]]

    def cgroup(self, where: Where = None) -> Cgroup:
        """The cgroup of a process, or of a machine's first one."""
        top = self._targets.of(where).container
        return Cgroup.of(self._targets.ask("cgroup", where, top=top))

    def qdiscs(self, where: Where = None) -> list[Qdisc]:
        """The traffic shaping in its network namespace."""
        return [Qdisc.of(data) for data in self._targets.ask("qdisc", where)["qdiscs"]]

    def list(self, where: Where, path: str, limit: int = 1000) -> list[str] | None:
        """The names in a folder of its file system, `limit` at most; None when there is none."""
        reply = self._file("list", where, path, limit)
        return None if reply is None else sorted(reply["names"])

    def _file(self, op: str, where: Where, path: str, limit: int) -> dict[str, Any] | None:
        try:
            reply = self._targets.ask(op, where, path=path, max=limit)
        except WaitTimeout as e:
            raise Outage(f"{path}: the machine's file system does not answer") from e
        reason = reply["reason"]
        if reason == "missing":
            return None
        if reason:
            kind = (reply.get("stat") or {}).get("kind")
            told = {
                "link": "is, or lies behind, a symbolic link, and the grader follows none",
                "kind": f"is not what it should be, but a {kind}",
                "large": f"is larger than {limit} bytes",
                "denied": "cannot be opened",
            }
            raise Outage(f"{path} {told[reason]}")
        return reply


class Held:
    """A TCP connection that a check keeps open; `open` tells whether it came about."""

    def __init__(self, targets: Targets, reply: Mapping[str, Any]) -> None:
        self._client = targets.client
        self._hold = reply["hold"]
        self.outcome: str = reply["outcome"]

    @property
    def open(self) -> bool:
        """Whether the connection was made."""
        return self.outcome == "open"

    def alive(self, send: bytes = b"ping\n", timeout: float = 1.0) -> bool:
        """Whether something sent over it is still answered within `timeout` seconds."""
        if not self.open:
            return False
        return bool(
            self._client.request("held", timeout, hold=self._hold, send=_b64(send))["alive"]
        )

    def close(self) -> None:
        """Let go of it."""
        if self.open:
            self._client.request("drop", hold=self._hold)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Connectivity:
    """The `probe` fixture: connections from the network namespace of a machine, process or pod.

    `address` is an IP, or a name with `dns="IP:53"`, the server that is asked for it from the
    same place; timeouts are in seconds. Thread-safe.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    def tcp(
        self,
        where: Where,
        address: str,
        port: int,
        timeout: float = 1.0,
        send: bytes = b"",
        dns: str | None = None,
    ) -> Dial:
        """Connect; with `send`, also send that and wait for the beginning of an answer."""
        return self._dial("tcp", where, address, port, timeout, send, dns)

    def udp(
        self,
        where: Where,
        address: str,
        port: int,
        timeout: float = 1.0,
        send: bytes = b"?",
        dns: str | None = None,
    ) -> Dial:
        """Send one datagram; open means that an answer came."""
        return self._dial("udp", where, address, port, timeout, send, dns)

    def http(
        self,
        where: Where,
        url: str,
        timeout: float = 3.0,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        dns: str | None = None,
    ) -> Http:
        """Ask a web server; redirects are not followed, and 64 KiB of the body are kept.

        With `https://`, whatever certificate it shows is taken.
        """
        reply = self._targets.ask(
            "http",
            where,
            timeout,
            url=url,
            method=method,
            headers=dict(headers or {}),
            body=_b64(body),
            dns=dns or "",
        )
        return Http.of(reply)

    def hold(
        self, where: Where, address: str, port: int, timeout: float = 1.0, dns: str | None = None
    ) -> Held:
        """Open a connection and keep it."""
        reply = self._targets.ask("hold", where, timeout, address=address, port=port, dns=dns or "")
        return Held(self._targets, reply)

    def _dial(
        self,
        net: str,
        where: Where,
        address: str,
        port: int,
        timeout: float,
        send: bytes,
        dns: str | None,
    ) -> Dial:
        reply = self._targets.ask(
            "dial",
            where,
            timeout,
            net=net,
            address=address,
            port=port,
            send=_b64(send),
            max=4096 if send else 0,
            dns=dns or "",
        )
        return Dial.of(reply)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
