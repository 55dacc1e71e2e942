"""What all checks of this lab use: the apps, and branches that nobody has seen."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import pytest

from labctl.grading.pipeline import Build, Pipeline
from labctl.grading.registry import Registry
from labctl.grading.scan import ADVISORIES, CRITICAL, Contents

# What apps cannot do without.
LIBRARIES = {
    "web": ("ecdsa", "six", "waitress"),
    "till": ("h11", "httpx", "idna"),
    "parcels": ("gunicorn", "mako"),
}
NEXT = "1.3"
# For each library with a critical advisory, how a branch may ask for a version that has it, and
# where the advisory is not to be seen before it is installed.
_BAD = {
    "ecdsa": ("ecdsa==0.13.2", "ecdsa<0.13.3"),
    "waitress": ("waitress==2.1.2", "waitress<3"),
    "httpx": ("httpx==0.22.0", "httpx<0.23"),
    "h11": ("h11==0.14.0", "h11<0.16"),
    "jsonpickle": ("jsonpickle==4.1.1", "jsonpickle"),
}
_GOOD = ("ecdsa==0.19.1", "waitress==3.0.2", "httpx==0.28.1", "h11==0.16.0", "six==1.17.0")
_NOT_CRITICAL = ("gunicorn==21.2.0", "mako==1.2.1", "idna==3.6")


@dataclass(frozen=True)
class Outcome:
    """A branch that went through the pipeline: what it asks for, and what came of it.

    `before` are the findings that were there of its release before it was built.
    """

    libraries: tuple[str, ...]
    source: str
    build: Build
    before: object
    findings: object
    pushed: bool

    @property
    def name(self) -> str:
        """How to call it."""
        return f"a branch with {' and '.join(self.libraries)}"


class Branches:
    """Has the pipeline build branches, once a run, in an order that nobody knows."""

    def __init__(self, pipeline: Pipeline, registry: Registry) -> None:
        self._pipeline, self._registry = pipeline, registry

    @cached_property
    def critical(self) -> Mapping[str, Outcome]:
        """By library: what came of a branch that brings a critical version of it."""
        late = set(random.sample(sorted(_BAD), 3)) | {"jsonpickle"}
        asked = {}
        for library, spellings in _BAD.items():
            other = random.choice([good for good in _GOOD if not good.startswith(library)])
            asked[library] = tuple(random.sample([spellings[library in late], other], 2))
        return self._build(asked)

    @cached_property
    def others(self) -> Mapping[str, Outcome]:
        """What came of two branches without anything critical."""
        high = (random.choice(_NOT_CRITICAL[:2]), random.choice(_GOOD), _NOT_CRITICAL[2])
        return self._build({"high": high, "clean": tuple(random.sample(_GOOD, 2))})

    def contents(self, outcome: Outcome) -> Contents:
        """What is in the image that was pushed."""
        return contents(self._registry, outcome.build.app, outcome.build.release)

    def _build(self, asked: Mapping[str, tuple[str, ...]]) -> Mapping[str, Outcome]:
        order = sorted(asked, key=lambda _: random.random())
        with ThreadPoolExecutor(2) as pool:
            came = dict(zip(order, pool.map(lambda n: self._one(asked[n]), order), strict=True))
        return {name: came[name] for name in asked}

    def _one(self, libraries: tuple[str, ...]) -> Outcome:
        app = random.choice(sorted(LIBRARIES))
        release = f"2.{secrets.randbelow(90)}.{secrets.randbelow(9000)}"
        before = self._pipeline.findings(app, release)
        source = f'"""A branch of {app}."""\n\nVERSION = "{release}"\n'
        files = {"app.py": source, "requirements.txt": "\n".join(libraries) + "\n"}
        build = self._pipeline.build(app, release, files)
        pushed = self._registry.find(f"shop/{app}", release) is not None
        findings = self._pipeline.findings(app, release)
        return Outcome(libraries, source, build, before, findings, pushed)


def contents(registry: Registry, app: str, release: str) -> Contents:
    """What is in an app's image."""
    image = registry.image(f"shop/{app}", release)
    return Contents.of(registry.layers(image))


def against(library: str):
    """The advisories about a critical version of a library."""
    return [one for one in ADVISORIES if one.library == library and one.severity == CRITICAL]


@pytest.fixture(scope="session")
def registry(probe):
    return Registry(probe)


@pytest.fixture(scope="session")
def pipeline(probe, kernel):
    return Pipeline(probe, kernel)


@pytest.fixture(scope="session")
def branches(pipeline, registry):
    return Branches(pipeline, registry)
