"""A container's definition: what `docker run` was told, and nothing of what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from labctl.lab.model import Strict

# Lists of the learner's: so many at most, and none unless told.
_SEVERAL: Any = Field(max_length=64, default_factory=list)
_PAIRS: Any = Field(max_length=64, default_factory=dict)
# Text of the learner's. Line ends may be in it (`sh -c`), other control characters may not.
Argument = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$", max_length=8192)
]
Arguments = Annotated[list[Argument], _SEVERAL]
# Longer, because docker puts a seccomp profile itself into the option.
Protection = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=65536)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/@%+=-]*$", max_length=255)]
Words = Annotated[list[Word], _SEVERAL]
NetworkName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
]
# Neither a colon nor a comma: both part the fields of docker's options.
Place = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_.@ -]+$", max_length=512)]
Options = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9=,._%-]*$", max_length=200)]
Port = Annotated[
    str,
    StringConstraints(
        pattern=r"^(?:[0-9.]{7,15}:)?[0-9]{0,5}:[0-9]{1,5}/(?:tcp|udp|sctp)$",
    ),
]
Rate = Annotated[str, StringConstraints(pattern=r"^/dev/[a-z0-9/_-]+:[0-9]{1,15}$", max_length=99)]
Setting = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_. -]*$", max_length=99)]
Number = Annotated[int, Field(ge=-1, le=1 << 50)]


class Attached(Strict):
    """A network that a container is in. `subnet` is told where the container has a fixed `ip`."""

    aliases: Words
    ip: Word = ""
    internal: bool = False
    subnet: Word = ""


class Mounted(Strict):
    """A folder of the machine's (`bind`) or a volume of its engine's, in a container."""

    type: Literal["bind", "volume"]
    source: Place
    target: Place
    read_only: bool = False


class Definition(Strict):
    """Fields are called as docker's options are; what is not told is docker's default.

    `network` is bridge, none, host, container:NAME or one of `networks`; `pid` and `ipc`
    likewise. Memory in bytes, `nano_cpus` in billionths of a processor.
    """

    image: Word
    running: bool = True
    entrypoint: Arguments
    command: Arguments
    env: Arguments
    user: Word = ""
    workdir: Place | Literal[""] = ""
    hostname: Word = ""
    restart: Word = ""
    init: bool = False
    privileged: bool = False
    read_only: bool = False
    cap_add: Words
    cap_drop: Words
    security_opt: Annotated[list[Protection], _SEVERAL]
    group_add: Words
    network: Word = "bridge"
    networks: Annotated[dict[NetworkName, Attached], _PAIRS]
    pid: Word = ""
    ipc: Word = ""
    uts: Word = ""
    userns: Word = ""
    publish: Annotated[list[Port], _SEVERAL]
    mounts: Annotated[list[Mounted], _SEVERAL]
    tmpfs: Annotated[dict[Place, Options], _PAIRS]
    devices: Arguments
    device_cgroup_rules: Arguments
    volumes_from: Words
    cgroup_parent: Word = ""
    runtime: Word = ""
    add_host: Words
    dns: Words
    sysctls: Annotated[dict[Setting, Setting], _PAIRS]
    ulimits: Annotated[list[Word], _SEVERAL]
    memory: Number = 0
    memory_swap: Number = 0
    memory_reservation: Number = 0
    shm_size: Number = 0
    nano_cpus: Number = 0
    cpu_shares: Number = 0
    cpu_quota: Number = 0
    cpu_period: Number = 0
    cpuset_cpus: Options = ""
    pids_limit: Number = 0
    oom_score_adj: Annotated[int, Field(ge=-1000, le=1000)] = 0
    blkio_weight: Number = 0
    device_read_bps: Annotated[list[Rate], _SEVERAL]
    device_write_bps: Annotated[list[Rate], _SEVERAL]
    device_read_iops: Annotated[list[Rate], _SEVERAL]
    device_write_iops: Annotated[list[Rate], _SEVERAL]

    def needs(self) -> set[str]:
        """The containers that this one shares a namespace with: they have to be there first."""
        modes = (self.network, self.pid, self.ipc)
        return {m.removeprefix("container:") for m in modes if m.startswith("container:")}

    def to_json(self) -> dict[str, Any]:
        """As plain data, without what is docker's default."""
        return self.model_dump(exclude_defaults=True)


