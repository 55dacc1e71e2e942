"""A CSV file of somebody else, edited in place: every byte that is not meant stays as it was."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from labctl.errors import UsageError


@dataclass(frozen=True)
class Cell:
    """A cell: where it stands in the text, and what it says without its quotes."""

    start: int
    end: int
    value: str
    quoted: bool


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes are text: decoding and encoding again gives the same bytes."""

    mark: bytes
    codec: str

    @classmethod
    def of(cls, data: bytes) -> Encoding:
        """By the byte order mark; without one UTF-8, or a single-byte code if it is not that."""
        for mark, codec in (
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ):
            if data.startswith(mark):
                return cls(mark, codec)
        try:
            data.decode()
        except UnicodeDecodeError:
            return cls(b"", "latin-1")
        return cls(b"", "utf-8")

    def decode(self, data: bytes) -> str:
        """The text. Raises UsageError when the bytes are not what the mark promises."""
        try:
            return data[len(self.mark) :].decode(self.codec)
        except UnicodeDecodeError as e:
            raise UsageError(f"The file is not the {self.codec} text that it says it is") from e

    def encode(self, text: str) -> bytes:
        """The bytes, with the mark."""
        return self.mark + text.encode(self.codec)


def rows(text: str, separator: str) -> list[list[Cell]]:
    """The rows of a CSV text by RFC 4180, empty lines included as one empty cell.

    Lines end as they please. Raises UsageError when a quotation mark is never closed.
    """
    found: list[list[Cell]] = []
    row: list[Cell] = []
    at = 0
    while at < len(text) or row:
        cell = _cell(text, at, separator)
        row.append(cell)
        at = cell.end
        if text.startswith(separator, at):
            at += 1
            continue
        at += 2 if text.startswith("\r\n", at) else 1
        found.append(row)
        row = []
    return found


def replaced(text: str, changes: list[tuple[Cell, str]]) -> str:
    """The text with the values of some cells replaced, quoted if they were before.

    The values themselves need no quotes.
    """
    parts: list[str] = []
    at = 0
    for cell, value in sorted(changes, key=lambda change: change[0].start):
        parts += [text[at : cell.start], f'"{value}"' if cell.quoted else value]
        at = cell.end
    return "".join([*parts, text[at:]])


def _cell(text: str, start: int, separator: str) -> Cell:
    stops = (separator, "\r", "\n")
    if not text.startswith('"', start):
        end = _next(text, start, stops)
        return Cell(start, end, text[start:end], quoted=False)
    at = start + 1
    while True:
        close = text.find('"', at)
        if close < 0:
            line = text.count("\n", 0, start) + 1
            raise UsageError(f"A quotation mark in line {line} is never closed")
        if not text.startswith('"', close + 1):
            break
        at = close + 2
    end = _next(text, close + 1, stops)
    value = text[start + 1 : close].replace('""', '"') + text[close + 1 : end]
    return Cell(start, end, value, quoted=True)


def _next(text: str, start: int, stops: tuple[str, ...]) -> int:
    at = start
    while at < len(text) and text[at] not in stops:
        at += 1
    return at
