"""What a confined child is given: files in a tar archive, read without following a link."""

from __future__ import annotations

import importlib.util
import io
import os
import stat
import sys
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

from labctl.errors import UsageError

MOST_BYTES = 64 << 20
MOST_FILES = 20000

# What the child loads besides Python's own library: all of it plain Python.
_PACKAGES = (
    "labctl",
    "_pytest",
    "iniconfig",
    "packaging",
    "pluggy",
    "py",
    "pygments",
    "pytest",
    "testinfra",
    "yaml",
)
# Parts of labctl that the child has no use for; and all that pytest wants of many lexers.
_SPARED = ("labs", "clusters", "cli", "authoring", "host", "session")
_LEXERS = ("__init__", "_mapping", "diff", "python")


def code() -> bytes:
    """The code of the child, in a folder `code`, as it is loaded here."""
    parcel = _Parcel("The code of the checks' process")
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        top = origin.parent if spec.submodule_search_locations else origin
        for file in _modules(top):
            parcel.file(file, f"code/{file.relative_to(top.parent)}")
    return parcel.pack()


def tree(folder: Path, name: str, what: str, skip: Collection[str] = ()) -> bytes:
    """A folder under a name: its files, folders and links as they are, but for those named `skip`.

    Other kinds of files, and what may not be read, are left out: a child would not get at them,
    either. Raises UsageError, about `what`, when it is too large.
    """
    parcel, top = _Parcel(what), os.fspath(folder)
    for path, folders, files, descriptor in os.fwalk(top):
        where = name + path[len(top) :]
        parcel.folder(where)
        folders[:] = [inner for inner in folders if inner not in skip]
        for entry in (*folders, *files):
            if entry not in skip:
                parcel.entry(f"{where}/{entry}", entry, descriptor)
    return parcel.pack()


def _modules(top: Path) -> Iterator[Path]:
    """The Python files of a package, or one module, with what Python keeps of them compiled."""
    for file in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
        package, *below = file.relative_to(top.parent).parts
        if package == "labctl" and below[0] in _SPARED:
            continue
        if package == "pygments" and below[0] == "lexers" and file.stem not in _LEXERS:
            continue
        yield file
        compiled = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
        if compiled.is_file():
            yield compiled


class _Parcel:
    """An archive in the making."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._out = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._out, mode="w", format=tarfile.PAX_FORMAT)
        self._files = self._bytes = 0

    def pack(self) -> bytes:
        self._tar.close()
        return self._out.getvalue()

    def folder(self, name: str) -> None:
        self._add(name, tarfile.DIRTYPE, mode=0o755)

    def file(self, path: Path, name: str) -> None:
        """A file with the time of its last change: compiled code is known to be fresh by that."""
        changed = int(path.stat().st_mtime)
        self._add(name, tarfile.REGTYPE, path.read_bytes(), changed=changed)

    def entry(self, name: str, path: str, folder: int) -> None:
        """A file or link of an open folder; folders have their own turn."""
        try:
            kind = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISLNK(kind):
                self._add(name, tarfile.SYMTYPE, link=os.readlink(path, dir_fd=folder))
            elif stat.S_ISREG(kind):
                # Whoever may write here might have put something else in its place by now.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with os.fdopen(os.open(path, flags, dir_fd=folder), "rb") as file:
                    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        self._add(name, tarfile.REGTYPE, file.read(MOST_BYTES + 1))
        except OSError:
            pass

    def _add(
        self,
        name: str,
        kind: bytes,
        data: bytes = b"",
        *,
        mode: int = 0o644,
        link: str = "",
        changed: int = 0,
    ) -> None:
        self._files += 1
        self._bytes += len(data)
        if self._files > MOST_FILES or self._bytes > MOST_BYTES:
            raise UsageError(
                f"{self._what} holds more than {MOST_BYTES >> 20} MiB or {MOST_FILES} files",
                details="The checks of a lab from elsewhere work on a copy.",
                resolution="Move what is not needed out of it.",
            )
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname = kind, mode, link
        info.size, info.mtime = len(data), changed
        self._tar.addfile(info, io.BytesIO(data))
