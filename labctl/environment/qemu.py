"""Machines that are virtual machines: QEMU in a container that has no rights at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from labctl.environment import docker as plain
from labctl.environment.containers import ContainerProvider
from labctl.environment.model import ExecResult, Place
from labctl.errors import UsageError, WaitTimeout
from labctl.lab.model import QemuMachine, mebibytes

BOOT_SECONDS = 120
# What QEMU itself takes beside the guest's memory, its translation cache above all; measured.
OVERHEAD_MIB = 192
# QEMU and qemu-img have up to 64 threads each for a disk, and then there are vmm and its commands.
_PIDS = 256
_VMM = "vmm"
_RELEASE = "/guest/release"


class QemuProvider(ContainerProvider):
    """One virtual machine a container, on Debian's own kernel; see clusters/images/vmm.

    Its processor is translated (TCG), which works everywhere. Commands go through the guest's
    agent and need no network.
    """

    kind = "qemu"

    def create(self, place: Place, machine: str) -> None:
        """See Provider. Ready means: the guest's agent runs commands."""
        spec = place.lab.machines[machine]
        assert isinstance(spec, QemuMachine)
        options = plain.common(place, machine, self.kind, spec)
        memory = mebibytes(spec.memory)
        options |= {
            "command": [
                *("run", "-memory", str(memory), "-cpus", str(math.ceil(spec.cpus or 1))),
                *(["-network"] if spec.networks else []),
                *(word for port in spec.ports for word in ("-port", str(port))),
            ],
            "init": False,
            "mem_limit": f"{memory + OVERHEAD_MIB}m",
            "memswap_limit": f"{memory + OVERHEAD_MIB}m",
            "pids_limit": _PIDS,
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
        }
        options["volumes"] += plain.control(self, place)
        plain.start(self, place, machine, place.images[spec.image], spec, options)
        self._await(place, machine)

    def _await(self, place: Place, machine: str) -> None:
        try:
            self.exec(place, machine, ["true"], timeout=BOOT_SECONDS)
        except WaitTimeout as e:
            raise WaitTimeout(
                f"Waited {BOOT_SECONDS} s for `{machine}` to start, in vain",
                details=self.logs(place, machine, 20),
                resolution="The lines above are from its console; a machine with less to do "
                "is quicker.",
            ) from e

    def exec(
        self,
        place: Place,
        machine: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> ExecResult:
        """See Provider. Waits for a guest that still starts; at most 16 MiB come back."""
        variables = [w for k, v in (environment or {}).items() for w in ("-env", f"{k}={v}")]
        return super().exec(
            place,
            machine,
            [_VMM, "exec", *(["-stdin"] if stdin is not None else []), *variables, "--", *argv],
            stdin=stdin,
            timeout=timeout,
        )

    def release(self, place: Place, machine: str) -> str:
        """The release of the kernel that QEMU starts: the image tells, the guest is not asked."""
        return super().exec(place, machine, ["cat", _RELEASE]).text.strip()

    def operate(self, place: Place, machine: str, *words: str) -> str:
        """Have `vmm` do what operate.go of clusters/images/vmm offers; what it tells, as JSON.

        Raises UsageError with its refusal, NotFound when the machine does not run.
        """
        done = super().exec(place, machine, [_VMM, *words], timeout=BOOT_SECONDS)
        if done.status != 0:
            said = done.stderr.decode("utf-8", "replace").removeprefix(f"{_VMM}: ").strip()
            raise UsageError(f"`{machine}`: {said}")
        return done.text

    def power_on(self, place: Place, machine: str) -> None:
        """Switch a machine on, with the disk that it had, and wait until it runs commands."""
        self.operate(place, machine, "power", "on")
        self._await(place, machine)

    def shell(self) -> list[str]:
        """See Provider: the serial console, which works without a network, too."""
        return [_VMM, "console"]

    def command(self, argv: Sequence[str], *, stdin: bool) -> list[str]:
        """See Provider."""
        return [_VMM, "exec", *(["-stdin"] if stdin else []), "--", *argv]
