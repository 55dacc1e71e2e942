"""The engine of this machine. (Provisional: the setup engineer replaces it.)"""

from __future__ import annotations

import docker

from labctl.lab.model import Lab


class LocalHost:
    """The local engine."""

    name = "local"

    def client(self) -> docker.DockerClient:
        """A client of the engine."""
        return docker.from_env(timeout=60)

    def check_capacity(self, lab: Lab) -> None:
        """Provisional."""
