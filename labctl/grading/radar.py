"""The areas of a report as a radar: one SVG that asks for nothing from elsewhere."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from math import cos, pi, sin

from labctl.grading.areas import AreaResult

_WIDTH, _HEIGHT, _RADIUS = 640, 400, 120
_MIDDLE = (_WIDTH / 2, _HEIGHT / 2)
_LINE, _LETTERS = 17, 20


def draw(areas: Sequence[AreaResult], title: str, *, alone: bool = True) -> str:
    """The text of an SVG, with the same in words for those who do not see it.

    A picture that stands `alone` brings its background; one within a page takes over the
    page's colour of text. Needs three areas at least.
    """
    words = "; ".join(map(str, areas))
    look = ' xmlns="http://www.w3.org/2000/svg" color="#1b1b1b"' if alone else ' class="radar"'
    parts = [
        f'<svg{look} viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="14" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(words)}</desc>",
    ]
    if alone:
        parts.append(f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>')
    count = len(areas)
    ring = 'fill="none" stroke="currentColor" stroke-opacity="0.25"'
    for part in (0.25, 0.5, 0.75, 1.0):
        parts.append(f'<polygon points="{_corners([part] * count)}" {ring}/>')
    for index in range(count):
        x, y = _at(index, count, _RADIUS)
        parts.append(
            f'<line x1="{_MIDDLE[0]:.1f}" y1="{_MIDDLE[1]:.1f}" x2="{x:.1f}" y2="{y:.1f}" '
            'stroke="currentColor" stroke-opacity="0.25"/>'
        )
    shares = [area.share for area in areas]
    parts.append(
        f'<polygon points="{_corners(shares)}" fill="#2f7fd1" fill-opacity="0.35" '
        'stroke="#2f7fd1" stroke-width="2" stroke-linejoin="round"/>'
    )
    for index, area in enumerate(areas):
        x, y = _at(index, count, _RADIUS * area.share)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2f7fd1"/>')
        parts += _label(area, index, count)
    return "\n".join([*parts, "</svg>\n"])


def _label(area: AreaResult, index: int, count: int) -> list[str]:
    lines = [*textwrap.wrap(area.title, _LETTERS), f"{area.earned} of {area.points}"]
    x, y = _at(index, count, _RADIUS + 18)
    side = (x - _MIDDLE[0]) / _RADIUS
    anchor = "middle" if abs(side) < 0.2 else "start" if side > 0 else "end"
    # Above the middle the lines end at the corner, below they begin there.
    rise = (1 - (y - _MIDDLE[1]) / (_RADIUS + 18)) / 2
    top = y + _LINE * 0.7 - rise * _LINE * (len(lines) - 0.4)
    return [
        f'<text x="{x:.1f}" y="{top + _LINE * row:.1f}" text-anchor="{anchor}" '
        f'fill="currentColor"{bold}>{escape(line)}</text>'
        for row, line in enumerate(lines)
        for bold in (' font-weight="bold"' if row < len(lines) - 1 else "",)
    ]


def _corners(shares: Sequence[float]) -> str:
    spots = [_at(i, len(shares), _RADIUS * share) for i, share in enumerate(shares)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)


def _at(index: int, count: int, radius: float) -> tuple[float, float]:
    """The first area is at the top; the others follow clockwise."""
    angle = 2 * pi * index / count - pi / 2
    return _MIDDLE[0] + radius * cos(angle), _MIDDLE[1] + radius * sin(angle)
