"""The kind node image: Kubernetes, its images and the labs' own, in one image.

Built in two steps. The node base (Go programs, Debian packages) takes minutes and is kept
under a name that is the digest of its inputs. Putting images into it takes seconds.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import paths
from labctl.environment.images import golang
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

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
_SYSTEM = ("ENTRYPOINT", ["/usr/local/bin/entrypoint", "/sbin/init"])


def build_node(
    client: docker.DockerClient,
    tag: str,
    base: str,
    preload: Mapping[str, str],
    work: Path,
    report: Report,
) -> None:
    """Make the node image `tag`, on the engine's image `base` (Debian).

    `preload` maps images of the engine to the names that pods call them by. Pods find them
    with `imagePullPolicy: IfNotPresent`. `work` is a scratch folder. Raises ProcessError
    when a Go build fails and EnvironmentFailure when the engine fails.
    """
    put_images(client, build_node_base(client, base, work, report), tag, preload, report)


def build_node_base(client: docker.DockerClient, base: str, work: Path, report: Report) -> str:
    """Make the node image that has Kubernetes' images only; returns its name in the engine.

    Does nothing when it is there already. Raises as `build_node` does.
    """
    recipe = paths.clusters_dir() / "node-image"
    digest = _input_digest(recipe, client.images.get(base).id or base)
    tag, empty, component = (f"labctl/node-{n}:{digest}" for n in ("base", "empty", "component"))
    if _exists(client, tag):
        return tag
    context = work / "node-context"
    shutil.rmtree(context, ignore_errors=True)
    goarch = golang.go_arch(client.info()["Architecture"])
    _build_programs(recipe, context, goarch, report)
    _copy_files(recipe, context)
    dockerfile = re.sub(r"^FROM labctl/base\b", f"FROM {base}", _dockerfile(recipe), flags=re.M)
    (context / "Dockerfile").write_text(dockerfile)

    report("installing the node's Debian packages")
    _image(client, component, path=str(context), target="component")
    names = {name: component for name in COMPONENTS}
    for program, name in ENTRYPOINTS.items():
        names[name] = f"labctl/node-{program}:{digest}"
        entrypoint = f'FROM {component}\nENTRYPOINT ["/usr/local/bin/{program}"]\n'
        _image(client, names[name], fileobj=io.BytesIO(entrypoint.encode()))
    report("assembling the node")
    _image(client, empty, path=str(context), target="node")
    _put_images(client, empty, tag, names)
    for image in {empty, *names.values()}:
        client.images.remove(image)
    shutil.rmtree(context)
    return tag


def put_images(
    client: docker.DockerClient, node: str, tag: str, preload: Mapping[str, str], report: Report
) -> None:
    """Make `tag` from the node image `node`, with images of the engine inside.

    `preload` maps the engine's names to those that pods use. Raises EnvironmentFailure when
    an image is missing or cannot be put in.
    """
    if not preload:
        client.images.get(node).tag(tag)
        return
    report(f"putting {len(preload)} images into the node")
    _put_images(client, node, tag, {name: image for image, name in preload.items()})


def _put_images(
    client: docker.DockerClient, node: str, tag: str, images: Mapping[str, str]
) -> None:
    """Put the engine's image `images[name]` into `node` as `name`, for each name."""
    with _builder(client, node) as container:
        _exec(container, ["mkdir", "-p", "/var/preload"])
        container.put_archive("/var/preload", _save(client, sorted(set(images.values()))))
        pairs = [f"{normal_name(image)}={normal_name(name)}" for name, image in images.items()]
        _exec(container, ["/kind/bin/preload", *pairs])
        keyword, value = _SYSTEM
        change = f"{keyword} {value}".replace("'", '"')
        repository, _, version = tag.rpartition(":")
        container.commit(repository, version, changes=[change, "CMD []"])


