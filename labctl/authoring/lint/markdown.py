"""As much of Markdown as the rules about READMEs need: what is code, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_SPAN = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True)
class Line:
    """A line: its number, its text, and whether it is code as a whole."""

    number: int
    text: str
    code: bool

    def codes(self) -> list[str]:
        """The code in it: all of a line of code, else what is between backticks."""
        return [self.text] if self.code else [match[2] for match in _SPAN.finditer(self.text)]

    @property
    def prose(self) -> str:
        """The line without what is code."""
        return "" if self.code else _SPAN.sub("", self.text)


def lines(text: str) -> list[Line]:
    """The lines of a document."""
    found: list[Line] = []
    fence, before = "", True  # `before`: an indented line would be code here
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if fence:
            found.append(Line(number, line, code=True))
            if mark and mark[1].startswith(fence):
                fence = ""
            continue
        if mark:
            fence = mark[1]
            found.append(Line(number, line, code=True))
            continue
        code = bool(line.strip()) and line.startswith(("    ", "\t")) and before
        found.append(Line(number, line, code))
        before = code or not line.strip()
    return found


def links(document: list[Line]) -> Iterator[tuple[int, str]]:
    """Where each link and picture leads, with its line."""
    for line in document:
        for pattern in (_LINK, _REFERENCE):
            for match in pattern.finditer(line.prose):
                yield line.number, match[1]


def anchors(document: list[Line]) -> set[str]:
    """The anchors that the headings make, as GitHub names them."""
    found: dict[str, int] = {}
    for line in document:
        heading = None if line.code else _HEADING.match(line.text)
        if heading:
            slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{n}" if n else slug for slug, most in found.items() for n in range(most + 1)}
