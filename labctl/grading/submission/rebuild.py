"""Containers and settings of an engine machine, made anew from a submission.

The learner's words go to programs as single arguments or as input, never through a shell, and
every option is written `--option=value`, so that no value can be taken for an option.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure, WaitTimeout
from labctl.grading.submission.definition import Attached, Definition
from labctl.session.opened import Session

_SECONDS = 60
_PAUSES = (1.0, 2.0, 0.0)
_RESTART_SECONDS = 60
_DAEMON = "/etc/docker/daemon.json"
_IMAGES = "/root/.labctl-images.tar"

# How a seccomp profile stands in an option; docker wants to be told a file.
_PROFILE = "seccomp={"

# Ends the engine, which the machine starts again, and waits for the new one.
_RESTART = f"""
before=$(pidof dockerd)
kill $before
end=$(($(date +%s) + {_RESTART_SECONDS}))
while [ "$(pidof dockerd)" = "$before" ] || ! docker version >/dev/null 2>&1; do
  [ "$(date +%s)" -lt $end ] || exit 1
  sleep 0.2
done
"""


class Machine:
    """An engine machine of a clean session; `notes` collects what is the learner's affair."""

    def __init__(self, session: Session, name: str, notes: list[str]) -> None:
        self._session = session
        self.name = name
        self.notes = notes

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = _SECONDS
    ) -> ExecResult:
        """A command in the machine. Raises EnvironmentFailure when the machine does not answer."""
        provider = self._session.provider(self.name)
        return provider.exec(self._session.place, self.name, argv, stdin=stdin, timeout=timeout)

    def must(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 120) -> str:
        """A command of the grader's own, which has to work. Raises EnvironmentFailure."""
        done = self.run(argv, stdin=stdin, timeout=timeout)
        if done.status != 0:
            raise EnvironmentFailure(
                f"`{argv[0]}` failed in the clean machine `{self.name}`", details=_tail(done)
            )
        return done.text

    def remove(self, containers: Sequence[str]) -> None:
        """Remove containers; fine when they are not there."""
        for name in containers:
            self.run(["docker", "rm", "--force", "--volumes", name])

    def configure(self, settings: Mapping[str, Any], images: Sequence[str]) -> None:
        """Give the engine settings, and see to it that it still has the lab's images."""
        before = json.loads(self.must(["cat", _DAEMON]))
        after = {**before, **settings}
        if after == before:
            return
        self.must(["docker", "save", f"--output={_IMAGES}", "--", *images])
        self._write(after)
        if self.run(["sh", "-c", _RESTART], timeout=_RESTART_SECONDS + 15).status != 0:
            self.notes.append(f"the engine of `{self.name}` does not start with these settings")
            self._write(before)
            self.must(["sh", "-c", _RESTART], timeout=_RESTART_SECONDS + 15)
        if self.run(["docker", "image", "inspect", "--", *images]).status != 0:
            self.must(["docker", "load", "--quiet", f"--input={_IMAGES}"])
        self.must(["rm", _IMAGES])

    def make(self, definitions: Mapping[str, Definition]) -> list[str]:
        """Make containers, those first that others need; which of them were started."""
        started = []
        for name in _ordered(definitions):
            definition = definitions[name]
            if self._networks(name, definition) and self._make(name, definition):
                started.append(name)
        return started

    def settled(self, containers: Sequence[str]) -> None:
        """Note which containers do not run any more."""
        if not containers:
            return
        form = "{{.Name}} {{.State.Status}} {{.State.ExitCode}}"
        argv = ["docker", "container", "inspect", f"--format={form}", "--", *containers]
        for line in self.run(argv).text.splitlines():
            name, state, code = line.strip("/").split()
            if state != "running":
                self.notes.append(f"container `{name}` ended by itself (exit status {code})")

    def _make(self, name: str, definition: Definition) -> bool:
        for option in definition.security_opt:
            if option.startswith(_PROFILE):
                text = option.removeprefix(_PROFILE[:-1]).encode()
                self.must(["cp", "/dev/stdin", _profile_file(name)], stdin=text)
        if not self._try(name, "cannot be made", ["docker", "create", *options(name, definition)]):
            return False
        for network, attached in definition.networks.items():
            if network != definition.network:
                argv = ["docker", "network", "connect", *_attachment(attached), "--", network, name]
                if not self._try(name, f"cannot be connected to `{network}`", argv):
                    return False
        if not definition.running:
            self.notes.append(f"container `{name}` did not run when it was handed in")
            return False
        return self._try(name, "does not start", ["docker", "start", "--", name])

    def _networks(self, name: str, definition: Definition) -> bool:
        for network, attached in definition.networks.items():
            if self.run(["docker", "network", "inspect", "--", network]).status == 0:
                continue
            internal = ["--internal"] if attached.internal else []
            subnet = [f"--subnet={attached.subnet}"] if attached.subnet else []
            argv = ["docker", "network", "create", *internal, *subnet, "--", network]
            if not self._try(name, f"has no network `{network}`", argv):
                return False
        return True

    def _try(self, name: str, trouble: str, argv: Sequence[str]) -> bool:
        """A command that the learner's words can make fail; if they do, it is noted."""
        why = ""
        for pause in _PAUSES:
            try:
                done = self.run(argv)
            except WaitTimeout:
                why = "docker took too long"
                break
            if done.status == 0:
                return True
            why = _tail(done)
            # The machine may still be short of something that its broken state ate.
            time.sleep(pause)
        self.notes.append(f"container `{name}` {trouble}: {why}")
        return False

    def _write(self, settings: Mapping[str, Any]) -> None:
        text = json.dumps(settings, indent=2).encode()
        self.must(["cp", "/dev/stdin", _DAEMON], stdin=text)


