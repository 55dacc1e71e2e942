"""The probes of `labctl doctor`. Each looks at one thing, changes nothing, and may raise."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labctl import paths, process
from labctl.environment.images import base, golang, recipe, stock, tools
from labctl.host import local, networks
from labctl.host.machine import SYS_RESOURCE, Machine

if TYPE_CHECKING:
    import docker

State = Literal["ok", "warn", "missing"]

_OLDEST_ENGINE = (20, 10)
# MiB: less than the first and labs fail, less than the second and the first set-up may.
_DISK = (3 << 10, 15 << 10)
_MEMORY = (1 << 10, 4 << 10)
# What several kind nodes on one machine need; kind's own documentation says these numbers.
_INOTIFY = {"max_user_instances": 512, "max_user_watches": 524288}
_USED_CAPABILITIES = {12: "NET_ADMIN", 18: "SYS_CHROOT", 19: "SYS_PTRACE", 21: "SYS_ADMIN"}
_ELSEWHERE = "not visible: the engine runs on another kernel"


@dataclass(frozen=True)
class Finding:
    """One precondition: its state, what was found and needed, and the command that mends it."""

    name: str
    state: State
    found: str
    needed: str
    fix: str = ""


class Scene:
    """What the probes look at: this machine and its engine. Each is asked once."""

    def __init__(self, m: Machine) -> None:
        self.machine = m
        self.proc = Path("/proc")

    @cached_property
    def _answer(self) -> docker.DockerClient | Exception:
        # A refusal is remembered as well: an engine that hangs costs its time-out once.
        try:
            return local.connect(local.endpoint())
        except Exception as e:
            return e

    @property
    def client(self) -> docker.DockerClient:
        """The engine. Raises EnvironmentFailure when none answers."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @property
    def answers(self) -> bool:
        """Whether there is an engine to ask."""
        return not isinstance(self._answer, Exception)

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says about itself and its machine."""
        return dict(self.client.info())

    @property
    def near(self) -> bool:
        """Whether the engine runs on the kernel that we see, or would if there were one."""
        if self.answers:
            return local.shares_kernel(self.info)
        return self.machine.system == "linux"

    def read(self, name: str) -> str:
        """A file below /proc; empty when it is not there."""
        file = self.proc / name
        return file.read_text() if file.is_file() else ""


Probe = Callable[[Scene], list[Finding]]


def engine(scene: Scene) -> list[Finding]:
    """Is there an engine, and is it new enough?"""
    version = str(scene.client.api.version()["Version"])
    needed = ".".join(map(str, _OLDEST_ENGINE))
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    new_enough = numbers >= _OLDEST_ENGINE
    fix = "" if new_enough else "Upgrade Docker with your package manager."
    state: State = "ok" if new_enough else "missing"
    return [Finding("engine", state, f"{version} at {local.endpoint().url}", f"≥ {needed}", fix)]


def storage(scene: Scene) -> list[Finding]:
    """How does the engine keep images, and does it run as root?"""
    driver = scene.info["Driver"]
    good = driver in ("overlay2", "overlayfs", "btrfs", "zfs")
    options = " ".join(scene.info.get("SecurityOptions") or ())
    rootless = "name=rootless" in options
    return [
        Finding(
            "storage driver",
            "ok" if good else "warn",
            driver,
            "overlay2",
            "" if good else "Set `storage-driver` in the engine's daemon.json, if its disk can.",
        ),
        Finding(
            "engine's user",
            "warn" if rootless else "ok",
            "rootless" if rootless else "root",
            "root",
            "Labs with engines or clusters may fail: `docker context use default`."
            if rootless
            else "",
        ),
    ]


def client_program(scene: Scene) -> list[Finding]:
    """Is the docker command there? kind works through it."""
    there = "docker" in scene.machine.programs
    fix = "" if there else "Install the docker command (package docker.io or docker-cli)."
    return [Finding("docker command", "ok" if there else "missing", _has(there), "on PATH", fix)]


def architecture(scene: Scene) -> list[Finding]:
    """Does the engine run the programs that this machine builds?"""
    own = golang.host_arch()
    remote = golang.go_arch(scene.info["Architecture"]) if scene.answers else own
    known = remote in ("amd64", "arm64")
    state: State = "ok" if known and own == remote else "warn"
    fix = "" if state == "ok" else "Use an engine of this machine's architecture, or a registry."
    return [Finding("architecture", state, f"{own}, engine {remote}", "amd64 or arm64", fix)]


def cgroups(scene: Scene) -> list[Finding]:
    """Can the engine limit what containers use?"""
    info = scene.info
    flags = {"memory": "MemoryLimit", "cpu": "CpuCfsQuota", "pids": "PidsLimit"}
    absent = [name for name, key in flags.items() if not info.get(key)]
    found = f"version {info.get('CgroupVersion', '1')}, driver {info['CgroupDriver']}"
    if absent:
        fix = "Turn the controllers on: boot with `cgroup_enable=memory`, or use systemd's v2."
        return [Finding("cgroups", "missing", f"{found}, no {', '.join(absent)}", "limits", fix)]
    return [Finding("cgroups", "ok", found, "1 or 2, with limits")]


def capabilities(scene: Scene) -> list[Finding]:
    """Can privileged containers get what they ask for?"""
    if not scene.near:
        return [Finding("capabilities", "ok", _ELSEWHERE, "all")]
    held = scene.machine.capabilities
    absent = [name for number, name in _USED_CAPABILITIES.items() if not held >> number & 1]
    if absent:
        fix = "Run the engine outside of this container, or give the container these capabilities."
        return [Finding("capabilities", "missing", f"no {', '.join(absent)}", "all", fix)]
    if held >> SYS_RESOURCE & 1:
        return [Finding("capabilities", "ok", "all that labs use", "all")]
    found = "no SYS_RESOURCE, which runc cannot give to privileged containers"
    if not scene.answers:
        return [Finding("capabilities", "ok", f"{found}: setup takes care of it", "all")]
    if scene.info["DefaultRuntime"] == "labctl-runc":
        why = f"{found}: the default runtime labctl-runc leaves it out"
        return [Finding("capabilities", "ok", why, "all, or the runtime labctl-runc")]
    wrapper = paths.clusters_dir() / "images" / "engine" / "runc-nosysresource"
    fix = (
        f"Make {wrapper} the engine's `default-runtime` in daemon.json, named labctl-runc "
        "(labctl does not change an engine that it did not install)."
    )
    return [Finding("capabilities", "missing", found, "all, or the runtime labctl-runc", fix)]


def inotify(scene: Scene) -> list[Finding]:
    """Will several clusters run out of inotify?"""
    if not scene.near:
        return [Finding("inotify", "ok", _ELSEWHERE, "enough for several clusters")]
    found = {name: int(scene.read(f"sys/fs/inotify/{name}") or 0) for name in _INOTIFY}
    low = {name: limit for name, limit in _INOTIFY.items() if found[name] < limit}
    return [
        Finding(
            "inotify",
            "warn" if low else "ok",
            ", ".join(f"{name} {value}" for name, value in found.items()),
            ", ".join(f"≥ {limit}" for limit in _INOTIFY.values()),
            f"sudo sysctl {' '.join(f'fs.inotify.{n}={v}' for n, v in low.items())}" if low else "",
        )
    ]


def memory(scene: Scene) -> list[Finding]:
    """Is there memory for a cluster, and for building one?"""
    free = local.memory_available(scene.info)
    fix = "Close programs, or give Docker Desktop more memory."
    return [_amount("memory", free, _MEMORY, fix)]


def disk(scene: Scene) -> list[Finding]:
    """Is there room for images, where the engine keeps them?"""
    free = local.disk_free(scene.info)
    if free is None:
        return [Finding("disk", "ok", _ELSEWHERE, f"≥ {_DISK[1] >> 10} GiB")]
    return [_amount("disk", free, _DISK, "`labctl images prune`, `docker system df`.")]


def processors(scene: Scene) -> list[Finding]:
    """Are there processors enough?"""
    count = int(scene.info["NCPU"])
    fix = "" if count >= 2 else "Clusters will be slow: give the machine a second processor."
    return [Finding("processors", "ok" if count >= 2 else "warn", str(count), "≥ 2", fix)]


def address_pools(scene: Scene) -> list[Finding]:
    """Do the engine's networks hide what this machine has to reach?"""
    pools = networks.pools(scene.info)
    used = networks.subnets(scene.client)
    clashes = []
    if scene.near:
        resolvers = networks.resolvers(Path("/etc/resolv.conf"))
        routes = networks.routes(scene.read("net/route"))
        clashes = networks.clashes(used, pools, routes, resolvers)
    if clashes:
        fix = "Choose other `default-address-pools` in the engine's daemon.json, then restart it."
        return [Finding("address pools", "warn", "; ".join(clashes), "no overlap", fix)]
    room = networks.room(pools) - len(used)
    few = room < 4
    return [
        Finding(
            "address pools",
            "warn" if few else "ok",
            f"no overlap, room for {room} more networks",
            "no overlap, room for 4",
            "`labctl gc`, `docker network prune`." if few else "",
        )
    ]


