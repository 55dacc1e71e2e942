"""The traffic matrix as a picture of its own: one SVG file, no fonts or scripts from elsewhere."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING

from labctl.cli.traffic import word

if TYPE_CHECKING:
    from labctl.session.traffic import Reading

_CELL, _ROW, _MARGIN, _LETTER = 88, 34, 20, 8.2
# Blue and orange, which colour-blind eyes tell apart; the words say the same.
_FILLS = {"open": "#cfe8ff", "cut": "#f4a259", "some": "#fff3b0", "closed": "#fff3b0"}
_NOTHING = "#eeeeee"


def draw(reading: Reading, title: str) -> str:
    """The reading as the text of an SVG file."""
    names = [f"{side.place}/{side.name}" for side in reading.sources]
    left = _MARGIN + int(max(map(len, names)) * _LETTER) + 16
    top = _MARGIN + 84
    width = max(left + _CELL * len(reading.targets), _MARGIN + int(len(title) * 9.5)) + _MARGIN
    height = top + _ROW * len(names) + _MARGIN
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(reading.at))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="monospace" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, _MARGIN + 12, title, 'font-size="16" font-weight="bold"'),
        _text(_MARGIN, _MARGIN + 34, f"Who reaches whom, {clock}"),
    ]
    for column, target in enumerate(reading.targets):
        middle = left + _CELL * column + _CELL // 2
        centred = 'text-anchor="middle"'
        parts.append(_text(middle, top - 24, target.name, centred + ' font-weight="bold"'))
        parts.append(_text(middle, top - 8, str(target.port), centred))
    for row, (name, (_, cells)) in enumerate(zip(names, reading.rows(), strict=True)):
        y = top + _ROW * row
        parts.append(_text(_MARGIN, y + 22, name))
        for column, cell in enumerate(cells):
            x = left + _CELL * column
            fill = _FILLS.get(cell.state, _NOTHING)
            parts.append(
                f'<rect x="{x + 2}" y="{y + 2}" width="{_CELL - 4}" height="{_ROW - 4}" '
                f'rx="4" fill="{fill}"/>'
            )
            parts.append(_text(x + _CELL // 2, y + 22, word(cell), 'text-anchor="middle"'))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: int, y: int, content: str, attributes: str = "") -> str:
    return f'<text x="{x}" y="{y}" fill="#1b1b1b" {attributes}>{escape(content)}</text>'
