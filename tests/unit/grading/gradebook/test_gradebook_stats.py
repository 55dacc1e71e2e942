"""Statistics: what is counted, and what is not."""

from __future__ import annotations

from labctl.grading.gradebook.flags import flags
from labctl.grading.gradebook.model import Gradebook
from labctl.grading.gradebook.stats import bars, of_lab
from tests.gradebooks import demo, entry


def test_mean_and_median_are_of_settled_grades_only():
    entries = (
        entry("a", "namespaces", "ppppp"),
        entry("b", "namespaces", "ppfff"),
        entry("c", "namespaces", "eeeee"),
        entry("d", "namespaces", status="refused", reason="r"),
        entry("e", "namespaces"),
    )
    found = of_lab(Gradebook("c", ("namespaces",), "", entries), "namespaces")
    assert (found.entries, found.settled, found.mean, found.median) == (5, 2, 7, 7)
    assert sum(bar.count for bar in found.bars) == 2


def test_without_settled_grades_there_is_no_mean():
    entries = (entry("c", "namespaces", "eeeee"),)
    found = of_lab(Gradebook("c", ("namespaces",), "", entries), "namespaces")
    assert (found.mean, found.median) == (None, None)


def test_bars_cover_all_points_once():
    for points in (0, 1, 7, 20, 21, 33, 100, 1000):
        found = bars(range(points + 1), points)
        assert sum(bar.count for bar in found) == points + 1
        assert [bar.low for bar in found[1:]] == [bar.high + 1 for bar in found[:-1]]
        assert found[0].low == 0
        assert found[-1].high == points
        assert len(found) <= 21


def test_difficulty_counts_every_outcome():
    found = {check.id: check for check in of_lab(demo(), "namespaces").checks}
    net = found["own-net"]
    assert (net.passed, net.failed, net.error, net.total) == (6, 3, 1, 10)
    assert found["reboot"].hidden
    assert not net.hidden
    assert list(found) == ["own-pid", "own-net", "own-user", "still-works", "reboot"]


def test_flags_tell_what_to_look_at():
    book = demo()
    found = {(e.learner, e.lab): flags(e, book) for e in book.entries}
    assert found["dora", "namespaces"] == ("similar", "notes")
    assert found["dora", "default-deny"] == ()
    assert found["emil", "namespaces"] == ("regrade",)
    assert found["emil", "default-deny"] == ("solved",)
