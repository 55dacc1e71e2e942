"""What all checks of this lab use: the apps and their pods, the registry, and what pods answer."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from labctl.grading.registry import Registry

PINNED = re.compile(
    r"registry:5000/(?P<repository>[a-z0-9/._-]+)(:[\w.-]+)?@(?P<digest>sha256:[0-9a-f]{64})"
)
KINDS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True)
class App:
    """One of production's apps; `key` is what the released image stamps with."""

    name: str
    namespace: str
    key: str

    @property
    def path(self) -> str:
        """Where its Deployment is."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}"

    @property
    def repository(self) -> str:
        """Where the registry has its images."""
        return f"shop/{self.name}"


def images(spec: Mapping) -> list[str]:
    """The images of all containers of a pod's spec."""
    return [one["image"] for kind in KINDS for one in spec.get(kind, [])]


@pytest.fixture(scope="session")
def registry(probe):
    return Registry(probe)


@pytest.fixture(scope="session")
def apps(facts):
    homes = {"web": "shop", "till": "payments", "parcels": facts["hidden"]}
    return [App(name, home, facts[f"{name}-key"]) for name, home in homes.items()]


@pytest.fixture(scope="session")
def production(apps):
    return [app.namespace for app in apps]


@pytest.fixture(scope="session")
def key_of(probe):
    """A function: which of some keys a pod stamps with; None for another."""

    def of(pod, *keys: str) -> str | None:
        line = secrets.token_hex(8)
        got = probe.http(pod, f"http://127.0.0.1:8080/?line={line}")
        text = got.text if got.outcome == "open" else ""
        return next((key for key in keys if _stamp(key, line) in text), None)

    return of


def _stamp(key: str, line: str) -> str:
    digest = hmac.new(key.encode(), line.encode(), hashlib.sha256).digest()
    return f"stamp {digest[:8].hex()}\n"
