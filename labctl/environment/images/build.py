"""Building images: what is missing, in order, once."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import paths
from labctl.environment.images import base, golang, lanes, recipe, stock, tools, wheels
from labctl.environment.images.recipe import Cookbook, Recipe
from labctl.environment.model import LABEL_IMAGE
from labctl.errors import EnvironmentFailure, LabctlError

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]

# What can be put into an image by `COPY bin/NAME` without being built in the recipe itself.
_PROGRAMS = {"kubectl": "k8s.io/kubernetes/cmd/kubectl"}
# The node before labs' images are put into it; no recipe of its own, as it has no name for labs.
_FOUNDATION = "node-base"
# The programs of this machine, where the engine's machines can run them, too.
_TOOLS = "kind and kubectl"
_LOG_LINES = 25
_SILENCE_SECONDS = 1800  # how long the engine may work on one thing without a word


def ensure(client: docker.DockerClient, names: Iterable[str], report: Report) -> dict[str, str]:
    """Make sure that the engine has the images of these recipes; build what is missing.

    Returns the engine's reference of each name. Fast when all are there. Raises
    EnvironmentFailure with the failed step and its last lines, DefinitionError for a recipe
    that makes no sense.
    """
    cookbook = stock.cookbook_of(client)
    wanted = {name: cookbook.reference(name) for name in names}
    if set(wanted.values()) <= stock.tags_of(client).keys():
        return wanted
    with stock.only_one(client, report), _patience(client):
        absent = _missing(cookbook, list(wanted), stock.tags_of(client).keys())
        needs = {name: {*cookbook.recipes[name].parents} & {*absent} for name in absent}
        lanes.run(_with_programs(cookbook, needs), lambda n: _build(client, cookbook, n, report))
    return wanted


def references(client: docker.DockerClient, names: Iterable[str]) -> dict[str, str]:
    """The references that `ensure` would return, without building or asking what is there."""
    cookbook = stock.cookbook_of(client)
    return {name: cookbook.reference(name) for name in names}


def missing(client: docker.DockerClient, names: Iterable[str]) -> list[str]:
    """What `ensure` would build, each after those it stands on."""
    cookbook = stock.cookbook_of(client)
    return _missing(cookbook, sorted(names), stock.tags_of(client).keys())


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


def _with_programs(cookbook: Cookbook, needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """Add what takes minutes of compiling, and needs no image or only the base: it goes first."""
    compiled = {n for n in needs if not _PROGRAMS.keys().isdisjoint(cookbook.recipes[n].programs)}
    if recipe.NODE in needs:
        needs = {_FOUNDATION: needs[recipe.NODE] & {recipe.BASE}, **needs}
        needs[recipe.NODE].add(_FOUNDATION)
        compiled.add(_FOUNDATION)
    if compiled and tools.fit(cookbook.architecture) and not tools.present():
        # The node's programs share most of their code with kubectl: never both at a time.
        needs = {_TOOLS: set(), **needs}
        for name in compiled:
            needs[name].add(_TOOLS)
    return needs


def _build(client: docker.DockerClient, cookbook: Cookbook, name: str, report: Report) -> None:
    from docker.errors import APIError

    from labctl.environment.images import node

    def named(text: str) -> None:
        report(f"{name}: {text}")

    work = paths.cache_dir() / "images" / "work" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        if name == recipe.BASE:
            _build_base(client, cookbook, work, named)
        elif name == _TOOLS:
            tools.build(named)
        elif name == _FOUNDATION:
            node.foundation(client, cookbook.reference(recipe.BASE), work, named)
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
    """The node with all labs' images inside."""
    from labctl.environment.images import node

    base = cookbook.reference(recipe.BASE)
    others = [p for p in cookbook.recipes[recipe.NODE].parents if p != recipe.BASE]
    _put(client, cookbook, node.foundation(client, base, work, report), recipe.NODE, others, report)


def _build_node_with(
    client: docker.DockerClient, cookbook: Cookbook, name: str, report: Report
) -> None:
    """The node, with its add-ons' images inside, too."""
    node, *others = cookbook.recipes[name].parents
    _put(client, cookbook, cookbook.reference(node), name, others, report)


def _put(
    client: docker.DockerClient,
    cookbook: Cookbook,
    node: str,
    name: str,
    others: list[str],
    report: Report,
) -> None:
    from labctl.environment.images import node_images

    report(f"putting {', '.join(others)} into the node")
    inside = {recipe.name_in_node(other): cookbook.reference(other) for other in others}
    node_images.put(client, node, cookbook.reference(name), inside)


def _context(cookbook: Cookbook, r: Recipe, work: Path, report: Report) -> io.BytesIO:
    """What is sent to the engine: the folder, its exact Dockerfile, and compiled programs."""
    files: dict[str, bytes | Path] = {
        file.relative_to(r.folder).as_posix(): file for file in r.files()
    }
    files["Dockerfile"] = cookbook.dockerfile(r.name).encode()
    goarch = cookbook.architecture
    build = partial(golang.build, goarch=goarch, tags=r.tags, env=r.settings, report=report)
    if r.is_go:
        program = work / r.folder.name
        build(r.folder, ".", program)
        files[f"bin/{r.folder.name}"] = program
    if r.tools:
        made = work / "tools"
        made.mkdir()
        packages = " ".join(r.tools)
        build(r.folder, packages, made)
        files |= {f"bin/{program.name}": program for program in made.iterdir()}
    if r.wheels:
        fetched = wheels.fetch(r.wheels, work / "wheels", report)
        files |= {f"wheels/{wheel.name}": wheel for wheel in fetched}
    for name in r.programs:
        if name in tools.NAMES and tools.fit(goarch):
            tools.build(report)
            files[f"bin/{name}"] = tools.path(name)
        elif name in _PROGRAMS and f"bin/{name}" not in files:
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
