"""What a submission is: one zip file with a manifest, and the limits that both ends keep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from labctl.errors import UsageError
from labctl.lab.model import Strict
from labctl.lab.names import NAME_PATTERN

MANIFEST, REPORT = "submission.json", "report.json"
ANSWERS, JOURNAL = "answers.json", "journal.jsonl"
WORKSPACE = "workspace/"

# The names that entries can have. No lab's name leads out of a folder, or means two files.
PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_MACHINE = r"[a-z0-9-]{1,16}"
CONTAINER = re.compile(rf"machines/({_MACHINE})/containers/({PART})\.json")
DAEMON = re.compile(rf"machines/({_MACHINE})/daemon\.json")
OBJECTS = re.compile(rf"clusters/({_MACHINE})/objects\.yaml")

# Bytes, but for the last two. A submission is a handful of text files.
MAX_ARCHIVE = 4 << 20
MAX_TOTAL = 3 << 20
MAX_FILE = 512 << 10
MAX_ENTRIES = 200
MAX_NAME = 200

Id = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Refused(UsageError):
    """A submission that is not even looked at further: `reason` is one clear sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The submission is refused: {reason}",
            resolution="`labctl submit` writes files that are not refused.",
        )
        self.reason = reason


class FileEntry(Strict):
    """One file of a submission; `size` in bytes."""

    sha256: Sha256
    size: Annotated[int, Field(ge=0, le=MAX_FILE)]


class Manifest(Strict):
    """submission.json. All of it is the learner's word; the grader recomputes what counts.

    `digest` is of the lab's files, `course` the id of the course's key, empty in practice.
    `solved` and `hints` say what the learner had labctl show or do.
    """

    format: Literal[1]
    lab: Id
    digest: Sha256
    learner: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    course: Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{16})?$")]
    seed: Annotated[str, StringConstraints(max_length=64)]
    practice: bool
    solved: bool
    hints: Annotated[list[Id], Field(max_length=MAX_ENTRIES)]
    labctl: Annotated[str, StringConstraints(max_length=40)]
    files: Annotated[dict[str, FileEntry], Field(max_length=MAX_ENTRIES)]


@dataclass(frozen=True)
class Submission:
    """A submission that was read and found well-formed; whether it may run is policy's matter.

    `files` are all entries but the manifest, by name; `digest` is the SHA-256 of the archive.
    """

    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)
    digest: str
    path: Path


def container_file(machine: str, container: str) -> str:
    """The entry that holds a container's definition."""
    return f"machines/{machine}/containers/{container}.json"


def daemon_file(machine: str) -> str:
    """The entry that holds the learner's settings of a machine's engine."""
    return f"machines/{machine}/daemon.json"


def objects_file(machine: str) -> str:
    """The entry that holds the learner's objects of a cluster."""
    return f"clusters/{machine}/objects.yaml"
