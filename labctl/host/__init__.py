"""Where sessions run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import UsageError

if TYPE_CHECKING:
    from labctl.host.model import Host


def find(name: str) -> Host:
    """The host of that name. Raises UsageError when there is none."""
    if name == "local":
        from labctl.host.local import LocalHost

        return LocalHost()
    raise UsageError(f"There is no host `{name}`", resolution="The only host is `local`.")
