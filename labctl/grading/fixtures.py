"""The fixtures that checks are written with. Their names are a contract with all labs.

`machine`, `host`, `kernel`, `guest`, `probe`, `history`, `kube`, `facts`, `workspace`, `lab`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labctl.environment.kubeapi import Answer, Ask, KubeAPI
from labctl.environment.probe_client import ProbeClient, Wire
from labctl.grading import backend
from labctl.grading.controlplane import examine
from labctl.grading.evidence import Connectivity, Kernel, Targets
from labctl.grading.guest import Guest
from labctl.grading.history import History

if TYPE_CHECKING:
    from testinfra.host import Host

Spec = Mapping[str, Any]
AskCluster = Callable[..., Answer]  # cluster, method, path, and as `requests` takes it


@dataclass(frozen=True)
class LabInfo:
    """The `lab` fixture: what lab.yaml says. `machines`: the provider of each, by name."""

    id: str
    title: str
    shell: str
    folder: Path
    machines: Mapping[str, str]

    def of(self, provider: str) -> list[str]:
        """The names of the machines that a provider makes."""
        return [name for name, kind in self.machines.items() if kind == provider]


class Workspace:
    """The `workspace` fixture: the learner's files, read without following their links."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, path: str, limit: int = 65536) -> str:
        """The text of a file of at most `limit` bytes; the check fails without such a file."""
        fd = self._open(path)
        if fd is None:
            pytest.fail(f"there is no file {path} in the workspace (a link does not count)")
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            pytest.fail(f"{path} in the workspace is not a plain file")
        with os.fdopen(fd, "rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            pytest.fail(f"{path} in the workspace is larger than {limit} bytes")
        return content.decode("utf-8", "replace")

    def exists(self, path: str) -> bool:
        """Whether there is anything but a link at that path."""
        fd = self._open(path)
        if fd is not None:
            os.close(fd)
        return fd is not None

    def list(self, path: str = ".") -> list[str]:
        """The names in a folder, sorted; none when it is not there."""
        fd = self._open(path)
        if fd is None:
            return []
        try:
            return sorted(os.listdir(fd)) if stat.S_ISDIR(os.fstat(fd).st_mode) else []  # noqa: PTH208 - by descriptor
        finally:
            os.close(fd)

    def _open(self, path: str) -> int | None:
        """A descriptor of what is there; every step refuses links, and a pipe cannot block."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        parts = Path(path).parts
        if Path(path).is_absolute() or ".." in parts:
            raise ValueError(f"{path} is not inside the workspace")
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        for part in parts:
            try:
                below = os.open(part, flags, dir_fd=fd)
            except OSError:
                return None
            finally:
                os.close(fd)
            fd = below
        return fd


class Kubernetes(KubeAPI):
    """The `kube` fixture: the API of the lab's cluster; `kube("name")` where it has several."""

    def __init__(
        self, kubeconfigs: Mapping[str, str], kernel: Kernel, ask: AskCluster | None
    ) -> None:
        if not kubeconfigs:
            raise LookupError("the lab has no kind machine")

        def reach(name: str) -> tuple[Path, Callable[[], None], Ask | None]:
            kernel.process(name)  # a machine that is down need not be waited for
            own = partial(ask, name) if ask else None
            return Path(kubeconfigs[name]), partial(examine, kernel, name), own

        super().__init__(*reach(next(iter(kubeconfigs))))
        self._named = cache(lambda name: KubeAPI(*reach(name)))

    def __call__(self, name: str) -> KubeAPI:
        """The API of one of several clusters."""
        return self._named(name)


class Fixtures:
    """The plugin that makes the fixtures, for one run on one session.

    `scene` waits until the parent tells what the session is. `ask` puts a request to the API
    of the cluster that it is given the name of; without it, kubeconfigs tell how to.
    """

    def __init__(
        self, scene: Callable[[], Spec], wire: Wire, ask: AskCluster | None = None
    ) -> None:
        self._scene = scene
        self._wire = wire
        self._ask = ask

    @cached_property
    def _spec(self) -> Spec:
        return self._scene()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Wait for the parent here, not on the time of the first check."""
        if session.items:
            _ = self._spec

    @pytest.fixture(scope="session")
    def lab(self) -> LabInfo:
        """What lab.yaml says: id, title, shell, folder, machines."""
        lab = self._spec["lab"]
        return LabInfo(lab["id"], lab["title"], lab["shell"], Path(lab["folder"]), lab["machines"])

    @pytest.fixture(scope="session")
    def facts(self) -> Mapping[str, str]:
        """The session's seeded facts."""
        return dict(self._spec["facts"])

    @pytest.fixture(scope="session")
    def workspace(self) -> Workspace:
        """The learner's files: `workspace.read("answers.yaml")`."""
        return Workspace(Path(self._spec["workspace"]))

    @pytest.fixture(scope="session")
    def labctl_targets(self, lab: LabInfo) -> Iterator[Targets]:
        """Not for labs: what the fixtures below share."""
        with ProbeClient(self._wire) as client:
            clusters = [*lab.of("kind"), ""]
            yield Targets(client, self._spec["machines"], lab.shell, clusters[0])

    @pytest.fixture(scope="session")
    def kernel(self, labctl_targets: Targets) -> Kernel:
        """Machines as the host's kernel sees them: processes, namespaces, cgroups, files."""
        return Kernel(labctl_targets)

    @pytest.fixture(scope="session")
    def guest(self, labctl_targets: Targets) -> Callable[[str], Guest]:
        """`guest("desk")`: a virtual machine from its host's side: disk, snapshots, events."""
        return lambda name: Guest(labctl_targets, name)

    @pytest.fixture(scope="session")
    def probe(self, labctl_targets: Targets) -> Connectivity:
        """Connections from where a machine, a process or a pod is: tcp, udp, http, hold."""
        return Connectivity(labctl_targets)

    @pytest.fixture(scope="session")
    def history(self, labctl_targets: Targets) -> History:
        """`history("shop")`: what was seen, since the start, of what lab.yaml has watched."""
        return History(labctl_targets.client)

    @pytest.fixture(scope="session")
    def machine(self, labctl_targets: Targets, lab: LabInfo) -> Callable[..., Host]:
        """`machine("engine")`: a testinfra host whose commands run with the grader's programs."""

        @cache
        def connect(name: str = lab.shell) -> Host:
            labctl_targets.of(name)
            return backend.connect(name, labctl_targets)

        return connect

    @pytest.fixture(scope="session")
    def host(self, machine: Callable[..., Host]) -> Host:
        """`machine()`: the one that the learner's shell is in."""
        return machine()

    @pytest.fixture(scope="session")
    def kube(self, kernel: Kernel) -> Kubernetes:
        """The Kubernetes API of the lab's cluster."""
        return Kubernetes(self._spec["kubeconfigs"], kernel, self._ask)
