"""Putting a lab's files into a session's workspace."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from labctl.environment.model import Place
from labctl.errors import EnvironmentFailure
from labctl.lab import facts

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_files(source: Path, place: Place) -> None:
    """Copy a folder's files into the workspace, with the facts filled in.

    Never through a link: machines write there, and this process may write where they must not.
    """
    if not source.is_dir():
        return
    for file in sorted(source.rglob("*")):
        parts = file.relative_to(source).parts
        try:
            if file.is_dir():
                os.close(_folder(place.workspace, parts))
            else:
                folder = _folder(place.workspace, parts[:-1])
                try:
                    _write(folder, parts[-1], facts.fill(file.read_text(), place.facts), file)
                finally:
                    os.close(folder)
        except OSError as e:
            raise EnvironmentFailure(
                f"The lab's file {'/'.join(parts)} cannot be put into the workspace",
                details=str(e),
                resolution="Move what is in its place away.",
            ) from e


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file below a folder, by its path in it; of a link, what it leads to."""
    return {"/".join(parts): _digest(folder.joinpath(*parts)) for parts in _files(folder)}


def prune(folder: Path, given: Mapping[str, str]) -> None:
    """Remove the files below a folder whose digests are those of `given`."""
    for parts in list(_files(folder)):
        file = folder.joinpath(*parts)
        digest = _digest(file)
        if digest and given.get("/".join(parts)) == digest:
            file.unlink()


def move(source: Path, workspace: Path) -> None:
    """Move all files of a folder into the workspace, in place of what is there.

    Never through a link, as above. Raises EnvironmentFailure; what was not moved is where it was.
    """
    for parts in list(_files(source)):
        try:
            folder = _folder(workspace, parts[:-1])
            try:
                _place(source.joinpath(*parts), parts[-1], folder)
            finally:
                os.close(folder)
        except OSError as e:
            raise EnvironmentFailure(
                f"Your file {'/'.join(parts)} cannot be put back into the workspace",
                details=str(e),
                resolution=f"It is in {source}; move what is in its place away.",
            ) from e


def _place(file: Path, name: str, folder: int) -> None:
    try:
        os.rename(file, name, dst_dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)
        os.rename(file, name, dst_dir_fd=folder)


def _files(folder: Path) -> Iterator[tuple[str, ...]]:
    """The paths of all that is not a folder."""
    for where, folders, names in os.walk(folder):
        below = Path(where).relative_to(folder).parts
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in sorted([*names, *links]):
            yield (*below, name)


def _digest(file: Path) -> str:
    """Empty for what cannot be read: a pipe would never end, and root's files are not ours."""
    try:
        if file.is_symlink():
            return hashlib.sha256(os.fsencode(file.readlink())).hexdigest()
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def _folder(top: Path, parts: Sequence[str]) -> int:
    """A folder below `top`, open; made where there is none, or a link or file in its place."""
    fd = os.open(top, _FOLDER)
    for part in parts:
        try:
            below = _enter(fd, part)
        finally:
            os.close(fd)
        fd = below
    return fd


def _enter(fd: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except NotADirectoryError:
        os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        pass
    os.mkdir(name, dir_fd=fd)
    return os.open(name, _FOLDER, dir_fd=fd)


def _write(folder: int, name: str, text: str, like: Path) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "w") as out:
        out.write(text)
        os.fchmod(out.fileno(), like.stat().st_mode & 0o777)
