"""What a record of looks tells: ever, now, in which order; outages, and gaps that are none."""

from __future__ import annotations

import pytest

from labctl.errors import EnvironmentFailure
from labctl.grading.history import History, Watched


def watched(*spans, now=None, allowed=2.0, seen=None):
    """A record from spans (state, from, until, slept before it); the last look was just now."""
    told = [
        {"state": s, "from": a, "until": b, "looks": 1, "slept": slept[0] if slept else 0.0}
        for s, a, b, *slept in spans
    ]
    counts = seen or {s: int(b - a) + 1 for s, a, b, *_ in spans}
    at = spans[-1][2] if now is None else now
    return Watched("shop", {"now": at, "allowed": allowed, "spans": told, "seen": counts})


ALWAYS = watched(("open", 100, 400))
CUT = watched(("open", 100, 200), ("cut", 201, 400))
OUTAGE = watched(("open", 0, 100), ("cut", 101, 109), ("open", 110, 200))


def test_moments():
    assert (CUT.now, CUT.seconds) == ("cut", 300)
    assert (CUT.ever("open"), CUT.ever("cut"), CUT.ever("none")) == (True, True, False)
    assert CUT.order("open", "cut")
    assert not CUT.order("cut", "open")
    assert OUTAGE.order("open", "cut", "open")
    assert not OUTAGE.order("open", "cut", "open", "cut")
    assert not ALWAYS.order("open", "open")
    assert CUT.share("cut") == 200 / 301


def test_what_the_middle_of_a_long_record_held_was_still_seen():
    assert watched(("open", 0, 9), seen={"open": 10, "wrong": 1}).ever("wrong")


def test_an_outage_lasts_until_it_is_seen_to_be_over():
    (outage,) = OUTAGE.outages()
    assert (outage.state, outage.ago, outage.seconds) == ("cut", 99, 9)
    assert ALWAYS.outages() == ()
    (still,) = CUT.outages()
    assert (still.ago, still.seconds) == (199, 199)


def test_an_outage_of_several_states_is_one():
    record = watched(("open", 0, 9), ("cut", 10, 14), ("none", 15, 19), ("open", 20, 20))
    (outage,) = record.outages()
    assert (outage.state, outage.seconds) == ("cut", 10)


def test_an_outage_is_not_longer_than_it_was_watched():
    record = watched(("open", 0, 9), ("cut", 10, 14), ("cut", 60, 64), ("open", 65, 70))
    assert [outage.seconds for outage in record.outages()] == [4, 5]
    assert [gap.seconds for gap in record.gaps] == [46]


def test_whose_fault_a_gap_is():
    record = watched(
        ("open", 0, 9),
        ("open", 3609, 3700, 3599.5),  # the lid was closed
        ("open", 3760, 3800),  # the probe was frozen
        ("", 3801, 3850),  # the API did not answer
        ("open", 3851, 3860),
    )
    assert [(gap.cause, gap.seconds) for gap in record.gaps] == [
        ("asleep", 3600),
        ("absent", 60),
        ("blind", 51),
    ]
    assert record.gaps[0].ago == 3851
    assert record.outages() == ()


def test_a_late_look_is_no_gap():
    assert watched(("open", 0, 9), ("", 10, 10), ("cut", 10.9, 12)).gaps == ()


def test_blind_at_the_end_and_at_the_beginning():
    record = watched(("", 0, 10), ("open", 11, 20), ("", 21, 30))
    assert record.ever("open")
    with pytest.raises(EnvironmentFailure, match="API did not answer"):
        _ = record.now
    assert [(gap.cause, gap.ago, gap.seconds) for gap in record.gaps] == [
        ("blind", 30, 11),
        ("blind", 10, 10),
    ]


def test_all_the_time():
    ALWAYS.require_always("the shop")
    with pytest.raises(AssertionError, match="the shop was out of reach for 9 s, 99 s ago"):
        OUTAGE.require_always("the shop")
    OUTAGE.require_always("the shop", tolerance=10)
    stopped = watched(("open", 0, 9), ("none", 10, 10), ("open", 11, 12), ("none", 13, 13))
    with pytest.raises(AssertionError, match=r"did not run for 1 s, 3 s ago \(the longest of 2"):
        stopped.require_always("the shop")


def test_a_lid_costs_no_point_and_an_absence_proves_nothing():
    asleep = watched(("open", 0, 9), ("open", 3609, 3700, 3600))
    asleep.require_always("the shop")
    asleep.require(asleep.ever("open"), "never open")
    with pytest.raises(AssertionError, match="never cut"):
        asleep.require(asleep.ever("cut"), "never cut")
    absent = watched(("open", 0, 9), ("open", 69, 100))
    absent.require_always("the shop", unseen=60)
    absent.require(absent.ever("open"), "never open")
    with pytest.raises(EnvironmentFailure, match="Nobody watched `shop` for 60 s, 91 s ago"):
        absent.require_always("the shop")
    with pytest.raises(EnvironmentFailure, match="did not run"):
        absent.require(absent.ever("cut"), "never cut")


def test_an_outage_that_was_seen_fails_whatever_was_not_seen():
    record = watched(("open", 0, 9), ("cut", 69, 70), ("open", 71, 72))
    with pytest.raises(AssertionError):
        record.require_always("the shop")


def test_each_reading_is_a_new_one():
    asked = []

    class Probe:
        def request(self, op, timeout, **args):
            asked.append((op, args))
            span = {"state": "open", "from": 1, "until": 2, "looks": 1, "slept": 0}
            return {"now": 2, "allowed": 2, "spans": [span], "seen": {"open": 1}}

    history = History(Probe())
    assert history("shop").now == history("shop").now == "open"
    assert asked == [("history", {"name": "shop"})] * 2
