"""Areas: sums, the radar, time, and reports from before there were any."""

from __future__ import annotations

import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from labctl.cli import grading
from labctl.cli import report as view
from labctl.errors import LabctlError, UsageError
from labctl.grading import radar
from labctl.grading.areas import AreaResult, summed
from labctl.grading.gradebook import flags, page
from labctl.grading.gradebook.model import Gradebook
from labctl.grading.report import CheckResult, Report
from labctl.lab import loader
from labctl.lab.model import Area
from labctl.session.model import Record
from tests.gradebooks import entry

AREAS = {
    "net": Area(title="Network & <traffic>", lab="default-deny", checks=["a", "b"]),
    "pods": Area(title="Pods", lab="pod-security", checks=["c"]),
    "scan": Area(title="Scanning", lab="image-scanning", checks=["d"]),
}
SVG = "{http://www.w3.org/2000/svg}"


def results(outcomes):
    return tuple(
        CheckResult(id_, f"{id_} holds", outcome, points, "m", "h", 0.1, 30)
        for id_, outcome, points in zip("abcd", outcomes, (2, 3, 4, 1), strict=True)
    )


def report(used=0.0, limit=0, outcomes=("passed", "failed", "passed", "error")):
    found = results(outcomes)
    return Report(
        lab="x",
        title="T",
        digest="d",
        session="s",
        learner="me",
        seed="0",
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
        results=found,
        solved=False,
        hints=(),
        areas=summed(AREAS, found),
        minutes_limit=limit,
        minutes_used=used,
    )


def shown(told):
    console = Console(width=80, record=True, no_color=True)
    view.render(told, console)
    return console.export_text()


def test_an_area_sums_up_its_checks():
    found = summed(AREAS, results(["passed", "failed", "passed", "error"]))
    assert [(a.name, a.earned, a.points) for a in found] == [
        ("net", 2, 5),
        ("pods", 4, 4),
        ("scan", 0, 1),
    ]
    assert found[0].share == pytest.approx(0.4)


def test_a_check_that_was_not_run_counts_for_nothing():
    assert [a.points for a in summed(AREAS, [])] == [0, 0, 0]
    assert summed(AREAS, [])[0].share == 0


def test_json_keeps_areas_and_time():
    told = report(used=61.5, limit=60)
    assert Report.from_json(told.to_json()) == told


def test_a_report_from_before_areas_is_read():
    data = report().to_json()
    for key in ("areas", "minutes_limit", "minutes_used"):
        del data[key]
    assert Report.from_json(data).areas == ()
    assert not Report.from_json(data).late


@pytest.mark.parametrize(
    ("used", "limit", "late"), [(59.9, 60, False), (60.0, 60, False), (60.1, 60, True), (99, 0, 0)]
)
def test_late_is_over_the_limit(used, limit, late):
    assert report(used, limit).late == bool(late)


def test_the_clock_starts_when_the_lab_was_first_ready():
    lab = loader.find("namespaces")
    timed = lab.model_copy(update={"timed": True, "areas": AREAS})
    record = Record(
        name="s",
        lab=lab.id,
        digest="d",
        seed="0",
        learner="me",
        created="2026-01-01T00:00:00.000+00:00",
        began="2026-01-01T00:02:00.000+00:00",
        ready="2026-01-01T00:30:00.000+00:00",
    )
    told = Report.of(
        record,
        timed,
        results(["passed"] * 4),
        started="2026-01-01T01:00:00.000+00:00",
        finished="2026-01-01T01:02:00.000+00:00",
    )
    assert (told.minutes_used, told.minutes_limit) == (60.0, lab.minutes)
    assert [a.earned for a in told.areas] == [5, 4, 1]


def test_the_terminal_shows_bars_the_lab_to_go_back_to_and_the_time():
    text = shown(report(used=75.2, limit=60))
    assert re.search(r"Network & <traffic> +████░{6} +2/5 +labctl info default-deny", text)
    assert re.search(r"Pods +█{10} +4/4 *$", text, re.MULTILINE)
    assert "Time: 75 of 60 minutes, 15 over the limit." in text
    assert "Time: 30 of 60 minutes." in shown(report(used=30, limit=60))
    assert "Time" not in shown(report(used=30))