def options(name: str, d: Definition) -> list[str]:
    """The arguments of `docker create` that make the container again."""
    argv = [f"--name={name}", f"--network={_network(d)}"]
    if d.network in d.networks:
        argv += _attachment(d.networks[d.network], option="network-alias")
    argv += [f"--{flag}" for flag in ("init", "privileged", "read-only") if _of(d, flag)]
    for flag in _SINGLE:
        if value := _of(d, flag):
            argv.append(f"--{flag}={value}")
    for option in d.security_opt:
        file = f"seccomp={_profile_file(name)}"
        argv.append(f"--security-opt={file if option.startswith(_PROFILE) else option}")
    for flag in _MULTIPLE:
        argv += [f"--{flag}={value}" for value in _of(d, flag)]
    argv += [f"--sysctl={key}={value}" for key, value in sorted(d.sysctls.items())]
    argv += [f"--tmpfs={place}" + (f":{o}" if o else "") for place, o in sorted(d.tmpfs.items())]
    argv += [f"--ulimit={ulimit}" for ulimit in d.ulimits]
    argv += [f"--device-cgroup-rule={rule}" for rule in d.device_cgroup_rules]
    argv += [f"--device={device}" for device in d.devices]
    for m in d.mounts:
        argv.append(f"--volume={m.source}:{m.target}" + (":ro" if m.read_only else ""))
    if d.nano_cpus:
        argv.append(f"--cpus={d.nano_cpus / 1e9:.9f}")
    # The first word of an entry point is an option, its other words come before the command.
    argv.append(f"--entrypoint={d.entrypoint[0] if d.entrypoint else ''}")
    return [*argv, "--", d.image, *d.entrypoint[1:], *d.command]


_SINGLE = (
    *("user", "workdir", "hostname", "restart", "pid", "ipc", "uts", "userns", "cgroup-parent"),
    *("runtime", "memory", "memory-swap", "memory-reservation", "shm-size", "cpu-shares"),
    *("cpu-quota", "cpu-period", "cpuset-cpus", "pids-limit", "oom-score-adj", "blkio-weight"),
)
_MULTIPLE = (
    *("env", "cap-add", "cap-drop", "group-add", "publish", "volumes-from"),
    *("add-host", "dns", "device-read-bps", "device-write-bps", "device-read-iops"),
    "device-write-iops",
)


def _of(d: Definition, flag: str) -> Any:
    return getattr(d, flag.replace("-", "_"))


def _profile_file(name: str) -> str:
    return f"/root/.labctl-seccomp-{name}.json"


def _network(d: Definition) -> str:
    # Docker reads more into a network's name than a name; those that it is in are plain.
    known = d.network in ("bridge", "none", "host") or d.network in d.networks
    return d.network if known or d.network.startswith("container:") else "none"


def _attachment(attached: Attached, option: str = "alias") -> list[str]:
    return [f"--{option}={alias}" for alias in attached.aliases] + (
        [f"--ip={attached.ip}"] if attached.ip else []
    )


def _ordered(definitions: Mapping[str, Definition]) -> Iterator[str]:
    """The names, those first that others need; what waits in a circle comes last."""
    left = sorted(definitions)
    while left:
        free = [n for n in left if not definitions[n].needs() & {*left} - {n}] or left
        yield from free
        left = [name for name in left if name not in free]


def _tail(done: ExecResult) -> str:
    text = (done.stderr or done.stdout).decode("utf-8", "replace")
    return " ".join(text.split())[-300:]
