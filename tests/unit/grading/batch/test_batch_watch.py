"""The engine's outages are noticed, however short they are."""

from __future__ import annotations

import queue
import time
from types import SimpleNamespace

import pytest

from labctl.errors import EnvironmentFailure
from labctl.grading.batch import watch as module
from labctl.grading.batch.watch import Watch


class FakeEngine:
    """An engine whose event stream lives until it goes down."""

    def __init__(self):
        self.up = True
        self.streams = []

    def client(self):
        if not self.up:
            raise EnvironmentFailure("No Docker engine answers")
        return SimpleNamespace(events=self.events, ping=lambda: None)

    def events(self, filters):
        assert filters == {"type": ["daemon"]}
        stream = Stream()
        self.streams.append(stream)
        return stream

    def restart(self):
        self.streams[-1].close()


class Stream:
    def __init__(self):
        self._ended = queue.Queue()

    def __iter__(self):
        self._ended.get()
        return iter(())

    def close(self):
        self._ended.put(None)


def until(what, seconds=5):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def watch(engine, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 0.02)
    watching = Watch(engine)
    watching.start()
    yield watching
    watching.stop()


def test_a_healthy_engine_answers_and_was_never_lost(watch):
    assert watch.answers()
    assert watch.losses == 0


def test_a_restart_too_quick_to_be_asked_about_is_counted(watch, engine):
    engine.restart()
    assert until(lambda: watch.losses == 1)
    assert until(watch.answers)
    assert watch.losses == 1


def test_an_engine_that_stays_away_does_not_answer_and_counts_once(watch, engine):
    engine.up = False
    engine.restart()
    assert until(lambda: not watch.answers())
    time.sleep(0.2)
    assert watch.losses == 1
    engine.up = True
    assert until(watch.answers)


def test_without_an_engine_nothing_begins(engine):
    engine.up = False
    with pytest.raises(EnvironmentFailure):
        Watch(engine).start()
