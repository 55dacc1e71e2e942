"""Bundles: one file that brings a machine without any network to the state of this one.

A bundle is a zip file: `manifest.json`, `images.tar` (what `docker save` gives, with layers that
images share in it once) and `bin/` with the programs that labctl built for the host, which a host
of another kind leaves aside. Zip, because its index stands at the end: a truncated file is known at
once, and members are read by name only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import labctl
from labctl.environment.images import archive, stock, tools
from labctl.errors import EnvironmentFailure, UsageError

if TYPE_CHECKING:
    import docker

Report = Callable[[str], None]

FORMAT = 1
_MANIFEST, _IMAGES = "manifest.json", "images.tar"
_OURS = re.compile(r"labctl/[a-z0-9.-]+:[0-9a-f]{12}")
_CHUNK = 1 << 20
_LEVEL = 1  # higher levels save a few per cent and take several times as long


@dataclass(frozen=True)
class Loaded:
    """What a bundle brought: images, host programs, and which of this checkout's it lacks."""

    images: tuple[str, ...]
    programs: tuple[str, ...]
    missing: tuple[str, ...]


def save(client: docker.DockerClient, path: Path, report: Report) -> int:
    """Write a bundle of all recipes' images and the host's programs; returns its size in bytes.

    Optional images are in it if they are there. The file appears under its name when it is
    complete. Raises EnvironmentFailure when another image or a program is missing, or the file
    cannot be written.
    """
    absent = stock.missing(client) + ([] if tools.present() else list(tools.NAMES))
    if absent:
        raise EnvironmentFailure(
            f"A bundle holds everything, and this is missing: {', '.join(absent)}",
            resolution="`labctl setup` makes what is missing.",
        )
    references = [image.reference for image in stock.images(client) if image.present]
    references += stock.node_bases(client)[:1]
    part = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as bundle:
            members = {_IMAGES: _add(bundle, _IMAGES, archive.save(client, references), report)}
            for name in tools.NAMES:
                with tools.path(name).open("rb") as file:
                    chunks = iter(lambda: file.read(_CHUNK), b"")
                    members[f"bin/{name}"] = _add(bundle, f"bin/{name}", chunks, report)
            manifest = {
                "format": FORMAT,
                "labctl": labctl.__version__,
                "architecture": client.api.version()["Arch"],
                "programs": tools.digest(),
                "images": references,
                "sha256": members,
            }
            bundle.writestr(_MANIFEST, json.dumps(manifest, indent=2))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as e:
        raise EnvironmentFailure(f"The bundle {path} could not be written: {e.strerror}") from e
    finally:
        part.unlink(missing_ok=True)
    return path.stat().st_size


def load(client: docker.DockerClient, path: Path, report: Report) -> Loaded:
    """Bring a bundle's images into the engine and its programs to where labctl finds them.

    Nothing is changed before all of the file was found intact. Raises UsageError when the
    file is no bundle, is damaged, or is for another architecture.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            manifest = _manifest(bundle, path)
            _refuse_other_architecture(client, manifest, path)
            for name, digest in manifest["sha256"].items():
                report(f"verifying {name}")
                _verify(bundle, name, digest, set(manifest["images"]), path)
            report("loading images into the engine")
            with bundle.open(_IMAGES) as images:
                _engine_load(client, images)
            programs = []
            if manifest["programs"] == tools.digest():
                programs = [name for name in tools.NAMES if f"bin/{name}" in manifest["sha256"]]
            for name in programs:
                _install(bundle, name)
            if programs:
                tools.mark(manifest["programs"])
    except zipfile.BadZipFile as e:
        raise _refusal(path, "it is incomplete, or no bundle at all") from e
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from e
    missing = tuple(image.name for image in stock.images(client) if not image.present)
    return Loaded(tuple(manifest["images"]), tuple(programs), missing)


def _manifest(bundle: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(bundle.read(_MANIFEST))
        version, images, members = manifest["format"], manifest["images"], manifest["sha256"]
        architecture, programs = manifest["architecture"], manifest["programs"]
    except (KeyError, ValueError, TypeError) as e:
        raise _refusal(path, "it has no manifest of labctl") from e
    if version != FORMAT:
        raise _refusal(path, f"it has format {version}, and this labctl reads {FORMAT}")
    # Members are opened by these names and written to places that labctl chooses: nothing
    # in the file can point elsewhere.
    expected = {_IMAGES, *(f"bin/{name}" for name in tools.NAMES)}
    strings = [architecture, programs, *images, *members, *members.values()]
    if not all(isinstance(s, str) for s in strings) or not set(members) <= expected:
        raise _refusal(path, "its manifest names what no bundle holds")
    if _IMAGES not in members or not all(_OURS.fullmatch(i) for i in images):
        raise _refusal(path, "its manifest names images that are not labctl's")
    return dict(manifest)


def _refuse_other_architecture(
    client: docker.DockerClient, manifest: dict[str, Any], path: Path
) -> None:
    engine, bundled = client.api.version()["Arch"], manifest["architecture"]
    if engine != bundled:
        raise _refusal(path, f"its images are for {bundled}, and this engine runs {engine}")


def _verify(bundle: zipfile.ZipFile, name: str, digest: str, images: set[str], path: Path) -> None:
    with bundle.open(name) as member:
        reader = _Hashing(member)
        if name == _IMAGES:
            found = _repository_tags(reader, path)
            if found != images:
                raise _refusal(path, "it holds other images than its manifest says")
        while reader.read(_CHUNK):
            pass
    if reader.sha256.hexdigest() != digest:
        raise _refusal(path, f"{name} is damaged")


def _repository_tags(reader: _Hashing, path: Path) -> set[str]:
    """The names that the engine would give to the images of an archive."""
    tags: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name == _MANIFEST else None
                if file:
                    tags.update(tag for i in json.load(file) for tag in i["RepoTags"] or ())
    except (tarfile.TarError, ValueError, KeyError, TypeError) as e:
        raise _refusal(path, f"{_IMAGES} is damaged") from e
    return tags


class _Hashing:
    """A stream that remembers the digest of what was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.sha256.update(chunk)
        return chunk


def _add(bundle: zipfile.ZipFile, name: str, chunks: Iterable[bytes], report: Report) -> str:
    sha256, written = hashlib.sha256(), 0
    with bundle.open(name, "w", force_zip64=True) as member:
        for chunk in chunks:
            member.write(chunk)
            sha256.update(chunk)
            written += len(chunk)
            report(f"{name}: {written >> 20} MiB")
    return sha256.hexdigest()


def _install(bundle: zipfile.ZipFile, name: str) -> None:
    target = tools.path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{name}.part")
    with bundle.open(f"bin/{name}") as member, part.open("wb") as file:
        while chunk := member.read(_CHUNK):
            file.write(chunk)
    part.chmod(0o755)
    part.replace(target)


def _engine_load(client: docker.DockerClient, archive: IO[bytes]) -> None:
    api = client.api
    url = f"{api.base_url}/v{api.api_version}/images/load"
    chunks = iter(lambda: archive.read(_CHUNK), b"")
    with api.post(url, data=chunks, params={"quiet": "1"}, stream=True, timeout=1800) as response:
        errors = [line for line in response.iter_lines() if b'"error"' in line]
    if response.status_code != 200 or errors:
        details = b"\n".join(errors).decode("utf-8", "replace")
        raise EnvironmentFailure("The engine refused the bundle's images", details=details)


def _refusal(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} is not a bundle that labctl can load: {why}",
        resolution="Make it anew with `labctl images save FILE` on a machine that is set up.",
    )
