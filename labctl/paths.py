"""Where labctl keeps and finds files."""

from __future__ import annotations

import os
from pathlib import Path


def _directory(variable: str, xdg: str, fallback: str) -> Path:
    own = os.environ.get(variable)
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / fallback) / "labctl"


def cache_dir() -> Path:
    """What can be made again: binaries, archives. LABCTL_CACHE_DIR overrides."""
    return _directory("LABCTL_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def data_dir() -> Path:
    """What cannot be made again: sessions, workspaces, reports. LABCTL_DATA_DIR overrides."""
    return _directory("LABCTL_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def bin_dir() -> Path:
    """Programs that `labctl setup` built for this machine: kind, kubectl."""
    return cache_dir() / "bin"


def _shipped(name: str) -> Path:
    """A folder that is beside the package in a checkout and inside it in an installed wheel."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def labs_dir() -> Path:
    """The labs that come with labctl. LABCTL_LABS_DIR overrides."""
    own = os.environ.get("LABCTL_LABS_DIR")
    return Path(own).absolute() if own else _shipped("labs")


def clusters_dir() -> Path:
    """Recipes of shared images, the node image and add-ons."""
    return _shipped("clusters")
