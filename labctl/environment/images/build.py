"""Building images: what is missing, in order, once."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import paths, process
from labctl.environment.images import base, golang, recipe
from labctl.environment.images.recipe import Cookbook, Recipe
from labctl.environment.model import LABEL_IMAGE
from labctl.errors import EnvironmentFailure, LabctlError

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]

# What can be put into an image by `COPY bin/NAME` without being built in the recipe itself.
_PROGRAMS = {"kubectl": "k8s.io/kubernetes/cmd/kubectl"}
_LOG_LINES = 25
_SILENCE_SECONDS = 1800  # how long the engine may work on one thing without a word


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


def ensure(client: docker.DockerClient, names: Iterable[str], report: Report) -> dict[str, str]:
    """Make sure that the engine has the images of these recipes; build what is missing.

    Returns the engine's reference of each name. Fast when all are there. Raises
    EnvironmentFailure with the failed step and its last lines, DefinitionError for a recipe
    that makes no sense.
    """
    cookbook = _cookbook(client)
    wanted = {name: cookbook.reference(name) for name in names}
    if set(wanted.values()) <= _tags(client).keys():
        return wanted
    with _only_one(client, report):
        for name in _missing(cookbook, list(wanted), _tags(client).keys()):
            _build(client, cookbook, name, report)
    return wanted


def references(client: docker.DockerClient, names: Iterable[str]) -> dict[str, str]:
    """The references that `ensure` would return, without building or asking what is there."""
    cookbook = _cookbook(client)
    return {name: cookbook.reference(name) for name in names}


def images(client: docker.DockerClient) -> list[Image]:
    """Every recipe with its image, each after those it stands on."""
    cookbook, tags = _cookbook(client), _tags(client)
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
    kept = {tag: i for tag, i in _tags(client).items() if tag.startswith("labctl/node-base:")}
    return sorted(kept, key=lambda tag: -int(kept[tag]["Created"]))


def outdated(client: docker.DockerClient) -> list[str]:
    """Images of labctl that no recipe names any more."""
    current = {image.reference for image in images(client)} | set(node_bases(client)[:1])
    return sorted(_tags(client).keys() - current)


def prune(client: docker.DockerClient, *, everything: bool = False) -> tuple[list[str], list[str]]:
    """Remove labctl's images that no recipe names any more; with `everything`, all of them.

    Returns what was removed, and what was kept because a container uses it.
    """
    from docker.errors import APIError

    removed, kept = [], []
    with _only_one(client, lambda text: None):
        foundations = _first_layers(client)
        for tag in sorted(_tags(client)) if everything else outdated(client):
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
    with contextlib.suppress(BlockingIOError), _only_one(client, None):
        for container in client.containers.list(
            all=True, filters={"name": "^labctl-node-[0-9a-f]{12}$"}
        ):
            container.remove(force=True, v=True)
            removed.append(str(container.name))
    return removed


def _first_layers(client: docker.DockerClient) -> set[str]:
    bases = [tag for tag in _tags(client) if tag.startswith(f"{recipe.PREFIX}{recipe.BASE}:")]
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


def _cookbook(client: docker.DockerClient) -> Cookbook:
    return recipe.read(client.api.version()["Arch"])


def _tags(client: docker.DockerClient) -> dict[str, dict[str, Any]]:
    found = client.api.images(filters={"reference": f"{recipe.PREFIX}*"})
    return {tag: i for i in found for tag in i["RepoTags"] or () if tag.startswith(recipe.PREFIX)}


def _missing(cookbook: Cookbook, names: list[str], there: Iterable[str]) -> list[str]:
    """What has to be built for `names`: an image that is there needs none of its parents."""
    present = set(there)

    def absent(name: str) -> bool:
        return cookbook.reference(name) not in present

    needed = {name for name in names if absent(name)}
    for name in reversed(cookbook.order(names)):
        if name in needed:
            needed |= {parent for parent in cookbook.recipes[name].parents if absent(parent)}
    return [name for name in cookbook.order(names) if name in needed]


@contextmanager
def _only_one(client: docker.DockerClient, report: Report | None) -> Iterator[None]:
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


def _build(client: docker.DockerClient, cookbook: Cookbook, name: str, report: Report) -> None:
    from docker.errors import APIError

    def named(text: str) -> None:
        report(f"{name}: {text}")

    work = paths.cache_dir() / "images" / "work" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        if name == recipe.BASE:
            _build_base(client, cookbook, work, named)
        elif name == recipe.NODE:
            _build_node(client, cookbook, work, named)
        elif cookbook.recipes[name].is_node:
            _build_node_with(client, cookbook, name, named)
        else:
            context = _context(cookbook, cookbook.recipes[name], work, named)
            _send(client, name, cookbook.reference(name), context, named)
    except (APIError, OSError) as e:
        raise EnvironmentFailure(f"The image `{name}` could not be built", details=str(e)) from e
    except LabctlError as e:
        if name not in e.message:
            e.message = f"The image `{name}` could not be built: {e.message}"
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _build_base(
    client: docker.DockerClient, cookbook: Cookbook, work: Path, report: Report
) -> None:
    folder, reference = cookbook.recipes[recipe.BASE].folder, cookbook.reference(recipe.BASE)
    if base.can_make() and cookbook.architecture == golang.host_arch():
        archive = base.make_archive(folder, work, report)
        repository, tag = reference.split(":")
        changes = [f"LABEL {LABEL_IMAGE}={recipe.BASE}", 'CMD ["bash"]']
        with _patience(client):
            client.api.import_image(str(archive), repository, tag, changes=changes)
        return
    packages = " ".join(base.packages(folder))
    dockerfile = (
        f"FROM {base.pull(client.api, cookbook.architecture)}\n"
        f"RUN apt-get update && apt-get install -y --no-install-recommends {packages}"
        " && rm -rf /var/lib/apt/lists/*\n"
    )
    _send(client, recipe.BASE, reference, _pack({"Dockerfile": dockerfile.encode()}), report)


def _build_node(
    client: docker.DockerClient, cookbook: Cookbook, work: Path, report: Report
) -> None:
    from labctl.environment.images import node

    preload = [p for p in cookbook.recipes[recipe.NODE].parents if p != recipe.BASE]
    tag = cookbook.reference(recipe.NODE)
    inside = {cookbook.reference(p): recipe.name_in_node(p) for p in preload}
    with _patience(client):
        try:
            node.pull_node(client, tag, inside, report)
        except EnvironmentFailure as e:
            report(f"{e.message}: it is built instead")
            foundation = cookbook.reference(recipe.BASE)
            node.build_node(client, tag, foundation, inside, work, report)


def _build_node_with(
    client: docker.DockerClient, cookbook: Cookbook, name: str, report: Report
) -> None:
    """The node, with its add-ons' images inside."""
    from labctl.environment.images import node_images

    node, *others = cookbook.recipes[name].parents
    report(f"putting {', '.join(others)} into the node")
    inside = {recipe.name_in_node(other): cookbook.reference(other) for other in others}
    with _patience(client):
        node_images.put(client, cookbook.reference(node), cookbook.reference(name), inside)


