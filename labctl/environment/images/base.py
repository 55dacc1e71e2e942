"""The base image: Debian's essential packages, made on this machine or pulled.

`clusters/images/base/packages` lists what is added to them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import process
from labctl.errors import EnvironmentFailure

if TYPE_CHECKING:
    import docker

SUITE = "bookworm"
_PULLED = f"debian:{SUITE}-slim"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Documentation and translations are most of a small image and nothing that a lab reads. What is
# set here stays in the image, for the packages that other recipes add to it.
_KEEP_SMALL = (
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
)


def packages(folder: Path) -> list[str]:
    """The packages that the recipe adds to Debian's essential ones."""
    return (folder / "packages").read_text().split()


def make_archive(folder: Path, work: Path, report: Callable[[str], None]) -> Path:
    """Make the base image's files with mmdebstrap, from the package sources of this machine.

    Returns the tar archive, which lies in `work`. Raises ProcessError when that fails.
    """
    archive = work / "base.tar"
    env = {"TMPDIR": str(work), "PATH": process_path(), **proxies()}
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages(folder))}"]
    argv += [*_KEEP_SMALL, SUITE, str(archive), *machine_sources(Path("/etc/apt"))]
    process.run(argv, env=env, timeout=1200, on_line=report)
    return archive


def can_make() -> bool:
    """Whether this machine has what `make_archive` needs."""
    return shutil.which("mmdebstrap", path=process_path()) is not None


def pull(api: docker.APIClient, architecture: str) -> str:
    """Pull Debian's own small image from the engine's registry; returns its name.

    Raises EnvironmentFailure when no registry answers.
    """
    from docker.errors import APIError

    try:
        name, tag = _PULLED.split(":")
        api.pull(name, tag=tag, platform=f"linux/{architecture}")
    except (APIError, OSError) as e:
        raise EnvironmentFailure(
            "The base image can be neither made nor pulled: this machine has no mmdebstrap, "
            f"and the engine cannot pull {_PULLED}",
            details=str(e),
            resolution="On Debian or Ubuntu: `apt-get install mmdebstrap`. Elsewhere: connect the "
            "engine to a registry, or bring a bundle with `labctl images load FILE`.",
        ) from e
    return _PULLED


def process_path() -> str:
    """Where programs of the system are, also when the user's PATH leaves out sbin."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def proxies() -> dict[str, str]:
    """The machine's proxy settings, for package managers and builds; never kept in an image."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    spelled = [*names, *(n.upper() for n in names)]
    return {n: os.environ[n] for n in spelled if os.environ.get(n)}


def machine_sources(apt: Path) -> list[str]:
    """The machine's package sources of Debian bookworm as one-line entries.

    Other vendors' sources, and those that need a key which the image will not have, are left
    out. Empty on other distributions: mmdebstrap then uses Debian's default.
    """
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    found: dict[str, None] = {}
    for file in files:
        if not file.is_file():
            continue
        entries = _stanzas if file.suffix == ".sources" else _lines
        for uri, suite, components, key in entries(file.read_text()):
            ours = suite == SUITE or re.fullmatch(rf"{SUITE}-(updates|security)", suite)
            if ours and "main" in components.split() and key in ("", _KEYRING):
                signed = f"[signed-by={_KEYRING}] " if key else ""
                found[f"deb {signed}{uri} {suite} main"] = None
    return list(found)


_Entry = tuple[str, str, str, str]  # URI, suite, components, key file


def _lines(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        if match := re.match(r"\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line):
            options, uri, suite, components = match.groups()
            key = re.search(r"signed-by=(\S+)", options or "")
            yield uri, suite, components, key[1] if key else ""


def _stanzas(text: str) -> Iterator[_Entry]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            key.lower(): value.strip()
            for key, value in re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite, fields.get("components", ""), fields.get("signed-by", "")
