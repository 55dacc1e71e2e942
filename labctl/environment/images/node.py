"""The kind node image: Kubernetes, its images and the labs' own, in one image.

Built in two steps. The node base (Go programs, Debian packages) takes minutes and is kept
under a name that is the digest of its inputs. Putting images into it takes seconds: see
node_images.py.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import paths
from labctl.environment.images import golang, node_images
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]

# The one image that all of Kubernetes runs from, and what kubeadm 1.37.2 and the network
# agent call it. Two of them need a program to start when none is named.
COMPONENTS = (
    "registry.k8s.io/kube-apiserver:v1.37.2",
    "registry.k8s.io/kube-controller-manager:v1.37.2",
    "registry.k8s.io/kube-proxy:v1.37.2",
    "registry.k8s.io/kube-scheduler:v1.37.2",
    "registry.k8s.io/etcd:3.7.0-0",
    "docker.io/labctl/kubernetes:v1.37.2",
)
ENTRYPOINTS = {
    "coredns": "registry.k8s.io/coredns/coredns:v1.14.6",
    "pause": "registry.k8s.io/pause:3.10.2",
}

_CONTAINERD = "github.com/containerd/containerd/v2"
_PLUGINS = "github.com/containernetworking/plugins/plugins"

# The packages of the programs, by the folder of the build context that they go to. What is
# linked the longest comes first.
_PROGRAMS = {
    "component": ("./k8s", "./coredns", "./pause"),
    "bin": tuple(
        f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    ),
    "cni": tuple(f"{_PLUGINS}/{name}" for name in ("ipam/host-local", "main/ptp", "meta/portmap")),
}


def foundation(client: docker.DockerClient, base: str, work: Path, report: Report) -> str:
    """The node that has Kubernetes' images only, by its name in the engine.

    It is the one that kind pins and publishes, where the engine reaches a registry (pods then
    come from kind's own network plugin, which enforces NetworkPolicy too). Else it is made
    on the engine's image `base` (Debian), unless it is there already. `work` is a scratch
    folder. Raises ProcessError when a Go build fails and EnvironmentFailure when the engine
    fails.
    """
    recipe = paths.clusters_dir() / "node-image"
    digest = _input_digest(recipe, base)
    tag = f"labctl/node-base:{digest}"
    if client.images.list(tag):
        return tag
    try:
        return _pull(client, report)
    except EnvironmentFailure as e:
        report(f"{e.message}: it is built instead")
    _build(client, tag, digest, base, work / "node-context", report)
    return tag


def _pull(client: docker.DockerClient, report: Report) -> str:
    from docker.errors import APIError

    defaults = "pkg/apis/config/defaults/image.go"
    source = (_kind_module() / defaults).read_text()
    match = re.search(r'^const Image = "(.+)"$', source, flags=re.MULTILINE)
    if match is None:
        raise EnvironmentFailure(f"kind's {defaults} names no image")
    report(f"pulling {match[1]}")
    try:
        client.images.pull(match[1])
    except APIError as e:
        raise EnvironmentFailure(f"{match[1]} cannot be pulled", details=str(e)) from e
    return match[1]


def _build(
    client: docker.DockerClient, tag: str, digest: str, base: str, context: Path, report: Report
) -> None:
    """Make the node from what is compiled and what Debian has, which are got side by side."""
    recipe = paths.clusters_dir() / "node-image"
    dockerfile = (recipe / "Dockerfile").read_text().replace("FROM labctl/base ", f"FROM {base} ")
    goarch = golang.go_arch(client.info()["Architecture"])
    made: list[str] = []

    def make(name: str, **source: object) -> str:
        made.append(f"labctl/node-{name}:{digest}")
        _image(client, made[-1], **source)
        return made[-1]

    pool = ThreadPoolExecutor(1)
    try:
        only = io.BytesIO(dockerfile.encode())
        system = pool.submit(make, "debian", fileobj=only, target="system")
        shutil.rmtree(context, ignore_errors=True)
        _build_programs(recipe, context, goarch, report)
        _copy_files(recipe, context)
        (context / "Dockerfile").write_text(dockerfile)
        report("installing the node's Debian packages")
        system.result()
        component = make("component", path=str(context), target="component")
        names = dict.fromkeys(COMPONENTS, component)
        for program, name in ENTRYPOINTS.items():
            start = f'FROM {component}\nENTRYPOINT ["/usr/local/bin/{program}"]\n'
            names[name] = make(program, fileobj=io.BytesIO(start.encode()))
        report("assembling the node")
        node_images.put(client, make("system", path=str(context), target="node"), tag, names)
    finally:
        pool.shutdown(wait=False)
        shutil.rmtree(context, ignore_errors=True)
        for image in made:
            if client.images.list(image):
                client.images.remove(image)
        # The stage that no image was made from.
        client.images.prune({"dangling": True, "label": "labctl.stage=assembly"})


def _image(client: docker.DockerClient, tag: str, **source: object) -> None:
    from docker.errors import BuildError

    try:
        client.images.build(tag=tag, rm=True, **source)  # type: ignore[arg-type]
    except BuildError as e:
        log = "".join(str(line.get("stream", "")) for line in e.build_log)
        raise EnvironmentFailure(f"{tag} could not be built: {e}", details=log[-4000:]) from e


def _build_programs(recipe: Path, context: Path, goarch: str, report: Report) -> None:
    """Build everything that is Go into the context's component/, bin/ and cni/.

    In one go: linking takes one core, and something else is compiled on the other meanwhile.
    """
    together = context / "programs"
    together.mkdir(parents=True)
    golang.build(
        recipe,
        " ".join(package for packages in _PROGRAMS.values() for package in packages),
        together,
        goarch=goarch,
        # What a program has not is no error.
        ldflags=[*golang.kubernetes_ldflags(), f"-X {_CONTAINERD}/version.Version=v2.4.2"],
        tags=["no_btrfs", "no_devmapper", "no_zfs"],
        report=report,
    )
    for folder, packages in _PROGRAMS.items():
        (context / folder).mkdir()
        for package in packages:
            name = golang.program_name(package)
            (together / name).rename(context / folder / name)


def _copy_files(recipe: Path, context: Path) -> None:
    """Lay the recipe's files over those of kind's module, which are not ours to keep."""
    files = context / "files"
    for source in (_kind_module() / "images" / "base" / "files", recipe / "files"):
        shutil.copytree(source, files, dirs_exist_ok=True)
        # The module cache is read-only, and modules carry no permissions.
        for file in (files, *files.rglob("*")):
            program = file.is_dir() or file.parent.name == "bin"
            file.chmod(0o755 if program else 0o644)


def _kind_module() -> Path:
    return golang.module_folder(paths.clusters_dir() / "node-image" / "kind", "sigs.k8s.io/kind")


def _input_digest(recipe: Path, *seeds: str) -> str:
    digest = hashlib.sha256("\0".join(seeds).encode() + Path(__file__).read_bytes())
    for file in sorted(recipe.rglob("*")):
        if file.is_file() and file.name != "README.md":
            digest.update(file.relative_to(recipe).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]
