"""A submission's file, read as what it is: data from an enemy.

Nothing is written anywhere, and no number that the archive states about itself is believed.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labctl.errors import UsageError
from labctl.grading.submission import model, plain
from labctl.grading.submission.definition import Definition
from labctl.grading.submission.model import Manifest, Refused, Submission
from labctl.session.model import valid_learner

_TOP = (model.MANIFEST, model.REPORT, model.ANSWERS, model.JOURNAL)
_NAMES = re.compile(
    "|".join(
        (
            *map(re.escape, _TOP),
            rf"{model.WORKSPACE}{model.PART}(?:/{model.PART})*",
            model.CONTAINER.pattern,
            model.DAEMON.pattern,
            model.OBJECTS.pattern,
        )
    )
)
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")

# The end of a zip file without a comment: sizes and place of its table of contents.
_END = struct.Struct("<4s4H2LH")
_ZIP64 = b"PK\x06\x07"
_MAX_TABLE = model.MAX_ENTRIES * (46 + model.MAX_NAME + 100)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read(path: Path) -> Submission:
    """Read a submission. Raises Refused, and nothing else, whatever the file holds."""
    try:
        if not path.is_file():
            there = path.exists()
            raise Refused("it is not a regular file" if there else "there is no such file")
        with path.open("rb") as source:
            data = source.read(model.MAX_ARCHIVE + 1)
    except OSError as e:
        raise Refused(f"it cannot be read ({e.strerror})") from None
    return load(data, path)


def load(data: bytes, path: Path) -> Submission:
    """The same, from a file's bytes; `path` is only remembered."""
    files = _entries(data)
    if model.MANIFEST not in files:
        raise Refused(f"there is no {model.MANIFEST} in it")
    manifest = _manifest(files.pop(model.MANIFEST))
    _as_listed(manifest, files)
    for name, content in files.items():
        _well_formed(name, content)
    return Submission(manifest, files, hashlib.sha256(data).hexdigest(), path)


def _entries(data: bytes) -> dict[str, bytes]:
    _table(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _names([info.filename for info in infos])
            for info in infos:
                _sort(info)
            files: dict[str, bytes] = {}
            left = model.MAX_TOTAL
            for info in infos:
                with archive.open(info) as entry:
                    content = entry.read(min(left, model.MAX_FILE) + 1)
                if len(content) > model.MAX_FILE:
                    raise Refused(f"`{info.filename}` is larger than {_size(model.MAX_FILE)}")
                left -= len(content)
                if left < 0:
                    raise Refused(f"its files are larger than {_size(model.MAX_TOTAL)} together")
                files[info.filename] = content
            return files
    # What Python's zipfile raises on damaged archives is no closed list.
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError) as e:
        raise Refused(f"the archive is damaged ({plain.shorten(e)})") from None
    except (ValueError, RuntimeError, NotImplementedError, LookupError, OverflowError) as e:
        raise Refused(f"the archive is not one that labctl writes ({plain.shorten(e)})") from None
    except EOFError:
        raise Refused("the archive is damaged (it ends too early)") from None


def _table(data: bytes) -> None:
    """Look at the end of the archive, before anything is made of its table of contents."""
    if len(data) > model.MAX_ARCHIVE:
        raise Refused(f"the archive is larger than {_size(model.MAX_ARCHIVE)}")
    if data[:4] != b"PK\x03\x04" or len(data) < _END.size:
        raise Refused("it is not a zip file")
    magic, disk, first, here, entries, size, _, comment = _END.unpack(data[-_END.size :])
    if magic != b"PK\x05\x06" or comment:
        raise Refused("the archive is damaged, or has something after its end")
    if _ZIP64 in data[-_END.size - 20 :] or entries == 0xFFFF or disk or first or here != entries:
        raise Refused("the archive is split, or in the format for huge ones")
    if entries > model.MAX_ENTRIES or size > _MAX_TABLE:
        raise Refused(f"the archive has more than {model.MAX_ENTRIES} entries")


