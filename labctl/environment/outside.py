"""What the probe reports: machines as the kernel and the network see them from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from labctl.environment.probe_client import Outage as Outage

Value = TypeVar("Value")
Data = Mapping[str, Any]

# Bit numbers of linux/capability.h.
_NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
CAPABILITIES = tuple(f"CAP_{name}" for name in _NAMES.split())


def capability_names(mask: int) -> frozenset[str]:
    """The capabilities in a bit mask, by name (`CAP_SYS_ADMIN`)."""
    return frozenset(name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def decode(data: str | None) -> bytes:
    """Bytes as the probe's protocol carries them."""
    return base64.b64decode(data or "")


def _pick(kind: type[Value], data: Data, **more: Any) -> Value:
    """A dataclass from those of the probe's values that it names; lists become tuples."""
    values = {f.name: _frozen(data[f.name]) for f in fields(kind) if f.name in data}  # type: ignore[arg-type]
    return kind(**{**values, **more})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Namespaces:
    """Which namespaces a process lives in: the kernel's inode numbers; 0 where unknown."""

    pid: int = 0
    net: int = 0
    mnt: int = 0
    uts: int = 0
    ipc: int = 0
    user: int = 0
    cgroup: int = 0
    time: int = 0


@dataclass(frozen=True)
class Process:
    """A process as the host's kernel knows it.

    `pid` and `ppid` are the host's numbers, `nspid` the number in each namespace down to its
    own. `uids` and `gids`: real, effective, saved, file system. `start` is in clock ticks since
    boot. `machine` is the lab's machine in which it was found.
    """

    pid: int
    ppid: int
    nspid: tuple[int, ...]
    comm: str
    exe: str
    argv: tuple[str, ...]
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    cap_inh: int
    cap_prm: int
    cap_eff: int
    cap_bnd: int
    cap_amb: int
    no_new_privs: bool
    seccomp: int
    ns: Namespaces
    uid_map: tuple[tuple[int, int, int], ...]
    gid_map: tuple[tuple[int, int, int], ...]
    cgroup: tuple[str, ...]
    start: int
    state: str
    machine: str

    @classmethod
    def of(cls, data: Data, machine: str) -> Process:
        """From the probe's answer."""
        return _pick(cls, data, ns=_pick(Namespaces, data["namespaces"]), machine=machine)

    @property
    def uid(self) -> int:
        """The effective user, as the host counts users."""
        return self.uids[1]

    @property
    def gid(self) -> int:
        """The effective group, as the host counts groups."""
        return self.gids[1]

    @property
    def capabilities(self) -> frozenset[str]:
        """The effective capabilities by name."""
        return capability_names(self.cap_eff)

    @property
    def bounding(self) -> frozenset[str]:
        """The capabilities that it could ever get, by name."""
        return capability_names(self.cap_bnd)


@dataclass(frozen=True)
class Host:
    """The engine's kernel, and the namespaces that it started with."""

    sysname: str
    release: str
    version: str
    machine: str
    hostname: str
    boot_id: str
    cgroup_version: int
    ns: Namespaces

    @classmethod
    def of(cls, data: Data) -> Host:
        """From the probe's answer."""
        return _pick(cls, data, ns=_pick(Namespaces, data["namespaces"]))


@dataclass(frozen=True)
class IoLimit:
    """Limits of one block device, `major:minor`; bytes or operations a second; None: none."""

    device: str
    rbps: int | None = None
    wbps: int | None = None
    riops: int | None = None
    wiops: int | None = None


@dataclass(frozen=True)
class Limits:
    """What a cgroup allows; None means without limit. Bytes and microseconds."""

    memory_max: int | None = None
    pids_max: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int | None = None
    io: tuple[IoLimit, ...] = ()

    @classmethod
    def of(cls, data: Data) -> Limits:
        """From the probe's answer."""
        return _pick(cls, data, io=tuple(_pick(IoLimit, limit) for limit in data["io"] or ()))

    @property
    def cpus(self) -> float | None:
        """How many processors' worth of time may be used."""
        if self.cpu_quota_us is None or not self.cpu_period_us:
            return None
        return self.cpu_quota_us / self.cpu_period_us


@dataclass(frozen=True)
class Cgroup:
    """A process's cgroup, versions 1 and 2 alike.

    `own` is the cgroup's own setting, `effective` the tightest of it and those above it up to
    the machine's container. The counters are the cgroup's own: `memory_current` in bytes,
    `pids_failures` forks that were refused, `nr_throttled` periods, `throttled_us` microseconds.
    """

    version: int
    own: Limits
    effective: Limits
    memory_current: int | None
    oom_kills: int | None
    pids_current: int | None
    pids_failures: int | None
    nr_throttled: int | None
    throttled_us: int | None
    cpuset: str
    frozen: bool
    paths: Mapping[str, str]

    @classmethod
    def of(cls, data: Data) -> Cgroup:
        """From the probe's answer."""
        limits = {name: Limits.of(data[name]) for name in ("own", "effective")}
        return _pick(cls, {**data, **data["usage"]}, **limits)


@dataclass(frozen=True)
class Listener:
    """A socket that waits for peers, and the machine's processes that hold it open."""

    proto: str
    address: str
    port: int
    processes: tuple[Process, ...]


@dataclass(frozen=True)
class File:
    """What a path is. `kind`: file, folder, link, fifo, socket or device; `target`: a link's."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    inode: int
    dev: int
    links: int
    target: str

    @classmethod
    def of(cls, data: Data) -> File:
        """From the probe's answer."""
        return _pick(cls, data["stat"], target=data.get("target", ""))


@dataclass(frozen=True)
class Mount:
    """One mount of a process. `root` is the part of the source that is mounted at `place`."""

    place: str
    root: str
    type: str
    source: str
    options: tuple[str, ...]
    device: str

    @classmethod
    def of(cls, data: Data) -> Mount:
        """From the probe's answer."""
        return _pick(cls, data)


@dataclass(frozen=True)
class Qdisc:
    """A traffic shaper of a network interface: a queueing discipline, a class or a policer.

    `rate` and `ceil` are in bytes a second; None where the kind has none.
    """

    device: str
    kind: str
    rate: int | None
    ceil: int | None

    @classmethod
    def of(cls, data: Data) -> Qdisc:
        """From the probe's answer."""
        return _pick(cls, data)


@dataclass(frozen=True)
class Dial:
    """How a connection went.

    `outcome`: open, refused, silent (nothing came back in time), unreachable, reset, no-name.
    `address` is the IP that was tried, `ms` the milliseconds that it took.
    """

    outcome: str
    detail: str
    address: str
    ms: float
    received: bytes

    @classmethod
    def of(cls, data: Data) -> Dial:
        """From the probe's answer."""
        return _pick(cls, data, received=decode(data["received"]))

    @property
    def open(self) -> bool:
        """Whether it was answered."""
        return self.outcome == "open"


@dataclass(frozen=True)
class Http:
    """An answer to an HTTP request; `outcome` as of a Dial, or garbled; `status` 0 without one."""

    outcome: str
    detail: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float

    @classmethod
    def of(cls, data: Data) -> Http:
        """From the probe's answer."""
        return _pick(cls, data, body=decode(data["body"]))

    @property
    def ok(self) -> bool:
        """Whether it was answered with success."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")
