"""Frames come out as they went in, however the stream was cut."""

from __future__ import annotations

import pytest

from labctl.grading import frames
from labctl.grading.frames import Breach, Frames

SENT = [(frames.LINE, b"{}"), (frames.WIRE, b""), (frames.FILES, bytes(range(256)) * 40)]


@pytest.mark.parametrize("size", [1, 4, 5, 6, 7, 1000, 1 << 20])
def test_what_was_packed_is_told_whole_and_in_order(size):
    stream = b"".join(frames.pack(kind, payload) for kind, payload in SENT)
    taken, heard = Frames(1 << 20), []
    for at in range(0, len(stream), size):
        heard += taken.feed(stream[at : at + size])
    assert heard == SENT


def test_a_part_of_a_frame_is_none_yet():
    taken, frame = Frames(100), frames.pack(frames.EVENT, b"abc")
    assert list(taken.feed(frame[:-1])) == []
    assert list(taken.feed(frame[-1:])) == [(frames.EVENT, b"abc")]


def test_a_frame_may_be_as_long_as_allowed_and_no_longer():
    assert list(Frames(3).feed(frames.pack(frames.EVENT, b"abc"))) == [(frames.EVENT, b"abc")]
    with pytest.raises(Breach, match="of 4 bytes"):
        list(Frames(3).feed(frames.pack(frames.EVENT, b"abcd")[:5]))


def test_a_length_is_judged_before_anything_is_kept():
    with pytest.raises(Breach, match="4294967295 bytes"):
        list(Frames(1 << 20).feed(frames.EVENT + b"\xff" * 4))


@pytest.mark.parametrize("kind", [b"e", b"\0", b"X"])
def test_an_unknown_kind_is_a_breach(kind):
    with pytest.raises(Breach):
        list(Frames(100).feed(frames.pack(kind, b"")))


def test_what_came_before_a_breach_was_heard():
    stream = Frames(100).feed(frames.pack(frames.EVENT, b"a") + b"?????")
    assert next(stream) == (frames.EVENT, b"a")
    with pytest.raises(Breach):
        next(stream)