@pytest.mark.parametrize("count", [3, 6, 12])
def test_the_radar_is_a_picture_with_words(count):
    areas = [
        AreaResult(f"n{i}", f"Area <{i}> with a longer name", "x", 4, i % 5) for i in range(count)
    ]
    root = ET.fromstring(radar.draw(areas, "T & co"))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "T & co"
    assert "Area <1> with a longer name: 1 of 4 points" in root.findtext(f"{SVG}desc")
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        long = len(text.text) * 8
        start = {"start": 0, "middle": long / 2, "end": long}[text.get("text-anchor")]
        x = float(text.get("x")) - start
        assert x >= 0
        assert x + long <= width
        assert 10 <= float(text.get("y")) <= height - 4


def test_the_corners_are_as_far_out_as_what_was_earned():
    areas = [
        AreaResult(name, name, "x", 4, earned)
        for name, earned in zip("abc", (4, 2, 0), strict=True)
    ]
    root = ET.fromstring(radar.draw(areas, "T"))
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    far = [((x - 320) ** 2 + (y - 200) ** 2) ** 0.5 for x, y in dots]
    assert far == pytest.approx([120, 60, 0], abs=0.1)
    assert dots[0] == (320.0, 80.0)


def book(told):
    found = entry("ada", "namespaces", "ppppp")
    graded = type(found)(**{**vars(found), "report": told})
    return Gradebook(course="c", labs=("namespaces",), created=told.started, entries=(graded,))


def test_the_gradebook_draws_the_radar_and_tells_who_was_late():
    late = book(report(used=75, limit=60, outcomes=("passed", "failed", "passed", "failed")))
    assert flags.flags(late.entries[0], late) == ("late",)
    html = page.render(late)
    assert "<desc>Network &amp; &lt;traffic&gt;: 2 of 5 points; " in html
    assert "75 of 60 minutes" in html
    assert 'class="radar"' not in page.render(
        book(report().__class__(**{**vars(report()), "areas": ()}))
    )


LAB = """\
format: 1
title: A lab
track: isolation
minutes: 5
objectives: [See]
shell: box
machines:
  box: {provider: docker, image: base, about: A box}
areas:
"""


@pytest.mark.parametrize(
    ("areas", "problem"),
    [
        ("  a: {title: A, lab: namespaces, checks: [x]}\n", "3 to 12 areas"),
        (
            "".join(f"  {n}: {{title: A, lab: namespaces, checks: [x]}}\n" for n in "abc"),
            "is in the area `a`, too",
        ),
        ("  a: {title: A, lab: namespaces, checks: []}\n", "checks"),
        (f"  a: {{title: {'A' * 33}, lab: namespaces, checks: [x]}}\n", "title"),
    ],
)
def test_areas_that_make_no_radar_are_refused(tmp_path, areas, problem):
    (tmp_path / "lab.yaml").write_text(LAB + areas)
    (tmp_path / "README.md").write_text("# A\n")
    with pytest.raises(LabctlError) as caught:
        loader.load(tmp_path)
    assert problem in f"{caught.value.message} {caught.value.details}"


def test_minutes_are_taken_from_the_learners_report_only_when_they_are_some():
    from labctl.grading.batch import worker

    def minutes(text):
        return worker._minutes(SimpleNamespace(files={"report.json": text}))

    assert minutes(b'{"minutes_used": 12.5}') == 12.5
    for bad in (
        b"",
        b"[]",
        b"{}",
        b'{"minutes_used": "1"}',
        b'{"minutes_used": NaN}',
        b'{"minutes_used": -1}',
        b'{"minutes_used": 1e999}',
        b"\xff",
    ):
        assert minutes(bad) == 0.0
    assert worker._minutes(SimpleNamespace(files={})) == 0.0


def test_a_lab_without_areas_has_no_radar():
    with pytest.raises(UsageError, match="has no areas"):
        grading._require_areas("namespaces")
    grading._require_areas("platform-checklist")
