"""Python packages from PyPI, for images that install them without a network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from labctl import process
from labctl.errors import EnvironmentFailure, ProcessError

# Only what runs everywhere: images have a Python of their own, on the engine's architecture.
_PURE = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none")
_PYTHON = "3.11"  # Debian's, in the images


def fetch(
    lists: Iterable[Path], folder: Path, report: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Download what requirements files name, exactly, into a new folder; the files, sorted.

    Each line needs a version and a hash. Raises EnvironmentFailure when PyPI does not have
    it, or has something else under its name.
    """
    folder.mkdir()
    for each in lists:
        report(f"fetching the packages of {each.name}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        pip += [*_PURE, f"--python-version={_PYTHON}", "--require-hashes"]
        try:
            process.run([*pip, "--dest", str(folder), "--requirement", str(each)])
        except ProcessError as e:
            raise EnvironmentFailure(
                f"the Python packages of {each.name} could not be fetched",
                details=e.details,
                resolution="Connect to PyPI, or set up pip with a mirror of it.",
            ) from e
    return sorted(folder.iterdir())
