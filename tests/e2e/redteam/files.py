"""Traps in the place of the learner's files, which checks read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.redteam.arena import Arena

INK = "\x1b[2J\x1b]0;owned\x07\x1b[31m[bold red]all is well[/]</testcase>&<script>\u202e\x08"


def _files(arena: Arena) -> list[Path]:
    workspace = arena.session.place.workspace
    return [workspace / name for name in arena.lab.capture.workspace]


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _bomb(path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path.write_text("\n".join(lines))


TRAPS: dict[str, Callable[[Path], None]] = {
    "a link to elsewhere": lambda path: path.symlink_to("/etc/passwd"),
    "a pipe that nobody writes to": os.mkfifo,
    "1 GB": _large,
    "a folder": lambda path: path.mkdir(),
    "control characters and markup": lambda path: path.write_text(INK),
    "markup in YAML": lambda path: path.write_text(
        'places: {engine: {kernel: "\\e[31m[bold]<b>", boot-id: "\\u202e"}}'
    ),
    "anchors that explode": _bomb,
    "brackets without end": lambda path: path.write_text("[" * 60_000),
}


def trap(kind: str) -> Callable[[Arena], Iterator[None]]:
    def do(arena: Arena) -> Iterator[None]:
        kept = {
            path: (path.read_bytes(), path.stat().st_mode)
            for path in _files(arena)
            if path.is_file()
        }
        for path in _files(arena):
            path.unlink(missing_ok=True)
            TRAPS[kind](path)
        yield
        for path in _files(arena):
            path.rmdir() if path.is_dir() else path.unlink()
            if path in kept:
                content, mode = kept[path]
                path.write_bytes(content)
                path.chmod(mode)

    return do
