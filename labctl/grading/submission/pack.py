"""From a session to a submission: one file, the same bytes for the same state."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from labctl import __version__
from labctl.errors import UsageError
from labctl.grading.submission import capture, model, plain, unpack
from labctl.grading.submission.model import FileEntry, Manifest, Refused
from labctl.session.model import valid_learner
from labctl.session.opened import Session
from labctl.session.store import Store

# The oldest time that a zip file can tell: when the work was packed is nobody's concern.
_TIME = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644


def pack(session: Session, store: Store, *, learner: str) -> bytes:
    """The submission of a session as it is now.

    Raises UsageError when there is something that cannot be handed in, or too much of it.
    """
    record = session.record
    files = {
        **dict(capture.workspace(session)),
        **dict(capture.engines(session)),
        **dict(capture.clusters(session)),
        model.ANSWERS: plain.dump_json(record.answers),
        model.JOURNAL: store.journal(record.name),
    }
    report = store.read(record.name, model.REPORT)
    if report is not None:
        # What the learner called the session, and where on their computer a lab lies, is nobody's
        # concern: the digest tells which lab it was.
        source = "" if Path(session.lab.source).is_absolute() else session.lab.source
        files[model.REPORT] = plain.dump_json({**report, "session": record.lab, "source": source})
    manifest = Manifest(
        format=1,
        lab=record.lab,
        digest=record.digest,
        learner=valid_learner(learner),
        course=record.course,
        seed=record.seed,
        practice=not record.course,
        solved=record.solved,
        hints=record.hints,
        labctl=__version__,
        files={name: _entry(name, data) for name, data in sorted(files.items())},
    )
    data = archive({**files, model.MANIFEST: plain.dump_json(manifest.model_dump())})
    try:
        unpack.load(data, Path())
    except Refused as e:
        raise UsageError(
            f"The work cannot be handed in as it is: {e.reason}",
            resolution="Make what it names smaller or simpler, then submit again.",
        ) from e
    return data


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip file with no trace of when, where and by whom it was made.

    Nothing is compressed: the bytes are then the same whatever library does it.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        # The manifest comes first, for whoever looks into the file.
        for name in sorted(files, key=lambda name: (name != model.MANIFEST, name)):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3  # Unix, wherever it is written
            info.external_attr = _FILE_MODE << 16
            made.writestr(info, files[name])
    return out.getvalue()


def _entry(name: str, data: bytes) -> FileEntry:
    if len(data) > model.MAX_FILE:
        raise UsageError(
            f"The work cannot be handed in: `{name}` would be {len(data) >> 10} KiB, "
            f"and {model.MAX_FILE >> 10} KiB is the limit for a file",
            resolution="Make what it is made of smaller, then submit again.",
        )
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
