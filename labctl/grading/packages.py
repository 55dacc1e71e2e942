"""Debian packages on a virtual machine's disk: for checks about what was really installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labctl.grading.guest import Guest

STATUS = "/var/lib/dpkg/status"


def not_installed(
    guest: Guest, name: str, version: str, files: Mapping[str, Path], snapshot: str | None = None
) -> str:
    """What is not as in that version of a package, on the disk or in a snapshot; "" if all is.

    `files` are the package's own by their paths in the guest: whoever is root there can write
    any version into dpkg's list. Raises Outage as Guest.read.
    """
    found = guest.read(STATUS, *files, snapshot=snapshot)
    for path, file in files.items():
        if found[path] != file.read_bytes():
            return f"{path} is not the one of {name} {version}"
    entries = (found[STATUS] or b"").decode("utf-8", "replace").split("\n\n")
    entry = next((e for e in entries if e.startswith(f"Package: {name}\n")), "")
    if "\nStatus: install ok installed\n" in entry and f"\nVersion: {version}\n" in entry:
        return ""
    return f"the package {name} {version} is not installed"