def nft_queue(scene: Scene) -> list[Finding]:
    """Does the kernel have what the NetworkPolicy agent wants? Labs work without it."""
    if not scene.near:
        return [Finding("nft_queue", "ok", _ELSEWHERE, "tried by each node as it boots")]
    release = platform.release()
    lists = [
        scene.read("modules"),
        *(
            file.read_text()
            for name in ("modules.builtin", "modules.dep")
            if (file := Path("/lib/modules") / release / name).is_file()
        ),
    ]
    there = any("nft_queue" in text for text in lists)
    found = "in the kernel" if there else "not found: nodes steer packets with iptables instead"
    return [Finding("nft_queue", "ok", found, "not needed")]


def user_namespaces(scene: Scene) -> list[Finding]:
    """May containers make user namespaces? The lab `namespaces` does."""
    limit = scene.read("sys/user/max_user_namespaces").strip()
    if not scene.near or not limit:
        return [Finding("user namespaces", "ok", _ELSEWHERE, "allowed")]
    fix = "" if limit != "0" else "sudo sysctl user.max_user_namespaces=15000"
    return [Finding("user namespaces", "warn" if fix else "ok", f"up to {limit}", "some", fix)]


def proxies(scene: Scene) -> list[Finding]:
    """Do the engine and this shell go through the same proxy?"""
    own = {key.lower() for key in base.proxies() if not key.lower().startswith("no")}
    engines = {k for k in ("http_proxy", "https_proxy") if scene.info.get(_camel(k))}
    found = (
        f"shell: {', '.join(sorted(own)) or 'none'}; engine: {', '.join(sorted(engines)) or 'none'}"
    )
    if own == engines:
        return [Finding("proxy", "ok", found, "the same")]
    fix = "Only pulling from a registry is affected: set the engine's `proxies` in daemon.json."
    return [Finding("proxy", "warn", found, "the same", fix)]


