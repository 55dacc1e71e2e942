"""Installing an add-on into a cluster that is up."""

from __future__ import annotations

from labctl.environment import wait
from labctl.environment.images import recipe
from labctl.environment.kind import KUBECONFIG, KindProvider
from labctl.environment.model import ExecResult, Place
from labctl.errors import EnvironmentFailure, WaitTimeout
from labctl.lab import facts
from labctl.lab.addons import Addon, images_of

_TRY_SECONDS = 20


def install(provider: KindProvider, place: Place, machine: str, addon: Addon) -> None:
    """Apply an add-on's manifests. Raises EnvironmentFailure with what was refused."""
    names = {f"image-{name}": recipe.name_in_node(name) for name in images_of(addon.name)}
    for file in addon.manifests:
        provider.apply(place, machine, facts.fill(file.read_text(), names))


def await_ready(provider: KindProvider, place: Place, machine: str, addon: Addon) -> None:
    """Wait until an add-on's own script finds that it works.

    Raises EnvironmentFailure with the script's last words.
    """
    script = addon.ready.read_text()
    last = ExecResult(1, b"", b"")

    def works() -> bool:
        nonlocal last
        last = provider.exec(
            place,
            machine,
            ["sh", "-euc", script],
            environment={"KUBECONFIG": KUBECONFIG},
            timeout=_TRY_SECONDS,
        )
        return last.status == 0

    try:
        wait.until(f"the add-on `{addon.name}`", works, seconds=addon.seconds)
    except WaitTimeout as e:
        raise EnvironmentFailure(
            f"The add-on `{addon.name}` does not work after {addon.seconds} s in `{machine}`",
            details=(last.stdout + last.stderr).decode("utf-8", "replace")[-4000:],
            resolution="Start the lab again; a machine with less to do is quicker.",
        ) from e