def _context(cookbook: Cookbook, r: Recipe, work: Path, report: Report) -> io.BytesIO:
    """What is sent to the engine: the folder, its exact Dockerfile, and compiled programs."""
    files: dict[str, bytes | Path] = {
        file.relative_to(r.folder).as_posix(): file for file in r.files()
    }
    files["Dockerfile"] = cookbook.dockerfile(r.name).encode()
    goarch = cookbook.architecture
    if r.is_go:
        program = work / r.folder.name
        golang.build(r.folder, ".", program, goos="linux", goarch=goarch, report=report)
        files[f"bin/{r.folder.name}"] = program
    if r.tools:
        tools = work / "tools"
        tools.mkdir()
        packages = " ".join(r.tools)
        golang.build(r.folder, packages, tools, goos="linux", goarch=goarch, report=report)
        files |= {f"bin/{program.name}": program for program in tools.iterdir()}
    for name in r.programs:
        if name in _PROGRAMS and f"bin/{name}" not in files:
            golang.build(
                paths.clusters_dir() / "node-image",
                _PROGRAMS[name],
                work / name,
                goos="linux",
                goarch=goarch,
                ldflags=golang.kubernetes_ldflags(),
                report=report,
            )
            files[f"bin/{name}"] = work / name
    return _pack(files)


def _pack(files: dict[str, bytes | Path]) -> io.BytesIO:
    """A build context. Times and owners are dropped, so that the engine's cache can hit."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.mode = 0o644
            if isinstance(content, Path) and content.is_symlink():
                member.type, member.linkname = tarfile.SYMTYPE, str(content.readlink())
                tar.addfile(member)
                continue
            if isinstance(content, Path):
                if content.stat().st_mode & 0o100:
                    member.mode = 0o755
                content = content.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return packed


def _send(
    client: docker.DockerClient, name: str, reference: str, context: io.BytesIO, report: Report
) -> None:
    """Have the engine build a context; the image gets its name only when all went well."""
    step: list[str] = []  # what the current step said, its own line first
    stream = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=reference,
        labels={LABEL_IMAGE: name},
        # Package managers see the names and routes that this machine sees.
        network_mode="host",
        buildargs=base.proxies(),
        rm=True,
        forcerm=True,
        decode=True,
        timeout=_SILENCE_SECONDS,
    )
    for event in stream:
        if "error" in event:
            raise EnvironmentFailure(
                f"The image `{name}` could not be built: {event['error'].strip()}",
                details="\n".join([*step[:1], *step[1:][-_LOG_LINES:]]),
                resolution="Mend what the lines above name, then run `labctl images build` again.",
            )
        for line in str(event.get("stream", "")).splitlines():
            if line.startswith("Step "):
                step = []
            if line.strip():
                step.append(line)
                if not line.startswith((" --->", "(Reading")):
                    report(line.strip())


@contextmanager
def _patience(client: docker.DockerClient) -> Iterator[None]:
    """Let the engine be silent for long, where docker-py has no setting for one call."""
    usual, client.api.timeout = client.api.timeout, _SILENCE_SECONDS
    try:
        yield
    finally:
        client.api.timeout = usual
