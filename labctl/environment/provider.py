"""The provider protocol, and the one place that names the providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from labctl.environment.model import ExecResult, Found, Place

if TYPE_CHECKING:
    import docker


class Provider(Protocol):
    """Makes, finds and removes one kind of machine. One contract suite runs against each.

    Every method may raise EnvironmentFailure when the engine cannot be used.
    """

    def create(self, place: Place, machine: str) -> None:
        """Make the machine that the lab calls `machine` and wait until it answers.

        Its networks and images exist, and what is left of an earlier try is gone.
        Raises WaitTimeout when the machine does not get ready.
        """

    def find(self, place: Place, machine: str) -> Found | None:
        """The machine as it is now, or None."""

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
        """Run a command in the machine, with the machine's own programs (never for a grade).

        `timeout` is in seconds. Raises NotFound when the machine is not there or does not run,
        WaitTimeout when the command does not end.
        """

    def shell(self) -> list[str]:
        """What, run in the machine's container at a terminal, is a shell in the machine."""

    def command(self, argv: Sequence[str], *, stdin: bool) -> list[str]:
        """What, run in the machine's container, runs `argv` in the machine.

        With `stdin` it gets standard input, which may have to end first.
        """

    def logs(self, place: Place, machine: str, lines: int) -> str:
        """The last lines that the machine's main process (for kind: the node) wrote."""

    def remove(self, place: Place, machine: str) -> None:
        """Remove the machine and all that only it used; fine when it is not there."""


def providers(client: docker.DockerClient) -> dict[str, Provider]:
    """Every provider by the name that lab.yaml calls it."""
    from labctl.environment.docker import DockerProvider
    from labctl.environment.engine import EngineProvider
    from labctl.environment.kind import KindProvider
    from labctl.environment.qemu import QemuProvider

    return {
        "docker": DockerProvider(client),
        "engine": EngineProvider(client),
        "kind": KindProvider(client),
        "qemu": QemuProvider(client),
    }