# What every container has unasked: docker fills these in.
_RUNTIMES = {"runc", "labctl-runc", "io.containerd.runc.v2"}
_SHM = 64 << 20


def from_inspect(
    told: Mapping[str, Any], names: Mapping[str, str], networks: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What `docker inspect` tells of a container, as the data of a Definition.

    `names` are containers by id, `networks` is what docker tells of those that the container is
    in, by name. Of all that docker tells, only what is named here goes on. Raises LookupError,
    TypeError, AttributeError or ValueError when docker tells something odd.
    """
    config, host = told["Config"], told["HostConfig"]
    own = told["Id"][:12]
    network = _mode(host.get("NetworkMode"), names)
    attached = {
        name: _attached(there or {}, networks.get(name, {}), {own, told["Name"].strip("/")})
        for name, there in (told["NetworkSettings"].get("Networks") or {}).items()
        if name not in ("bridge", "host", "none")
    }
    if network in ("default", ""):
        network = "bridge"
    elif network not in ("bridge", "none", "host") and ":" not in network and attached:
        network = network if network in attached else next(iter(attached))
    shares_name = host.get("UTSMode") or network == "host" or ":" in network
    hostname = config.get("Hostname") or ""
    found = {
        "image": _image(config["Image"]),
        "running": bool(told["State"].get("Running")) and not told["State"].get("Paused"),
        "entrypoint": _list(config.get("Entrypoint")),
        "command": _list(config.get("Cmd")),
        "env": _list(config.get("Env")),
        "user": config.get("User") or "",
        "workdir": config.get("WorkingDir") or "",
        "hostname": "" if shares_name or hostname == own else hostname,
        "restart": _restart(host.get("RestartPolicy") or {}),
        "init": bool(host.get("Init")),
        "privileged": bool(host.get("Privileged")),
        "read_only": bool(host.get("ReadonlyRootfs")),
        "cap_add": [_capability(c) for c in _list(host.get("CapAdd"))],
        "cap_drop": [_capability(c) for c in _list(host.get("CapDrop"))],
        "security_opt": _security(host),
        "group_add": _list(host.get("GroupAdd")),
        "network": network,
        "networks": attached,
        "pid": _mode(host.get("PidMode"), names),
        "ipc": _ipc(host, names),
        "uts": host.get("UTSMode") or "",
        "userns": host.get("UsernsMode") or "",
        "publish": _ports(host.get("PortBindings") or {}),
        "mounts": _mounts(host),
        "tmpfs": dict(host.get("Tmpfs") or {}),
        "devices": _devices(host),
        "device_cgroup_rules": _list(host.get("DeviceCgroupRules")),
        "volumes_from": _list(host.get("VolumesFrom")),
        "cgroup_parent": host.get("CgroupParent") or "",
        "runtime": "" if host.get("Runtime") in _RUNTIMES else host.get("Runtime") or "",
        "add_host": _list(host.get("ExtraHosts")),
        "dns": _list(host.get("Dns")),
        "sysctls": dict(host.get("Sysctls") or {}),
        "ulimits": [f"{u['Name']}={u['Soft']}:{u['Hard']}" for u in host.get("Ulimits") or []],
        "shm_size": 0 if host.get("ShmSize") == _SHM else host.get("ShmSize") or 0,
        **{field: host.get(name) or 0 for field, name in _NUMBERS.items()},
        "cpuset_cpus": host.get("CpusetCpus") or "",
        **{
            f"device_{what}": [
                f"{r['Path']}:{r['Rate']}" for r in host.get(f"BlkioDevice{name}") or []
            ]
            for what, name in _RATES.items()
        },
    }
    fields = Definition.model_fields
    defaults = {name: f.get_default(call_default_factory=True) for name, f in fields.items()}
    return {name: value for name, value in found.items() if value != defaults[name]}


_NUMBERS = {
    "memory": "Memory",
    "memory_swap": "MemorySwap",
    "memory_reservation": "MemoryReservation",
    "nano_cpus": "NanoCpus",
    "cpu_shares": "CpuShares",
    "cpu_quota": "CpuQuota",
    "cpu_period": "CpuPeriod",
    "pids_limit": "PidsLimit",
    "oom_score_adj": "OomScoreAdj",
    "blkio_weight": "BlkioWeight",
}
_RATES = {
    "read_bps": "ReadBps",
    "write_bps": "WriteBps",
    "read_iops": "ReadIOps",
    "write_iops": "WriteIOps",
}


def _list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value or [])


def _image(name: str) -> str:
    """The bare name of one of the lab's images, however the learner wrote it."""
    return name.removeprefix("docker.io/").removeprefix("library/").removesuffix(":latest")


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _mode(mode: str | None, names: Mapping[str, str]) -> str:
    kind, _, container = (mode or "").partition(":")
    return f"container:{names.get(container, container)}" if kind == "container" else mode or ""


def _ipc(host: Mapping[str, Any], names: Mapping[str, str]) -> str:
    mode = _mode(host.get("IpcMode"), names)
    return "" if mode == "private" else mode


def _restart(policy: Mapping[str, Any]) -> str:
    name, tries = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return "" if name == "no" else f"{name}:{tries}" if tries else str(name)


def _security(host: Mapping[str, Any]) -> list[str]:
    found = [o if "=" in o else o.replace(":", "=", 1) for o in _list(host.get("SecurityOpt"))]
    if host.get("Privileged") or "host" in (host.get("PidMode"), host.get("IpcMode")):
        # Docker adds this one by itself.
        found = [option for option in found if option != "label=disable"]
    # Docker tells `systempaths=unconfined` by what is then no longer hidden.
    if host.get("MaskedPaths") == []:
        found.append("systempaths=unconfined")
    return found


def _ports(bindings: Mapping[str, Any]) -> list[str]:
    return sorted(
        f"{b['HostIp'] + ':' if b.get('HostIp') else ''}{b.get('HostPort') or ''}:{port}"
        for port, several in bindings.items()
        for b in several or []
        if ":" not in (b.get("HostIp") or "")
    )


def _mounts(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for bind in _list(host.get("Binds")):
        source, target, *options = bind.split(":")
        found.append((source, target, "ro" in ",".join(options).split(",")))
    for mount in host.get("Mounts") or []:
        if mount["Type"] in ("bind", "volume"):
            read_only = bool(mount.get("ReadOnly"))
            found.append((mount.get("Source") or "", mount["Target"], read_only))
    return [
        {"type": "bind" if source.startswith("/") else "volume", "source": source, "target": target}
        | ({"read_only": True} if read_only else {})
        for source, target, read_only in found
    ]


def _devices(host: Mapping[str, Any]) -> list[str]:
    plain = [d["PathOnHost"] for d in host.get("Devices") or []]
    return plain + [f"gpu {r.get('Driver', '')}" for r in host.get("DeviceRequests") or []]


def _attached(
    there: Mapping[str, Any], network: Mapping[str, Any], noise: set[str]
) -> dict[str, Any]:
    ip = (there.get("IPAMConfig") or {}).get("IPv4Address") or ""
    subnets = [c["Subnet"] for c in (network.get("IPAM") or {}).get("Config") or []]
    found = {
        "aliases": sorted(set(_list(there.get("Aliases"))) - noise),
        "ip": ip,
        "internal": bool(network.get("Internal")),
        "subnet": subnets[0] if ip and subnets else "",
    }
    return {name: value for name, value in found.items() if value}
