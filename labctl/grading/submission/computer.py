"""What a learner measured of the computer under a session, where the grader's is another.

A lab may ask for the kernel's release or boot id, or for the release of a virtual machine's
kernel, which is what Debian had on the day when the guest's image was built. In a submission a
word stands for each, and replay fills in those of the grader's computer: the check compares with
what it finds there. The learner's own never leave their computer. (Nobody can prove from afar what
was measured: who writes the words by hand gets such a check's points, as who copies the numbers
would.)
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl.environment.qemu import QemuProvider
from labctl.session.opened import Session

_WORDS = {"boot_id": b"@computer.boot-id@", "release": b"@computer.kernel@"}
_SHORTEST = 5  # a release that is shorter could be part of any number

Words = Mapping[bytes, bytes]


def words(session: Session) -> Words:
    """The computer's values, by the word that stands for each. Raises EnvironmentFailure."""
    with session.probe.client() as probe:
        told = probe.request("host")
    values = {word: str(told[key]).encode() for key, word in _WORDS.items()}
    for name in session.lab.machines:
        provider = session.provider(name)
        if isinstance(provider, QemuProvider):
            word = f"@{name}.kernel@".encode()
            values[word] = provider.release(session.place, name).encode()
    return {word: value for word, value in values.items() if len(value) >= _SHORTEST}


def blank(data: bytes, words: Words) -> bytes:
    """Put the words where the values are."""
    for word, value in words.items():
        data = data.replace(value, word)
    return data


def fill(data: bytes, words: Words) -> bytes:
    """Put the values where the words are."""
    for word, value in words.items():
        data = data.replace(word, value)
    return data
