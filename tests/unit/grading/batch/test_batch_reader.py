"""Reading harms nobody: what breaks the reader costs its process, and the next one is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.grading.batch import reader as module
from labctl.grading.batch.reader import Reader, Seen
from labctl.grading.submission import policy, unpack


def test_what_is_no_submission_is_told_by_a_process_that_goes_on(tmp_path):
    reader = Reader(tmp_path)
    for name, data in (("a.zip", b""), ("b.zip", b"PK\x03\x04"), ("c.zip", b"x" * 1000)):
        (tmp_path / name).write_bytes(data)
    told = [reader.read(tmp_path / name) for name in ("a.zip", "b.zip", "c.zip", "gone.zip")]
    reader.close()
    assert all(isinstance(reason, str) for reason in told)
    assert told[0] == "it is not a zip file"


class FakeHelper:
    made = 0

    def __init__(self, module, folder):
        FakeHelper.made += 1
        self.ended = False

    def tell(self, task):
        self._name = task["path"].rpartition("/")[2]

    def hear(self, seconds):
        self.ended = self._name == "greedy"
        return [] if self._name in ("greedy", "slow") else [{"refused": "as it is"}]

    def close(self):
        pass


@pytest.fixture
def helpers(monkeypatch):
    FakeHelper.made = 0
    monkeypatch.setattr(module, "Helper", FakeHelper)
    return FakeHelper


def test_one_that_takes_too_much_memory_is_refused_and_the_next_is_read(tmp_path, helpers):
    reader = Reader(tmp_path)
    assert "memory" in reader.read(tmp_path / "greedy")
    assert reader.read(tmp_path / "plain") == "as it is"
    assert helpers.made == 2


def test_one_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path, helpers):
    reader = Reader(tmp_path)
    assert "within 30 s" in reader.read(tmp_path / "slow")
    assert reader.read(tmp_path / "plain") == "as it is"
    assert helpers.made == 2


def test_one_process_reads_many_but_not_for_ever(tmp_path, helpers):
    reader = Reader(tmp_path)
    for _ in range(401):
        assert reader.read(tmp_path / "plain") == "as it is"
    assert helpers.made == 3


def test_the_policy_is_asked_for_labs_that_are_known(tmp_path, monkeypatch):
    manifest = SimpleNamespace(
        lab="namespaces", digest="d", learner="ann", seed="s", practice=False, course="c"
    )
    found = SimpleNamespace(manifest=manifest, digest="sha")
    asked = []

    def refusals(submission, lab, *, disposable):
        asked.append((submission, lab.id, disposable))
        return ["too much"]

    monkeypatch.setattr(unpack, "read", lambda path: found)
    monkeypatch.setattr(policy, "refusals", refusals)
    event = module.read(tmp_path, disposable=True)
    assert Seen(**{**event, "problems": tuple(event["problems"])}).problems == ("too much",)
    assert asked == [(found, "namespaces", True)]
    manifest.lab = "unheard-of"
    assert module.read(tmp_path, disposable=True)["problems"] == []
    assert len(asked) == 1
