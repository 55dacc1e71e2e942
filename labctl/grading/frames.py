"""Frames: how a confined child and its parent tell each other things of several kinds at a time.

Over one stream each way: one byte that says the kind, four bytes of length, then that much.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

FILES = b"F"  # to the child: a tar archive to unpack
LINE = b"L"  # to the child: the task, then the scene, as JSON
EVENT = b"E"  # to the parent: what a check did, as JSON
WIRE = b"W"  # both ways: bytes from and to the probe
ASK = b"K"  # to the parent: a request to a cluster's API; to the child: the answer. JSON
KINDS = (FILES, LINE, EVENT, WIRE, ASK)

_HEADER = struct.Struct(">cL")


class Breach(Exception):
    """The other side does not keep to the rules. The message says how."""


def pack(kind: bytes, payload: bytes) -> bytes:
    """One frame."""
    return _HEADER.pack(kind, len(payload)) + payload


class Frames:
    """Takes a stream apart. A frame longer than `longest` bytes is a breach."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are complete with these bytes. Raises Breach."""
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._rest)
            if kind not in KINDS or length > self._longest:
                raise Breach(f"it sent a frame {kind!r} of {length} bytes")
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield kind, payload
