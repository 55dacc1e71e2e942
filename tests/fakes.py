"""A provider without an engine: keeps the same contract as the real ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from labctl.environment.model import ExecResult, Found, MachineState, Place
from labctl.errors import NotFound, WaitTimeout


class FakeProvider:
    """Machines that are dictionary entries; knows the few commands that the tests run."""

    def __init__(self) -> None:
        self.machines: dict[str, Found] = {}
        self._made = 0

    def create(self, place: Place, machine: str) -> None:
        self._made += 1
        self.machines[place.container(machine)] = Found(
            name=machine,
            provider="fake",
            state="running",
            container=f"fake-{self._made}",
            pid=1000 + self._made,
            created=f"t{self._made}",
            addresses={"lab": f"10.0.0.{self._made}"},
        )

    def find(self, place: Place, machine: str) -> Found | None:
        return self.machines.get(place.container(machine))

    def set_state(self, place: Place, machine: str, state: MachineState) -> None:
        name = place.container(machine)
        self.machines[name] = replace(self.machines[name], state=state, pid=0)

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
        found = self.find(place, machine)
        if found is None or found.state != "running":
            raise NotFound(f"`{machine}` is not running")
        script = argv[-1]
        if script.startswith("sleep"):
            time.sleep(timeout)
            raise WaitTimeout(f"`{argv[0]}` did not end")
        if script == "cat":
            return ExecResult(0, stdin or b"", b"")
        if script.startswith("echo out"):
            value = (environment or {}).get("WORD", "")
            return ExecResult(3, f"out {value}\n".encode(), b"err\n")
        raise AssertionError(f"the fake knows no `{script}`")

    def shell(self) -> list[str]:
        return ["sh"]

    def command(self, argv: Sequence[str], *, stdin: bool) -> list[str]:
        return list(argv)

    def logs(self, place: Place, machine: str, lines: int) -> str:
        if self.find(place, machine) is None:
            raise NotFound(f"`{machine}` is not there")
        return "one line\n"

    def remove(self, place: Place, machine: str) -> None:
        self.machines.pop(place.container(machine), None)
