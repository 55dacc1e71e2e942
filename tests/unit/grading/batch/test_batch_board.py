"""Estimates are honest: none before something is known, and as wide as what is known."""

from __future__ import annotations

import pytest

from labctl.grading.batch.board import Board, Line, told


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(lambda board, line: None, clock)


def add(board, count, lab="one"):
    return [board.add(Line(f"{lab}{i}.zip", f"l{i}", lab)) for i in range(count)]


def grade(board, clock, line, seconds):
    board.enter(line, "prepare")
    clock.now += seconds
    board.enter(line, "graded", "1/1")


def test_nothing_is_estimated_before_two_are_done(board, clock):
    lines = add(board, 5)
    assert board.left() is None
    grade(board, clock, lines[0], 10)
    assert board.left() is None
    grade(board, clock, lines[1], 10)
    assert board.left() is not None


def test_one_after_another_takes_the_sum(board, clock):
    lines = add(board, 12)
    for line in lines[:2]:
        grade(board, clock, line, 10)
    low, high = board.left()
    assert low < 100 < high


def test_side_by_side_takes_less(board, clock):
    lines = add(board, 12)
    for pair in (lines[0:2], lines[2:4]):
        for line in pair:
            board.enter(line, "prepare")
        clock.now += 10
        for line in pair:
            board.enter(line, "graded")
    low, high = board.left()
    assert low < 40 < high < 60


def test_a_lab_that_nothing_is_known_of_has_no_estimate(board, clock):
    for line in add(board, 3):
        grade(board, clock, line, 10)
    add(board, 1, "two")
    assert board.left() is None


def test_the_more_is_known_the_narrower_it_gets(board, clock):
    lines = add(board, 60)

    def width():
        low, high = board.left()
        return (high - low) / (high + low)

    for line in lines[:2]:
        grade(board, clock, line, 10)
    early = width()
    for line in lines[2:20]:
        grade(board, clock, line, 10)
    assert width() < early


def test_refused_ones_teach_nothing(board):
    for line in add(board, 3):
        board.enter(line, "refused")
    assert board.left() is None


def test_changes_of_stage_and_of_trouble_are_told(clock):
    heard = []
    board = Board(lambda board, line: heard.append((line and line.stage, board.trouble)), clock)
    (line,) = add(board, 1)
    board.enter(line, "prepare")
    for trouble in ("no engine", "no engine", ""):
        board.wait(trouble)
    assert heard == [("prepare", ""), (None, "no engine"), (None, "")]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ((20, 44), "20 to 40 s"),
        ((41, 43), "about 40 s"),
        ((200, 420), "3 to 7 min"),
        ((590, 610), "about 10 min"),
        ((4000, 9000), "1 to 2 h"),
        ((0, 3), "about 10 s"),
    ],
)
def test_estimates_read_well(left, words):
    assert told(left) == words