def programs(scene: Scene) -> list[Finding]:
    """Are kind and kubectl there, and Go if they are not?"""
    there = tools.present()
    fix = "" if there else "labctl setup"
    state: State = "ok" if there else "missing"
    found = [Finding("kind, kubectl", state, _has(there), "this labctl's versions", fix)]
    go = _go()
    needed = f"≥ {'.'.join(map(str, golang.NEEDED))}, for building images"
    return [
        *found,
        Finding("go", "ok" if go else "warn", go or "none", needed, "" if go else "labctl setup"),
    ]


def images(scene: Scene) -> list[Finding]:
    """Are all images there, and what is left of old ones?"""
    missing = stock.missing(scene.client)
    later = [i.name for i in stock.images(scene.client) if i.optional and not i.present]
    there = f"all there, or made when a lab wants it: {', '.join(later)}" if later else "all there"
    findings = [
        Finding(
            "images",
            "missing" if missing else "ok",
            f"missing: {', '.join(missing)}" if missing else there,
            "all",
            "labctl setup" if missing else "",
        )
    ]
    if recipe.BASE in missing:
        can = base.can_make()
        found = "mmdebstrap" if can else "no mmdebstrap: a registry must answer"
        fix = "" if can else "labctl setup (as root), or `apt-get install mmdebstrap`."
        findings.append(
            Finding("base image", "ok" if can else "warn", found, "mmdebstrap or a registry", fix)
        )
    return findings


def leftovers(scene: Scene) -> list[Finding]:
    """Has something of labctl been left behind?"""
    old = stock.outdated(scene.client)
    builders = scene.client.containers.list(all=True, filters={"name": "^labctl-node-"})
    findings = []
    if old:
        found = f"{len(old)} images that no recipe names any more"
        findings.append(Finding("old images", "warn", found, "none", "labctl images prune"))
    if builders:
        names = " ".join(str(container.name) for container in builders)
        found = f"{names}, if no image is being built now"
        findings.append(
            Finding("old containers", "warn", found, "none", f"docker rm --force --volumes {names}")
        )
    return findings or [Finding("leftovers", "ok", "none", "none")]


ENGINE = ("engine", engine)
OTHERS: dict[str, Probe] = {
    "docker command": client_program,
    "engine's storage and user": storage,
    "architecture": architecture,
    "cgroups": cgroups,
    "capabilities": capabilities,
    "user namespaces": user_namespaces,
    "inotify": inotify,
    "processors": processors,
    "memory": memory,
    "disk": disk,
    "address pools": address_pools,
    "nft_queue": nft_queue,
    "proxy": proxies,
    "kind, kubectl": programs,
    "images": images,
    "leftovers": leftovers,
}


def _amount(name: str, free: int, limits: tuple[int, int], fix: str) -> Finding:
    least, enough = limits
    state: State = "missing" if free < least else "warn" if free < enough else "ok"
    found, needed = f"{free / 1024:.1f} GiB free", f"≥ {least >> 10} GiB, better {enough >> 10}"
    return Finding(name, state, found, needed, "" if state == "ok" else fix)


def _go() -> str:
    """The version of the first Go that is new enough; empty when there is none."""
    own = shutil.which("go")
    fetched = sorted(paths.cache_dir().glob("go/*/go/bin/go"))
    for program in [*([own] if own else []), *map(str, fetched)]:
        # An older Go must not fetch a newer one behind our back.
        result = process.run([program, "version"], env={**os.environ, "GOTOOLCHAIN": "local"})
        match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", result.text)
        if match and tuple(int(n or 0) for n in match.groups()) >= golang.NEEDED:
            return match[0][2:]
    return ""


def _has(there: bool) -> str:
    return "there" if there else "not there"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
