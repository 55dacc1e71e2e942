"""One environment of a lab that is attacked again and again, and how the graders take it."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl import host
from labctl.environment.kubeapi import KubeAPI
from labctl.errors import LabctlError
from labctl.grading import live
from labctl.grading.report import Report
from labctl.lab.model import Lab
from labctl.progress import Silent
from labctl.session import lifecycle, removal
from labctl.session.opened import Session, ready
from labctl.session.store import Store

SCRIPTS = Path(__file__).parent / "scripts"
UNTOUCHED, SOLVED = "untouched", "solved"


@dataclass
class Arena:
    """The environment; `state` is what it was brought to before attacks were made on it."""

    lab: Lab
    name: str
    store: Store
    state: str = ""
    spoilt: bool = False  # an attack left something that only a reset takes away

    def bring_to(self, state: str) -> None:
        """The untouched or the solved lab, as new but for attacks that took themselves back."""
        if self.state == state and not self.spoilt:
            return
        try:
            self._bring_to(state)
        except LabctlError:
            self.stop()  # the next attack gets a new environment
            self.state = ""
            raise
        self.state, self.spoilt = state, False

    def _bring_to(self, state: str) -> None:
        if not self.state:
            here = host.find("local")
            lifecycle.start(self.store, here, self.lab, Silent(), live.prove, name=self.name)
        elif self.spoilt or self.state == SOLVED:
            lifecycle.reset(self.store, self.session, Silent(), live.prove, workspace=True)
        if state == SOLVED:
            lifecycle.solve(self.store, self.session, Silent())

    def stop(self) -> None:
        """Remove it; fine when there is none."""
        removal.stop(self.store, host.find("local"), self.name, Silent())

    @property
    def session(self) -> Session:
        """The session as its record tells it now."""
        return ready(self.store, host.find("local"), self.name)

    def check(self) -> Report:
        """What the graders say, as `labctl check` would."""
        return live.check(self.session, lambda text: None)

    def of(self, *providers: str) -> list[str]:
        """The machines that a learner has root in, of these kinds."""
        return [
            name
            for name, machine in self.lab.machines.items()
            if machine.provider in providers
            and (machine.provider != "docker" or machine.workspace or name == self.lab.shell)
        ]

    def container(self, machine: str) -> Any:
        """A machine's (first) container, as docker-py has it."""
        place = self.session.place
        suffix = "-control-plane" if self.lab.machines[machine].provider == "kind" else ""
        return self.session.client.containers.get(place.container(machine) + suffix)

    def run(self, machine: str, script: str) -> str:
        """Run a script as root in a machine, with the machine's own shell."""
        done = self.container(machine).exec_run(
            ["timeout", "90", "bash", "-c", script], user="root"
        )
        assert done.exit_code == 0, done.output.decode("utf-8", "replace")[-2000:]
        return str(done.output.decode("utf-8", "replace"))

    def put(self, machine: str, path: str, content: bytes, mode: int = 0o755) -> None:
        """Write a file into a machine from outside: none of its programs is needed."""
        info = tarfile.TarInfo(path.lstrip("/"))
        info.size, info.mode = len(content), mode
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(info, io.BytesIO(content))
        self.container(machine).put_archive("/", packed.getvalue())

    def kube(self, machine: str) -> KubeAPI:
        """The API of a cluster, with the rights that the learner has: all."""
        return KubeAPI(self.session.place.kubeconfig(machine))

    def timed_check(self) -> tuple[Report, float]:
        """A check, and how long it took."""
        began = time.monotonic()
        report = self.check()
        return report, time.monotonic() - began
