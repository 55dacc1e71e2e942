"""Machines that run a Docker engine of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from labctl.environment import docker as plain
from labctl.environment.containers import ContainerProvider, engine_errors, thaw
from labctl.environment.direct import status_of
from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure, WaitTimeout
from labctl.lab.model import EngineMachine

BOOT_SECONDS = 60


class EngineProvider(ContainerProvider):
    """Privileged containers with an engine inside, and the lab's images in it.

    Root in such a machine can reach the machine under it: see ARCHITECTURE.md, trust.
    """

    kind = "engine"

    def create(self, place: Place, machine: str) -> None:
        """See Provider. Each image is known in the inner engine by its bare recipe name."""
        spec = place.lab.machines[machine]
        assert isinstance(spec, EngineMachine)
        options = plain.common(place, machine, self.kind, spec)
        options |= {
            "privileged": True,
            # Its own view of cgroups, so that the inner engine makes its groups below this one.
            "cgroupns": "private",
            "environment": spec.environment,
            "pids_limit": spec.pids,
            "init": False,
        }
        # overlay2 cannot stand on overlay2, so the inner engine's data needs a volume.
        options["volumes"] += [f"{self._volume(place, machine)}:/var/lib/docker"]
        if spec.workspace:
            options["volumes"] += [f"{place.workspace}:{plain.WORKSPACE}"]
            options["working_dir"] = plain.WORKSPACE
        with engine_errors(f"create the volume of `{machine}`"):
            self.client.volumes.create(
                self._volume(place, machine), labels=place.labels(machine, self.kind)
            )
        with ThreadPoolExecutor(max_workers=1) as pool:
            saved = pool.submit(self._archive, place, spec)
            plain.start(self, place, machine, place.images[spec.image], spec, options)
            self._await(place, machine)
            if images := saved.result():
                self._load(place, machine, images)

    def remove(self, place: Place, machine: str) -> None:
        """See Provider."""
        thaw(self.client, self.main(place, machine))
        super().remove(place, machine)
        with engine_errors(f"remove the volume of `{machine}`"):
            try:
                self.client.api.remove_volume(self._volume(place, machine), force=True)
            except Exception as e:
                if status_of(e) != 404:
                    raise

    def _volume(self, place: Place, machine: str) -> str:
        return place.container(machine)

    def _archive(self, place: Place, spec: EngineMachine) -> bytes:
        if not spec.images:
            return b""
        from labctl.environment.images import archive

        names = {place.images[name]: name for name in spec.images}
        with engine_errors("read the lab's images"):
            return archive.renamed(b"".join(archive.save(self.client, list(names))), names)

    def _await(self, place: Place, machine: str) -> None:
        # One command that waits inside costs the booting machine less than many that ask.
        answers = "[ -S /var/run/docker.sock ] && docker version >/dev/null 2>&1"
        script = f"until {answers}; do sleep 0.05; done"
        try:
            self.exec(place, machine, ["sh", "-c", script], timeout=BOOT_SECONDS)
        except WaitTimeout as e:
            raise WaitTimeout(
                f"Waited {BOOT_SECONDS} s for the engine of `{machine}`, in vain",
                details=self.logs(place, machine, 20),
                resolution="The lines above are its log; `labctl doctor` looks at this machine.",
            ) from e

    def _load(self, place: Place, machine: str, images: bytes) -> None:
        result = self.exec(place, machine, ["docker", "load", "-q"], stdin=images, timeout=300)
        if result.status != 0:
            raise EnvironmentFailure(
                f"The images of the lab could not be loaded into `{machine}`",
                details=result.stderr.decode("utf-8", "replace"),
                resolution="`labctl images build` makes them anew.",
            )
