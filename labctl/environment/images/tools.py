"""kind and kubectl for this machine, in the versions that the node image is made for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from labctl import paths
from labctl.environment.images import golang

NAMES = ("kind", "kubectl")


def path(name: str) -> Path:
    """Where the program is, once it was built."""
    return paths.bin_dir() / (name + (".exe" if golang.host_os() == "windows" else ""))


def digest() -> str:
    """What the programs are built from: another digest, other programs."""
    recipe = paths.clusters_dir() / "node-image"
    locks = [(recipe / file).read_bytes() for file in ("go.mod", "kind/go.mod")]
    host = f"{golang.host_os()}/{golang.host_arch()}".encode()
    return hashlib.sha256(b"\0".join([host, *locks])).hexdigest()[:12]


def present() -> bool:
    """Whether both are there, in the right versions."""
    stamp = _stamp()
    made_of = stamp.read_text() if stamp.is_file() else ""
    return made_of == digest() and all(path(name).is_file() for name in NAMES)


def fit(goarch: str) -> bool:
    """Whether they run on the machines of an engine of this architecture, too."""
    return golang.host_os() == "linux" and golang.host_arch() == goarch


def build(report: Callable[[str], None]) -> None:
    """Build both; does nothing when they are there. Raises as golang.build does."""
    if present():
        return
    for name in NAMES:
        path(name).unlink(missing_ok=True)
    golang.build_host_tools(paths.bin_dir(), report)
    mark(digest())


def mark(made_of: str) -> None:
    """Remember what the programs that are there were built from."""
    _stamp().write_text(made_of)


def _stamp() -> Path:
    return paths.bin_dir() / ".made-of"
