"""Putting images of the engine into a node image, where pods find them without a registry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labctl.environment.images import archive
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

# Ours keep unpacked layers outside of /var: see node-image/files/kind/bin/preload.
_OWN_LABEL = "labctl.node"

# The way of kind's own images: packed, in /var, which the engine copies for every node.
_KINDS_WAY = """
set -euo pipefail
containerd >/dev/null 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
ctr() { command ctr --namespace k8s.io "$@"; }
cd /preload
tar --create -- * | ctr images import --all-platforms --no-unpack - >/dev/null
for pair; do
    ctr images tag --force "${pair%=*}" "${pair#*=}" >/dev/null
done
kill $!
wait
"""


def put(client: docker.DockerClient, node: str, tag: str, images: Mapping[str, str]) -> None:
    """Make `tag` from `node`, with the engine's image `images[name]` as `name`, for each name.

    Raises EnvironmentFailure when an image is missing or cannot be put in.
    """
    if not images:
        client.images.get(node).tag(tag)
        return
    own = _OWN_LABEL in client.images.get(node).labels
    with _builder(client, node, ["/preload", "/var"] if own else ["/preload"]) as container:
        container.put_archive("/preload", archive.save(client, sorted(set(images.values()))))
        pairs = [f"{normal_name(image)}={normal_name(name)}" for name, image in images.items()]
        preload = ["/kind/bin/preload"] if own else ["bash", "-c", _KINDS_WAY, "preload"]
        _exec(container, [*preload, *pairs])
        entrypoint = json.dumps(client.images.get(node).attrs["Config"]["Entrypoint"])
        repository, _, version = tag.rpartition(":")
        container.commit(repository, version, changes=[f"ENTRYPOINT {entrypoint}", "CMD []"])


def normal_name(image: str) -> str:
    """An image's name in full, as containerd wants it: `shop:1` is docker.io/library/shop:1."""
    host, slash, _ = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


@contextmanager
def _builder(client: docker.DockerClient, node: str, volumes: list[str]) -> Iterator[Container]:
    """A container of a node image that does nothing, with fresh volumes."""
    from docker.types import Mount

    container = client.containers.run(
        node,
        entrypoint=["sleep", "infinity"],
        detach=True,
        mounts=[Mount(folder, None) for folder in volumes],
        name=f"labctl-node-{uuid.uuid4().hex[:12]}",
        network_mode="none",
        privileged=True,
        tmpfs={"/run": "", "/tmp": ""},  # noqa: S108
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def _exec(container: Container, argv: list[str]) -> None:
    code, output = container.exec_run(argv)
    if code != 0:
        details = bytes(output).decode("utf-8", "replace")  # type: ignore[arg-type]
        raise EnvironmentFailure(f"`{argv[0]}` failed in the node image", details=details)
