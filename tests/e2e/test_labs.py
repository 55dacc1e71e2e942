"""Every lab: untouched and solved; those that a change touches, with every mistake.

One environment a lab, reset between variants: as strict as a new one for each, and cheaper.
"""

from __future__ import annotations

import os

import pytest

from labctl import host
from labctl.authoring import choice, scratch, trial
from labctl.errors import LabctlError
from labctl.lab import catalog, loader
from labctl.progress import Silent

pytestmark = pytest.mark.engine


def chosen() -> list[tuple[str, str]]:
    everything = os.environ.get("LABCTL_MATRIX") == "all"
    found = choice.full(catalog.ids()) if everything else choice.changed([])
    return [(lab, variant) for lab, variants in found.variants.items() for variant in variants]


@pytest.fixture(scope="module")
def benches():
    """The environment of a lab, made when its first variant asks for it, gone with its last."""
    local = host.find("local")
    running: dict[str, trial.Bench] = {}
    with scratch.store(local) as store:

        def get(lab: str) -> trial.Bench:
            for other in [name for name in running if name != lab]:
                running.pop(other).stop()
            name = f"t{os.getpid()}-{lab}"[:24].rstrip("-")
            return running.setdefault(lab, trial.Bench(lab, name, store, local, Silent()))

        yield get


@pytest.mark.parametrize(("lab", "variant"), chosen())
def test_verdicts(lab: str, variant: str, benches):
    bench = benches(lab)
    try:
        report = bench.report(variant)
    except LabctlError:
        bench.stop()  # the next variant gets a new environment
        raise
    wrong = trial.wrong(loader.find(lab), variant, report.results)
    assert [str(each) for each in wrong] == []
