"""Every lab: untouched and solved; those that a change touches, with every mistake."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labctl.lab import catalog
from labctl.progress import Silent
from labctl.session.store import Store
from tests.e2e.labs import Bench, variants, wrong

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]


def touched() -> set[str]:
    """The labs that the commits of the last four hours, or the work tree, have changed."""

    def git(*argv: str) -> list[str]:
        done = subprocess.run(["git", "-C", ROOT, *argv], capture_output=True, text=True)
        return done.stdout.split() if done.returncode == 0 else []

    base = git("rev-list", "-1", "--before=4 hours ago", "HEAD")
    if not base:
        return set(catalog.ids())  # no history to compare with: everything is new
    changed = git("diff", "--name-only", base[0]) + git("ls-files", "--others", "labs")
    return {name.split("/")[1] for name in changed if name.startswith("labs/") and "/" in name[5:]}


def chosen() -> list[tuple[str, str]]:
    everything = os.environ.get("LABCTL_MATRIX") == "all"
    full = set(catalog.ids()) if everything else touched()
    return [(lab, v) for lab in catalog.ids() for v in variants(lab, mistakes=lab in full)]


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """One running environment a lab, made when the lab's first variant asks for it."""
    running: dict[str, Bench] = {}
    store = Store(tmp_path_factory.mktemp("store"))

    def get(lab: str) -> Bench:
        for other in [name for name in running if name != lab]:
            running.pop(other).stop()
        if lab not in running:
            bench = Bench(lab, f"t{os.getpid()}-{lab}"[:24].rstrip("-"), store, Silent())
            bench.start()
            running[lab] = bench
        return running[lab]

    yield get
    for bench in running.values():
        bench.stop()


@pytest.mark.parametrize(("lab", "variant"), chosen())
def test_verdicts(lab: str, variant: str, benches):
    report = benches(lab).report(variant)
    assert wrong(lab, variant, report) == []
