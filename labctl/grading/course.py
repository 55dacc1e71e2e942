"""A course: the secret that makes seeds, and the key that signs reports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import StringConstraints, ValidationError

from labctl.errors import UsageError
from labctl.lab.model import Name, Strict, Text
from labctl.session.model import valid_learner

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Model = TypeVar("Model", bound=Strict)

COURSE, SECRET, SIGNING = "course.json", "secret.key", "signing.key"

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
# 32 and 64 bytes in base64: an Ed25519 key, and a signature made with one.
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class CourseFile(Strict):
    """course.json: what everybody may know of a course."""

    format: Literal[1]
    name: Text
    key: KeyId
    public: PublicKey


class Ticket(Strict):
    """What makes a session count: the course, for whom it is, and the seed that goes with it.

    `public` is the key that `signature` was made with, and `course` is that key's id: a ticket
    that was changed is noticed when it is used.
    """

    format: Literal[1]
    course: KeyId
    lab: Name
    learner: str
    seed: str
    public: PublicKey
    signature: Signature


class Envelope(Strict):
    """A signed report."""

    report: dict[str, Any]
    key: KeyId
    signature: Signature


@dataclass(frozen=True)
class Course:
    """An opened course. Neither secret ever leaves the folder, nor shows in a message.

    `key` is the id of the signing key, `public` that key's public half in base64.
    """

    name: str
    key: str
    public: str
    _secret: bytes = field(repr=False)
    _signing: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def init(cls, folder: Path, name: str) -> Course:
        """Make a course in a folder. Raises UsageError when there is one already."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        public = _base64(key.public_key().public_bytes_raw())
        course = cls(name, key_id(public), public, secrets.token_bytes(32), key)
        file = CourseFile(format=1, name=name, key=course.key, public=public)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if taken := [n for n in (COURSE, SECRET, SIGNING) if (folder / n).exists()]:
                raise UsageError(
                    f"{folder} holds {taken[0]} already",
                    resolution="Choose another folder. A course's keys cannot be made again.",
                )
            # The file that makes the folder a course comes last.
            _write(folder / SECRET, course._secret, 0o600)
            _write(folder / SIGNING, key.private_bytes_raw(), 0o600)
            _write(folder / COURSE, (file.model_dump_json(indent=2) + "\n").encode(), 0o644)
        except OSError as e:
            raise UsageError(f"The course cannot be written to {folder}", details=str(e)) from e
        return course

    @classmethod
    def load(cls, folder: Path) -> Course:
        """Open a course. Raises UsageError when there is none, or its files are unfit."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        known = load_public(folder / COURSE)
        secret, signing = _key(folder / SECRET), _key(folder / SIGNING)
        key = Ed25519PrivateKey.from_private_bytes(signing)
        if _base64(key.public_key().public_bytes_raw()) != known.public:
            raise UsageError(f"{folder / SIGNING} is not the key of this course")
        return cls(known.name, known.key, known.public, secret, key)

    def seed(self, learner: str, lab: str) -> str:
        """The seed of a learner's session of a lab: 16 hexadecimal digits, secret to others."""
        # Lengths go in, so that no two pairs are the same bytes.
        parts = b"".join(len(p).to_bytes(4, "big") + p for p in (learner.encode(), lab.encode()))
        return hmac.new(self._secret, b"labctl seed 1" + parts, hashlib.sha256).hexdigest()[:16]

    def ticket(self, learner: str, lab: str) -> Ticket:
        """What a learner starts the lab with. Raises UsageError for an unfit learner id."""
        content = {
            "format": 1,
            "course": self.key,
            "lab": lab,
            "learner": valid_learner(learner),
            "seed": self.seed(learner, lab),
            "public": self.public,
        }
        signature = self._signature("ticket", content)
        return Ticket.model_validate({**content, "signature": signature})

    def sign(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """A report as JSON data, in an envelope with this course's signature."""
        signature = self._signature("report", report)
        return {"report": dict(report), "key": self.key, "signature": signature}

    def _signature(self, purpose: str, content: Mapping[str, Any]) -> str:
        return _base64(self._signing.sign(_bytes(purpose, content)))


def load_public(file: Path) -> CourseFile:
    """course.json, which holds no secret. Raises UsageError."""
    known = _model(CourseFile, file, "a course", "`labctl course init DIR` makes one.")
    if key_id(known.public) != known.key:
        raise UsageError(f"{file} is damaged: the key and its id do not belong together")
    return known


def load_ticket(file: Path) -> Ticket:
    """A ticket, if it is as the course made it. Raises UsageError."""
    ticket = _model(Ticket, file, "a ticket", "Ask whoever gave it to you for a new one.")
    content = ticket.model_dump(exclude={"signature"})
    if key_id(ticket.public) != ticket.course or not _signed(
        "ticket", content, ticket.public, ticket.signature
    ):
        raise UsageError(
            f"The ticket {file} was changed since the course made it",
            resolution="Ask whoever gave it to you for a new one.",
        )
    return ticket


def verify(envelope: Mapping[str, Any], public: str) -> bool:
    """Whether the envelope's report is as the holder of `public`'s other half signed it."""
    try:
        known = Envelope.model_validate(dict(envelope))
    except ValidationError:
        return False
    return known.key == key_id(public) and _signed("report", known.report, public, known.signature)


def key_id(public: str) -> str:
    """The short name of a public key: 16 hexadecimal digits."""
    return hashlib.sha256(base64.b64decode(public)).hexdigest()[:16]


def _signed(purpose: str, content: Mapping[str, Any], public: str, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
        key.verify(base64.b64decode(signature), _bytes(purpose, content))
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(purpose: str, content: Mapping[str, Any]) -> bytes:
    """What is signed: one way to write the data, and what the signature is for."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"labctl {purpose} 1\n{text}".encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write(file: Path, data: bytes, mode: int) -> None:
    """Make a file that was not there, readable by whom `mode` says from the first moment on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        os.fsync(descriptor)


def _key(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except OSError as e:
        raise UsageError(
            f"The course's {file.name} cannot be read",
            details=e.strerror,
            resolution="`labctl course init DIR` makes a course.",
        ) from e
    if mode & 0o077:
        raise UsageError(
            f"Others than you may read {file}",
            resolution=f"`chmod 600 {file}`; if somebody did read it, make a new course.",
        )
    if len(data) != 32:
        raise UsageError(f"{file} is damaged: a key has 32 bytes")
    return data


def _model(kind: type[Model], file: Path, what: str, resolution: str) -> Model:
    try:
        return kind.model_validate_json(file.read_bytes()[: 1 << 20])
    except OSError as e:
        raise UsageError(f"{file} cannot be read", details=e.strerror, resolution=resolution) from e
    except ValidationError as e:
        raise UsageError(f"{file} is not {what}", resolution=resolution) from e
