"""What checks ask of a virtual machine's host: its disk, its snapshots, what was done to it."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labctl.environment.outside import Outage, decode
from labctl.errors import WaitTimeout
from labctl.grading.evidence import Targets

# In the machine's container, where nobody but the image's maker can write.
_VMM = "/usr/local/bin/vmm"
# A disk is copied before it is read, and the guest has a while to write down what it holds.
_SECONDS = 60.0
_MOST = 8 << 20


@dataclass(frozen=True)
class Event:
    """One line of the log: `time` as RFC 3339 has it in UTC, `name`, and `data`, if any."""

    time: str
    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """`power` and `network`: "on", "off" (or "none" for no network); `disk`: "there", "deleted"."""

    power: str
    network: str
    disk: str


class Guest:
    """`guest("desk")`: a virtual machine as whoever has its host sees it.

    Nothing of it is asked of the guest. Every method raises Outage (the check fails) when its
    host is gone, `read` and `snapshots` also when there is no disk or no power for that.
    """

    def __init__(self, targets: Targets, machine: str) -> None:
        self._targets = targets
        self.machine = machine

    def read(self, *paths: str, snapshot: str | None = None) -> dict[str, bytes | None]:
        """Plain files of its disk, as it is now or was in a snapshot; None: there is none.

        The disk is that of one moment, and is copied once a call: ask for all at once. A link at
        the end of a path is no plain file. Files of over 1 MiB fail the check.
        """
        words = ["-snapshot", snapshot] if snapshot else []
        found = self._ask("read", *words, *paths)
        return {
            path: base64.b64decode(found[path]["content"] or "")
            if found[path]["kind"] == "regular"
            else None
            for path in paths
        }

    def state(self) -> State:
        """Whether it is on, and what there is of it."""
        return State(**self._ask("state"))

    def snapshots(self) -> list[str]:
        """The names of its snapshots, the oldest first."""
        return [one["name"] for one in self._ask("snapshots")]

    def events(self) -> list[Event]:
        """What was done to it, the oldest first.

        From QEMU itself, such as RESET or STOP, and of what was done through `vm`: NETWORK with
        `link` "on" or "off", SNAPSHOT_SAVED, SNAPSHOT_REVERTED, SNAPSHOT_DELETED with `name`,
        REMOVED. START and OFF are its power.
        """
        return [Event(one["time"], one["event"], one["data"] or {}) for one in self._ask("events")]

    def _ask(self, *words: str) -> Any:
        argv = ["sh", "-c", shlex.join([_VMM, *words])]
        try:
            done = self._targets.ask("exec", self.machine, _SECONDS, argv=argv, max_output=_MOST)
        except WaitTimeout as e:
            raise Outage(f"`{self.machine}` did not answer within {_SECONDS:.0f} s") from e
        if done["timed_out"] or done["truncated"]:
            raise Outage(f"`{self.machine}` did not tell `{words[0]}` in time, or told too much")
        if done["status"] != 0:
            said = decode(done["stderr"]).decode("utf-8", "replace").strip()
            raise Outage(f"`{self.machine}`: {said.removeprefix('vmm: ')}")
        return json.loads(decode(done["stdout"]))
