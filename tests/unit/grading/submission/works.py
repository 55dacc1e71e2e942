"""Submissions for tests: good ones, and the means to make bad ones of them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from labctl.grading.submission import model, pack, unpack

DIGEST = "0" * 64
CONTAINER = "machines/engine/containers/shop.json"
OBJECTS = "clusters/cluster/objects.yaml"

GOOD: dict[str, bytes] = {
    "answers.json": b"{}\n",
    "journal.jsonl": b'{"at": "2026-01-01T00:00:00+00:00", "event": "started"}\n',
    "workspace/notes/plan.txt": b"cut, then allow\n",
    CONTAINER: b'{"image": "shop", "env": ["A=b"]}\n',
    "machines/engine/daemon.json": b'{"userns-remap": "default"}\n',
    OBJECTS: b"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}\n",
}


def manifest(files: dict[str, bytes], /, **changes: Any) -> bytes:
    """A manifest that fits the files, but for the changes."""
    listed = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
    }
    value = {
        "format": 1,
        "lab": "good",
        "digest": DIGEST,
        "learner": "alice",
        "course": "",
        "seed": "1",
        "practice": True,
        "solved": False,
        "hints": [],
        "labctl": "0.1.0",
        "files": listed,
        **changes,
    }
    return json.dumps(value).encode()


def packed(files: dict[str, bytes] | None = None, **changes: Any) -> bytes:
    """An archive of the files and the manifest that fits them, but for the changes."""
    files = GOOD if files is None else files
    return pack.archive({**files, model.MANIFEST: manifest(files, **changes)})


def load(data: bytes) -> model.Submission:
    return unpack.load(data, Path("work.zip"))


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes], **options: Any) -> bytes:
    """An archive of any entries whatever."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as made:
        for entry, data in entries:
            made.writestr(entry, data)
    return out.getvalue()


class Probe:
    """The probe of a computer, which tells its kernel's release and boot id."""

    def __init__(self, release: str, boot_id: str) -> None:
        self.told = {"release": release, "boot_id": boot_id}

    def client(self) -> Probe:
        return self

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def request(self, op: str) -> dict[str, str]:
        return self.told
