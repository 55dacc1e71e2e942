"""testinfra's hosts over the probe: commands in a machine, run with the grader's own programs."""

from __future__ import annotations

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from labctl.environment.outside import Outage, decode
from labctl.errors import WaitTimeout
from labctl.grading.evidence import Targets

COMMAND_SECONDS = 10.0
MAX_OUTPUT = 1 << 20


class LabctlBackend(BaseBackend):  # type: ignore[misc]
    """One machine. `run` raises Outage when the machine is down or does not answer in time."""

    NAME = "labctl"

    def __init__(self, machine: str, targets: Targets) -> None:
        super().__init__(machine)
        self._targets = targets

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a shell command; `%s` in it stands for the (quoted) args."""
        line = self.get_command(command, *args)
        machine = self.hostname
        try:
            done = self._targets.ask(
                "exec",
                machine,
                timeout=COMMAND_SECONDS,
                argv=["sh", "-c", line],
                max_output=MAX_OUTPUT,
            )
        except WaitTimeout as e:
            raise _late(machine, line) from e
        if done["timed_out"]:
            raise _late(machine, line)
        if done["truncated"]:
            raise Outage(f"`{line}` in `{machine}` printed more than {MAX_OUTPUT >> 10} KiB")
        return self.result(
            done["status"], line.encode(), decode(done["stdout"]), decode(done["stderr"])
        )

    def get_encoding(self) -> str:
        """UTF-8: asking the machine would be asking its own programs."""
        return "utf-8"

    def decode(self, data: bytes) -> str:
        """Output as text, whatever bytes a learner put into it."""
        return data.decode("utf-8", "replace")


def connect(machine: str, targets: Targets) -> Host:
    """A testinfra host that is this machine and no other: testinfra's own cache is not used."""
    backend = LabctlBackend(machine, targets)
    host = Host(backend)
    backend.set_host(host)
    return host


def _late(machine: str, line: str) -> Outage:
    return Outage(f"`{machine}` did not answer `{line}` within {COMMAND_SECONDS:.0f} s")
