"""What the engine has of labctl's images, and keeping it in order."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl import paths, process
from labctl.environment.images import recipe
from labctl.environment.images.recipe import Cookbook

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """A recipe's image as the engine has it; `size` in bytes and `created` are 0 if it is not.

    An `optional` one is made when a lab wants it, not with all the others.
    """

    name: str
    reference: str
    size: int = 0
    created: int = 0
    optional: bool = False

    @property
    def present(self) -> bool:
        """Whether the engine has it."""
        return self.created != 0


def images(client: docker.DockerClient) -> list[Image]:
    """Every recipe with its image, each after those it stands on."""
    cookbook, tags = cookbook_of(client), tags_of(client)
    found = []
    for name in cookbook.names:
        there = tags.get(cookbook.reference(name), {})
        size, created = there.get("Size", 0), there.get("Created", 0)
        optional = name in cookbook.optional
        found.append(Image(name, cookbook.reference(name), size, created, optional))
    return found


def missing(client: docker.DockerClient) -> list[str]:
    """The recipes whose images a machine should have and has not: all but optional ones."""
    return [image.name for image in images(client) if not (image.present or image.optional)]


def node_bases(client: docker.DockerClient) -> list[str]:
    """The nodes without labs' images that are kept for the next node image, newest first."""
    kept = {tag: i for tag, i in tags_of(client).items() if tag.startswith("labctl/node-base:")}
    return sorted(kept, key=lambda tag: -int(kept[tag]["Created"]))


def outdated(client: docker.DockerClient) -> list[str]:
    """Images of labctl that no recipe names any more."""
    current = {image.reference for image in images(client)} | set(node_bases(client)[:1])
    return sorted(tags_of(client).keys() - current)


def prune(client: docker.DockerClient, *, everything: bool = False) -> tuple[list[str], list[str]]:
    """Remove labctl's images that no recipe names any more; with `everything`, all of them.

    Returns what was removed, and what was kept because a container uses it.
    """
    from docker.errors import APIError

    removed, kept = [], []
    with only_one(client, lambda text: None):
        foundations = _first_layers(client)
        for tag in sorted(tags_of(client)) if everything else outdated(client):
            try:
                client.api.remove_image(tag)
                removed.append(tag)
            except APIError:
                kept.append(tag)
        removed += _remove_stages(client, foundations)
    return removed, kept


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove the containers of node builds that were killed; returns their names.

    Does nothing while a labctl of this user builds images.
    """
    removed = []
    with contextlib.suppress(BlockingIOError), only_one(client, None):
        for container in client.containers.list(
            all=True, filters={"name": "^labctl-node-[0-9a-f]{12}$"}
        ):
            container.remove(force=True, v=True)
            removed.append(str(container.name))
    return removed


def _first_layers(client: docker.DockerClient) -> set[str]:
    bases = [tag for tag in tags_of(client) if tag.startswith(f"{recipe.PREFIX}{recipe.BASE}:")]
    return {client.images.get(tag).attrs["RootFS"]["Layers"][0] for tag in bases}


def _remove_stages(client: docker.DockerClient, foundations: set[str]) -> list[str]:
    """Remove nameless images on our base: stages and steps that only the build cache used."""
    from docker.errors import APIError

    removed: list[str] = []
    while True:
        before = len(removed)
        for image in client.api.images(filters={"dangling": True}):
            try:
                layers = client.images.get(image["Id"]).attrs["RootFS"].get("Layers") or [""]
                if layers[0] in foundations:
                    client.api.remove_image(image["Id"])
                    removed.append(image["Id"][7:19])
            except APIError:
                continue  # in use, or gone with another
        if len(removed) == before:
            return removed


def cookbook_of(client: docker.DockerClient) -> Cookbook:
    """The recipes, for the engine's architecture."""
    return recipe.read(client.api.version()["Arch"])


def tags_of(client: docker.DockerClient) -> dict[str, dict[str, Any]]:
    """What the engine tells of each image of labctl's, by its full name."""
    found = client.api.images(filters={"reference": f"{recipe.PREFIX}*"})
    return {tag: i for i in found for tag in i["RepoTags"] or () if tag.startswith(recipe.PREFIX)}


@contextmanager
def only_one(client: docker.DockerClient, report: Report | None) -> Iterator[None]:
    """Hold the lock on building for this engine, so that two labctl do not do it twice.

    Without `report`, BlockingIOError is raised instead of waiting. The programs that are started
    meanwhile hold it too: when labctl is killed, the next one waits for what it left running.
    """
    folder = paths.cache_dir() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    engine = "".join(c if c.isalnum() else "-" for c in str(client.api.info()["ID"]))
    lock = os.open(folder / f"{engine}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if report is None:
                raise
            report("waiting for another labctl that builds images")
            fcntl.flock(lock, fcntl.LOCK_EX)
        process.kept_open.add(lock)
        yield
    finally:
        process.kept_open.discard(lock)
        os.close(lock)
