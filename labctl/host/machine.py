"""What this machine is, as far as setting it up depends on it."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

SYS_RESOURCE = 24  # the number of CAP_SYS_RESOURCE in the kernel's capability sets
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Machine:
    """A machine: its system, who we are on it, and what is installed.

    `distributions` are the ID and ID_LIKE of os-release; `capabilities` is the bounding set.
    """

    system: str
    distributions: tuple[str, ...] = ()
    root: bool = False
    systemd: bool = False
    capabilities: int = (1 << 41) - 1
    programs: frozenset[str] = frozenset()

    @property
    def debian(self) -> bool:
        """Whether it is Debian or Ubuntu, or made from one of them."""
        return bool({"debian", "ubuntu"} & set(self.distributions))

    @property
    def installable(self) -> bool:
        """Whether labctl may install packages here."""
        return self.debian and self.root

    @property
    def lacks_sys_resource(self) -> bool:
        """Whether no process here can have CAP_SYS_RESOURCE, so that runc needs the wrapper."""
        return not self.capabilities >> SYS_RESOURCE & 1


def this() -> Machine:
    """The machine that labctl runs on."""
    system = platform.system().lower()
    return Machine(
        system=system,
        distributions=_distributions(Path("/etc/os-release")),
        root=system != "windows" and os.geteuid() == 0,
        systemd=Path("/run/systemd/system").is_dir(),
        capabilities=_bounding_set(Path("/proc/self/status")),
        programs=frozenset(
            name
            for name in ("docker", "dockerd", "mmdebstrap", "pip")
            if shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")
        ),
    )


def _distributions(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return ()
    fields = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return tuple(f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split())


def _bounding_set(file: Path) -> int:
    if file.is_file():
        for line in file.read_text().splitlines():
            if line.startswith("CapBnd:"):
                return int(line.split()[1], 16)
    return Machine.capabilities
