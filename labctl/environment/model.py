"""The words that the providers and their callers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labctl.lab.model import Lab

# The labels on everything that labctl creates in an engine. They are the truth about what exists.
LABEL_SESSION = "labctl.session"
LABEL_MACHINE = "labctl.machine"
LABEL_PROVIDER = "labctl.provider"
LABEL_LAB = "labctl.lab"
LABEL_STORE = "labctl.store"  # which learner's store the session belongs to
LABEL_FACTS = "labctl.facts"  # on the probe: a digest of the facts that the machines were made with
LABEL_IMAGE = "labctl.image"  # on images: the recipe's name

# Names can hold one hyphen after another nowhere (lab/names.py), so two of them separate.
_PREFIX, _SEPARATOR = "labctl-", "--"

MachineState = Literal["running", "paused", "stopped", "starting"]


@dataclass(frozen=True)
class Place:
    """Where one session's machines are made: its names, labels and files on the host.

    `images` maps the recipe names that the lab uses to the engine's references.
    `folder` is the session's own folder in the store (kubeconfigs lie there).
    `sealed` machines ask no name server outside of the session: see session/room.py.
    """

    session: str
    store: str
    lab: Lab
    folder: Path
    workspace: Path
    facts: Mapping[str, str]
    images: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False

    def container(self, machine: str) -> str:
        """The engine's name for a machine's container (for kind: the cluster's name)."""
        return f"{_PREFIX}{self.session}{_SEPARATOR}{machine}"

    def network(self, name: str) -> str:
        """The engine's name for a network of the lab."""
        return f"{_PREFIX}{self.session}{_SEPARATOR}net-{name}"

    def labels(self, machine: str, provider: str) -> dict[str, str]:
        """The labels of one machine."""
        return {
            LABEL_SESSION: self.session,
            LABEL_STORE: self.store,
            LABEL_LAB: self.lab.id,
            LABEL_MACHINE: machine,
            LABEL_PROVIDER: provider,
        }

    def kubeconfig(self, machine: str) -> Path:
        """The kubeconfig of a kind machine, for programs on the host."""
        return self.folder / f"{machine}.kubeconfig"


def session_of(name: str) -> str:
    """The session that a name made by `Place` belongs to; "" for any other name."""
    session, separator, _ = name.removeprefix(_PREFIX).partition(_SEPARATOR)
    return session if separator and name.startswith(_PREFIX) else ""


@dataclass(frozen=True)
class Found:
    """A machine as the engine reports it now.

    `container` is the id of its (first) container, `pid` the host's process id of that
    container's init, 0 when it does not run. `created` is the engine's timestamp: a machine
    that was removed and made again under its old name has another `container`.
    """

    name: str
    provider: str
    state: MachineState
    container: str
    pid: int
    created: str
    addresses: Mapping[str, str] = field(default_factory=dict)  # network name of the lab -> IPv4


@dataclass(frozen=True)
class ExecResult:
    """What a command in a machine left."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode("utf-8", "replace")