def _names(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        shown = plain.shorten(repr(name))
        if not name.isascii() or not name.isprintable():
            raise Refused(f"the name {shown} has characters that no submission has")
        if name.startswith("/") or "\\" in name or re.match("[A-Za-z]:", name):
            raise Refused(f"the name {shown} is an absolute path or has a backslash")
        if ".." in name.split("/"):
            raise Refused(f"the name {shown} leads out of the archive")
        if len(name) > model.MAX_NAME or not _NAMES.fullmatch(name):
            raise Refused(f"no submission has an entry {shown}")
        if (other := seen.get(name.casefold())) is not None:
            same = "stands twice" if other == name else f"differs from {other!r} in case only"
            raise Refused(f"the name {shown} {same}")
        seen[name.casefold()] = name
    if len(seen) > model.MAX_ENTRIES:
        raise Refused(f"the archive has more than {model.MAX_ENTRIES} entries")


def _sort(info: zipfile.ZipInfo) -> None:
    """Refuse what is not a plain file, before it is opened."""
    mode = info.external_attr >> 16
    if info.is_dir() or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise Refused(f"`{info.filename}` is not a regular file")
    if info.flag_bits & _ENCRYPTED:
        raise Refused(f"`{info.filename}` is encrypted")
    if info.compress_type not in _METHODS:
        raise Refused(f"`{info.filename}` is compressed in a way that labctl does not use")


def _manifest(data: bytes) -> Manifest:
    value = plain.load_json(data, model.MANIFEST)
    try:
        manifest = Manifest.model_validate(value)
        valid_learner(manifest.learner)
    except ValidationError as e:
        raise Refused(f"`{model.MANIFEST}` {_first(e)}") from None
    except UsageError as e:
        raise Refused(f"`{model.MANIFEST}`: {e.message}") from None
    return manifest


def _as_listed(manifest: Manifest, files: dict[str, bytes]) -> None:
    """Refuse files that the manifest does not list, and those that are not as it says."""
    if extra := sorted(files.keys() - manifest.files.keys()):
        raise Refused(f"`{extra[0]}` is not listed in {model.MANIFEST}")
    if missing := sorted(manifest.files.keys() - files.keys()):
        shown = plain.shorten(repr(missing[0]))
        raise Refused(f"{model.MANIFEST} lists {shown}, which is not there")
    for name, entry in manifest.files.items():
        if hashlib.sha256(files[name]).hexdigest() != entry.sha256:
            raise Refused(f"`{name}` was changed: it is not what {model.MANIFEST} says")


def _well_formed(name: str, content: bytes) -> None:
    """Refuse entries whose content is not of the form that `pack` gives it."""
    if name.startswith(model.WORKSPACE):
        return
    if model.OBJECTS.fullmatch(name):
        for value in plain.load_yaml(content, name):
            _object(value, name)
    elif name == model.JOURNAL:
        for line in content.splitlines():
            _mapping(plain.load_json(line, name), name)
    else:
        value = _mapping(plain.load_json(content, name), name)
        if model.CONTAINER.fullmatch(name):
            try:
                Definition.model_validate(value)
            except ValidationError as e:
                raise Refused(f"`{name}` {_first(e)}") from None


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"`{name}` holds something else than a JSON object")
    return value


def _object(value: Any, name: str) -> None:
    """Refuse what has no kind and no name that can be part of an address."""
    meta = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(meta, dict) or not all(
        isinstance(value.get(key), str) for key in ("apiVersion", "kind")
    ):
        raise Refused(f"`{name}` holds something that is no Kubernetes object")
    for word in (meta.get("name"), meta.get("namespace", "x")):
        if not isinstance(word, str) or not _OBJECT_NAME.fullmatch(word) or ".." in word:
            raise Refused(f"`{name}` holds an object with an unfit name or namespace")
    for notes in (meta.get("labels", {}), meta.get("annotations", {})):
        if not isinstance(notes, dict) or not all(isinstance(v, str) for v in notes.values()):
            raise Refused(f"`{name}` holds an object with unfit labels or annotations")


def _first(e: ValidationError) -> str:
    error = e.errors()[0]
    at = ".".join(str(part) for part in error["loc"])
    return plain.shorten(f"is unfit at {at!r}: {error['msg']}")


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
