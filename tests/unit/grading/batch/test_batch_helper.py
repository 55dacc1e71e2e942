"""Helpers: heard line by line, gone when they are told to go or when their parent is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import labctl
from labctl.grading.batch.helper import Helper

ECHO = "tests.unit.grading.batch.echo"
ROOT = Path(labctl.__file__).parent.parent


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def heard(helper, seconds=10):
    events = helper.hear(seconds)
    helper.close()
    return events


def test_it_says_back_what_it_is_told(tmp_path):
    helper = Helper(ECHO, tmp_path)
    helper.tell({"word": "ä"})
    assert helper.hear(10) == [{"word": "ä"}]
    helper.tell({"word": 2})
    assert heard(helper) == [{"word": 2}]


def test_long_events_arrive_whole(tmp_path):
    helper = Helper(ECHO, tmp_path)
    helper.tell({"word": "x" * 300_000, "times": 3})
    events = []
    while len(events) < 3 and (more := helper.hear(10)):
        events += more
    helper.close()
    assert [len(event["word"]) for event in events] == [300_000] * 3


def test_silence_is_nothing_and_not_the_end(tmp_path):
    helper = Helper(ECHO, tmp_path)
    helper.tell({"sleep": 30})
    began = time.monotonic()
    assert helper.hear(0.3) == []
    assert not helper.ended
    helper.close()
    assert time.monotonic() - began < 5


def test_one_that_dies_has_ended_and_its_last_words_are_kept(tmp_path):
    helper = Helper(ECHO, tmp_path)
    helper.tell({"exit": 9})
    assert heard(helper) == []
    assert helper.ended
    assert helper.output == "last words"


def test_one_that_is_hung_up_on_tidies_up(tmp_path):
    helper = Helper(ECHO, tmp_path)
    helper.tell({"leave_at": str(tmp_path / "sign")})
    helper.hear(10)
    helper.hang_up()
    assert heard(helper) == []
    assert helper.ended
    assert (tmp_path / "sign").read_text() == "tidied up"


def test_one_whose_parent_is_killed_tidies_up(tmp_path):
    script = (
        "import sys, os, time; from pathlib import Path\n"
        "from labctl.grading.batch.helper import Helper\n"
        f"h = Helper({ECHO!r}, Path({str(tmp_path)!r}))\n"
        f"h.tell({{'leave_at': {str(tmp_path / 'sign')!r}}}); h.hear(10)\n"
        "print('ready', flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
    assert until((tmp_path / "sign").exists)


def test_no_file_stays_open(tmp_path):
    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    for _ in range(5):
        helper = Helper(ECHO, tmp_path)
        helper.tell({"a": 1})
        assert heard(helper) == [{"a": 1}]
    assert descriptors() == before
