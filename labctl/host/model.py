"""What a host is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import docker

    from labctl.lab.model import Lab


class Host(Protocol):
    """A place where sessions run: one engine and what it stands on."""

    name: str

    def client(self) -> docker.DockerClient:
        """A client of the host's engine."""

    def check_capacity(self, lab: Lab) -> None:
        """Raise EnvironmentFailure when the lab does not fit."""