@contextmanager
def _builder(client: docker.DockerClient, node: str) -> Iterator[Container]:
    """A container of a node image that does nothing, with /var on a volume."""
    from docker.types import Mount

    container = client.containers.run(
        node,
        entrypoint=["sleep", "infinity"],
        detach=True,
        mounts=[Mount("/var", None)],
        name=f"labctl-node-{uuid.uuid4().hex[:12]}",
        network_mode="none",
        privileged=True,
        tmpfs={"/run": "", "/tmp": ""},  # noqa: S108
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def _save(client: docker.DockerClient, images: list[str]) -> Iterator[bytes]:
    """`docker save` as a stream: layers that images share are in it once."""
    api = client.api
    url = f"{api.base_url}/v{api.api_version}/images/get"
    with api.get(url, params={"names": images}, stream=True) as response:
        if response.status_code != 200:
            raise EnvironmentFailure(
                f"the engine cannot save {', '.join(images)}", details=response.text
            )
        yield from response.iter_content(1 << 20)


def normal_name(image: str) -> str:
    """An image's name in full, as containerd wants it: `shop:1` is docker.io/library/shop:1."""
    host, slash, _ = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def _exec(container: Container, argv: list[str]) -> None:
    code, output = container.exec_run(argv)
    if code != 0:
        raise EnvironmentFailure(
            f"`{argv[0]}` failed in the node image", details=output.decode("utf-8", "replace")
        )


def _image(client: docker.DockerClient, tag: str, **source: object) -> None:
    from docker.errors import BuildError

    try:
        client.images.build(tag=tag, rm=True, **source)  # type: ignore[arg-type]
    except BuildError as e:
        log = "".join(str(line.get("stream", "")) for line in e.build_log)
        raise EnvironmentFailure(f"{tag} could not be built: {e}", details=log[-4000:]) from e


def _exists(client: docker.DockerClient, tag: str) -> bool:
    return bool(client.images.list(tag))


def _build_programs(recipe: Path, context: Path, goarch: str, report: Report) -> None:
    """Build everything that is Go into the context's component/, bin/ and cni/."""

    def go(package: str, output: str, *, ldflags: list[str] | None = None, tags: str = "") -> None:
        golang.build(
            recipe,
            package,
            context / output,
            goarch=goarch,
            ldflags=ldflags or [],
            tags=tags.split(),
            report=report,
        )

    for folder in ("component", "bin", "cni"):
        (context / folder).mkdir(parents=True)
    go("./k8s", "component", ldflags=golang.kubernetes_ldflags())
    go("./coredns ./pause", "component")
    programs = ("containerd", "containerd-shim-runc-v2", "ctr")
    go(
        " ".join(f"{_CONTAINERD}/cmd/{name}" for name in programs),
        "bin",
        ldflags=[f"-X {_CONTAINERD}/version.Version=v2.4.2"],
        tags="no_btrfs no_devmapper no_zfs",
    )
    plugins = ("ipam/host-local", "main/ptp", "meta/portmap")
    go(" ".join(f"{_PLUGINS}/{name}" for name in plugins), "cni")


def _copy_files(recipe: Path, context: Path) -> None:
    """Lay the recipe's files over those of kind's module, which are not ours to keep."""
    kind = golang.module_folder(recipe / "kind", "sigs.k8s.io/kind") / "images/base/files"
    for source in (kind, recipe / "files"):
        shutil.copytree(source, context / "files", dirs_exist_ok=True)
    # Modules carry no permissions, and the cache's files are read-only.
    for file in (context / "files").rglob("*"):
        program = file.is_dir() or file.parent.name == "bin"
        file.chmod(0o755 if program else 0o644)


def _dockerfile(recipe: Path) -> str:
    return (recipe / "Dockerfile").read_text()


def _input_digest(recipe: Path, *seeds: str) -> str:
    digest = hashlib.sha256("\0".join(seeds).encode())
    for file in sorted(recipe.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(recipe).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]
