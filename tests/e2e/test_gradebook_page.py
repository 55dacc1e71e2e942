"""The gradebook's page in a real browser: it works, asks for nothing, runs nobody's code."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from labctl.grading.gradebook import page as gradebook_page
from tests.gradebooks import HOSTILE, demo

FLAGS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.html"
    path.write_text(gradebook_page.render(demo()), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    """The page, and all that it complained about or asked for."""
    context = browser.new_context()
    page = context.new_page()
    page.noted = []
    page.on("console", lambda message: page.noted.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.noted.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (page.noted.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: page.noted.append(f"request: {request.url}"))
    page.goto(file.as_uri())
    page.noted.remove(f"request: {file.as_uri()}")
    yield page
    context.close()


def learners(page):
    return page.locator("#all tbody tr:visible th").all_inner_texts()


def test_the_page_asks_nobody_and_complains_of_nothing(opened):
    opened.locator("#all tbody a").first.click()
    for head in opened.locator("th button").all():
        head.click()
    for report in opened.locator("#reports summary").all():
        report.click()
    opened.emulate_media(media="print")
    assert opened.noted == []


def test_areas_are_a_picture_that_has_a_name(opened):
    opened.locator("#reports summary", has_text="ada").last.click()
    radar = opened.get_by_role("img", name="Points by area")
    expect(radar).to_be_visible()
    assert "Egress: 1 of 4 points" in radar.locator("desc").text_content()
    assert radar.bounding_box()["width"] <= opened.viewport_size["width"]


def test_a_hostile_name_is_only_text(opened):
    assert HOSTILE in learners(opened)
    assert opened.title() == "Gradebook of security-101"
    assert opened.locator("img").count() == 0
    assert opened.noted == []


def test_even_markup_that_slipped_in_would_not_run(opened):
    opened.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", HOSTILE)
    opened.wait_for_timeout(200)
    assert opened.title() == "Gradebook of security-101"
    assert any("Content Security Policy" in note for note in opened.noted)


def test_sorting_by_points_and_by_name(opened):
    points = opened.get_by_role("columnheader", name="Points").first
    for order, state in ((1, "ascending"), (-1, "descending")):
        points.get_by_role("button").click()
        cells = opened.locator("#all tbody td[data-value]").all()
        values = [int(cell.get_attribute("data-value")) for cell in cells]
        assert values[::order] == sorted(values)
        assert points.get_attribute("aria-sort") == state
    opened.locator("#all th button", has_text="Learner").focus()
    opened.keyboard.press("Enter")
    names = learners(opened)
    assert names.index("ada") < names.index("bert") < names.index("jo&co")
    assert points.get_attribute("aria-sort") is None
    assert sorted(names) == sorted(entry.learner for entry in demo().entries)


def test_filters_narrow_the_table(opened):
    opened.get_by_label("Search").fill("dor")
    assert learners(opened) == ["dora", "dora"]
    assert opened.locator("#shown").inner_text() == "2 of 22 shown"
    opened.get_by_role("combobox", name="Lab", exact=True).select_option("default-deny")
    assert learners(opened) == ["dora"]
    opened.get_by_label("Search").fill("")
    opened.get_by_role("combobox", name="Status").select_option("regrade")
    assert learners(opened) == ["fatima"]


def test_a_learners_link_opens_the_report(opened):
    opened.locator("#all a", has_text="emil").first.click()
    report = opened.locator("details[open]")
    # A click ends before the page hears of its new address: hashchange is a task of its own.
    expect(report).to_have_count(1)
    assert "the API server timed out" in report.inner_text()


def test_it_reads_without_javascript(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert len(learners(page)) == len(demo().entries)
    assert not page.locator("#filter").is_visible()
    table = page.locator("#reports table").first
    assert not table.is_visible()
    page.locator("#reports summary").first.click()
    assert table.is_visible()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_part_is_wider_than_the_window(browser, file, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
