"""Item 3: the pipeline stops what is critical, tells what it found, and orders is mended."""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from labctl.grading import check, weakness
from labctl.grading.scan import ADVISORIES, CRITICAL, Contents, matches

_SOURCE = Path(__file__).parent.parent / "environment" / "workspace" / "orders" / "app.py"
_LIBRARIES = ("ecdsa", "six", "waitress")
# Libraries with something critical that no session has: nobody can have listed just these.
_BAD = {"httpx": "httpx==0.22.0", "h11": "h11<0.16", "jsonpickle": "jsonpickle"}
_HIGH = "gunicorn==21.2.0"


@dataclass(frozen=True)
class Outcome:
    """What came of a branch that asks for one library."""

    asked: str
    status: int
    last_words: str
    findings: object
    pushed: Contents | None


class Branches:
    """Builds that nobody has seen, made once a run."""

    def __init__(self, pipeline, registry) -> None:
        self._pipeline, self._registry = pipeline, registry

    @cached_property
    def critical(self) -> dict[str, Outcome]:
        """By library: two branches with something critical."""
        chosen = random.sample(sorted(_BAD), 2)
        return {library: self._build(_BAD[library]) for library in chosen}

    @cached_property
    def high(self) -> Outcome:
        """A branch whose worst is High."""
        return self._build(_HIGH)

    def _build(self, asked: str) -> Outcome:
        release = f"2.{secrets.randbelow(90)}.{secrets.randbelow(9000)}"
        files = {"app.py": f"VERSION = '{release}'\n", "requirements.txt": f"{asked}\n"}
        build = self._pipeline.build("orders", release, files)
        there = self._registry.find("shop/orders", release) is not None
        pushed = _contents(self._registry, release) if there else None
        findings = self._pipeline.findings("orders", release)
        return Outcome(asked, build.status, build.last_words, findings, pushed)


def _contents(registry, release: str) -> Contents:
    return Contents.of(registry.layers(registry.image("shop/orders", release)))


@pytest.fixture(scope="module")
def branches(pipeline, registry):
    return Branches(pipeline, registry)


@weakness("critical-released", seconds=90)
def test_critical_released(registry, branches, facts):
    "orders 1.2 has a critical library, and the pipeline pushes whatever it has built"
    bad = [a.library for a in _contents(registry, "1.2").advisories() if a.severity == CRITICAL]
    assert bad == [facts["old"]]
    for outcome in branches.critical.values():
        assert outcome.pushed, f"{outcome.asked} is stopped: {outcome.last_words}"
        assert outcome.findings is None, "findings are uploaded"


@check(
    "critical-stops",
    points=4,
    seconds=90,
    hint="Two things can be wrong with a scan: it says nothing by its exit status, or it comes "
    "behind the push. `trivy image --input image.tar --severity CRITICAL --exit-code 1`.",
)
def test_critical_stops(branches):
    "A build with something critical ends with 1 and is not pushed; one whose worst is High is"
    for outcome in branches.critical.values():
        assert not outcome.pushed, f"a branch with {outcome.asked} is in the registry"
        assert outcome.status == 1, (
            f"a branch with {outcome.asked} ends with {outcome.status}: {outcome.last_words}"
        )
    high = branches.high
    assert high.status == 0, f"a branch with {high.asked} is stopped: {high.last_words}"
    assert high.pushed, f"a branch with {high.asked} is not in the registry"
    assert high.pushed.whole("gunicorn"), "its image has no whole gunicorn"


@check(
    "findings-told",
    points=2,
    seconds=90,
    hint="`trivy image --input image.tar --format sarif --output scan.sarif`, then `curl --fail "
    '--data-binary @scan.sarif "$FINDINGS/$app/$release"`: before the scan that may end it all.',
)
def test_findings_told(branches):
    "The findings of every build are uploaded, also of those that stop"
    for library, outcome in branches.critical.items():
        assert outcome.findings is not None, f"no findings of a branch with {outcome.asked}"
        against = [a for a in ADVISORIES if a.library == library and a.severity == CRITICAL]
        wrong = matches(outcome.findings, against)
        assert not wrong, f"a branch with {outcome.asked}: {wrong[0]} by what was uploaded"
    assert branches.high.findings is not None, "no findings of a build that passes"


@check(
    "orders-mended",
    points=2,
    seconds=60,
    hint="Which library of orders is it, and since which version is it mended? Change "
    "orders/requirements.txt, and `./release.sh` builds 1.3.",
)
def test_orders_mended(registry):
    "Release 1.3 of orders has its program and its libraries, and nothing critical"
    there = _contents(registry, "1.3")
    bad = [a for a in there.advisories() if a.severity == CRITICAL]
    assert not bad, f"orders 1.3 has {bad[0].names[0]} ({bad[0].library})"
    source = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()
    assert source in there.named("app.py"), "orders 1.3 has another app.py"
    for library in _LIBRARIES:
        assert there.whole(library), f"orders 1.3 has no whole {library}"
