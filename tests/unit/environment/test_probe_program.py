"""The probe's own tests, which are in Go beside its source."""

from __future__ import annotations

import shutil

import pytest

from labctl import paths, process


@pytest.mark.skipif(shutil.which("go") is None, reason="no Go on this machine")
def test_go_tests_pass():
    process.run(["go", "test", "./..."], cwd=paths.clusters_dir() / "images" / "probe", timeout=300)
