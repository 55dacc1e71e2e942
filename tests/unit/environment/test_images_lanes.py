"""Lanes: each thing after what it needs, two at a time, and an end when one fails."""

import threading

import pytest

from labctl.environment.images import lanes

NEEDS = {"long": set(), "one": set(), "two": {"one"}, "last": {"long", "two"}}


def test_each_is_done_once_and_after_what_it_needs():
    done = []
    lanes.run(NEEDS, done.append)
    assert sorted(done) == sorted(NEEDS)
    assert done.index("one") < done.index("two")
    assert done[-1] == "last"


def test_what_is_long_does_not_hold_up_the_others():
    others = threading.Event()

    def do(name):
        if name == "long":
            assert others.wait(10), "`two` was not done meanwhile"
        if name == "two":
            others.set()

    lanes.run(NEEDS, do)


def test_no_more_than_two_are_done_at_a_time():
    lock, now, most = threading.Lock(), [], []

    def do(name):
        with lock:
            now.append(name)
            most.append(len(now))
        threading.Event().wait(0.05)
        with lock:
            now.remove(name)

    lanes.run(dict.fromkeys("abcdef", ()), do)
    assert max(most) == 2


def test_a_failure_ends_programs_and_starts_nothing_more(monkeypatch):
    ended, begun = threading.Event(), []
    monkeypatch.setattr(lanes.process, "end_all", ended.set)

    def do(name):
        begun.append(name)
        if name == "one":
            raise ValueError("no")
        assert ended.wait(10), "nobody ended the program that `long` waits for"

    with pytest.raises(ValueError, match="no"):
        lanes.run(NEEDS, do)
    assert begun == ["long", "one"]
