"""The probe's own tests, which are in Go beside its source."""

from __future__ import annotations

from labctl import paths, process
from labctl.environment.images import golang


def test_go_tests_pass():
    go = str(golang.toolchain())
    folder = paths.clusters_dir() / "images" / "probe"
    process.run([go, "test", "./..."], cwd=folder, timeout=300)
