"""The page as text: escaped, complete, in need of nothing. A browser reads it in tests/e2e."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser

import pytest

from labctl.grading.gradebook import page
from labctl.grading.gradebook.model import Gradebook
from tests.gradebooks import HOSTILE, demo, entry

# The pairs of colours that text and background make, and what WCAG 2.2 AA asks of them.
TEXT = ["ink", "quiet", "link", "good", "bad", "open"]
CONTRAST = 4.5


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.text = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def html():
    return page.render(demo())


def test_names_and_messages_stay_text(html):
    found = Page(html)
    assert not found.all("img")
    assert not found.all("b")
    assert len(found.all("script")) == 1
    assert HOSTILE in found.text
    assert not [a for _, attrs in found.tags for a in attrs if a.startswith("on") or a == "style"]


def test_nothing_is_asked_of_any_network(html):
    for _, attrs in Page(html).tags:
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_lets_only_our_own_blocks_run(html):
    policy = next(a["content"] for a in Page(html).all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        block = re.search(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_every_link_leads_somewhere(html):
    found = Page(html)
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in found.all("a")} <= set(ids)
    referred = {i for _, a in found.tags for i in a.get("aria-labelledby", "").split()}
    assert referred <= set(ids)


def test_all_header_cells_say_what_they_head(html):
    assert {attrs.get("scope") for attrs in Page(html).all("th")} == {"row", "col"}


def test_every_entry_has_its_report(html):
    assert len(Page(html).all("details")) == len(demo().entries)
    for text in ("a bomb", "notes/answers.yaml is a link", "the API server timed out"):
        assert (text in html) is (text != "a bomb")


def test_an_empty_gradebook_has_a_page():
    html = page.render(Gradebook("", ("namespaces",), "2026-01-01T00:00:00+00:00", ()))
    assert "Results" in html
    assert "To be regraded</h2>" not in html


def test_300_learners_make_a_reasonable_page():
    entries = tuple(
        entry(f"learner-{i}", lab, "pfpep")
        for i in range(300)
        for lab in ("namespaces", "default-deny")
    )
    began = time.monotonic()
    html = page.render(Gradebook("c", ("namespaces", "default-deny"), "", entries))
    assert len(html) < 2_500_000
    assert time.monotonic() - began < 10


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_all_text_has_enough_contrast(html, theme):
    blocks = re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[theme]))
    for text in TEXT:
        for paper in ("paper", "raised"):
            low, high = sorted((luminance(colours[text]), luminance(colours[paper])))
            assert (high + 0.05) / (low + 0.05) >= CONTRAST, f"{text} on {paper}"
