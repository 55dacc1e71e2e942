"""What all checks of this lab use: the shop as it runs, and pods that nobody has made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from labctl.grading import newcomers as grading_newcomers
from labctl.grading.dials import End, Network
from labctl.grading.pipeline import Pipeline
from labctl.grading.registry import Registry
from labctl.grading.rollout import rolled_out
from labctl.grading.vault import Vault

LISTEN = 8080
ROLLOUT = 25.0
# The platform's own namespaces, which the rule about root is not for.
EXEMPT = ("kube-system", "gatekeeper-system", "vault")


@dataclass(frozen=True)
class App:
    """One of the shop's apps; `leaked` is the password that it had before, empty if it has none."""

    name: str
    namespace: str
    leaked: str = ""

    @property
    def path(self) -> str:
        """Where Vault keeps its password."""
        return f"secret/data/{self.name}"


@dataclass(frozen=True)
class Shop:
    """The apps, and the pods of each as it was last told to be."""

    apps: Mapping[str, App]
    pods: Mapping[str, tuple]

    def end(self, name: str) -> End:
        """An app's pod as the end of a connection."""
        pod = self.pods[name][0]
        return End(name, pod, pod.ip, LISTEN)

    @property
    def with_password(self) -> list[App]:
        """Those that have one."""
        return [app for app in self.apps.values() if app.leaked]


class Court:
    """Asks the cluster, by dry runs, whether it would admit pods."""

    def __init__(self, kube) -> None:
        self._kube = kube

    def why_not(self, namespace: str, spec: Mapping[str, Any]) -> str:
        """Why a pod would be refused there; empty: it would not."""
        name = f"{secrets.choice(('front', 'queue', 'mail', 'sync'))}-{secrets.token_hex(3)}"
        path = f"/api/v1/namespaces/{namespace}/pods"
        body = {"metadata": {"name": name}, "spec": spec}
        answer = self._kube.request("POST", path, params={"dryRun": "All"}, json=body)
        return "" if answer.ok else answer.message or "without a word"

    def odd(self, places, specs: Mapping[str, Mapping[str, Any]], wanted: str) -> list[str]:
        """The pods that are not refused by somebody who says `wanted` (empty: not refused)."""
        trials = [(place, what) for place in places for what in specs]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda t: self.why_not(t[0], specs[t[1]]), trials))
        return [
            f"{what} in {place} is " + (f"refused: {why[-160:]}" if why else "admitted")
            for (place, what), why in zip(trials, answers, strict=True)
            if (wanted not in why if wanted else why)
        ]


def container(**security: Any) -> dict[str, Any]:
    """A careful container; None takes a setting out."""
    careful = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        **security,
    }
    context = {key: value for key, value in careful.items() if value is not None}
    image = f"docker.io/labctl/clerk:{secrets.randbelow(90)}"
    return {"name": f"c{secrets.token_hex(3)}", "image": image, "securityContext": context}


def pod(*containers: dict[str, Any], outer: Mapping[str, Any] | None = None, **spec: Any) -> dict:
    """A careful pod of these containers; `outer` is for the pod's own security context."""
    careful = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        **(outer or {}),
    }
    context = {key: value for key, value in careful.items() if value is not None}
    return {"securityContext": context, "containers": [container(), *containers], **spec}


def told(found: list[str]) -> str:
    """The first few of them."""
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def answers(probe, pod, password: str) -> str:
    """What an app says to a line; fails unless it stamps it with that password (empty: none)."""
    line = secrets.token_hex(8)
    got = probe.http(pod, f"http://127.0.0.1:{LISTEN}/?line={line}")
    assert got.ok, f"{pod.namespace}/{pod.name} does not work: {got.text.strip() or got.outcome}"
    digest = hmac.new(password.encode(), line.encode(), hashlib.sha256).digest()
    good = f"stamp {digest[:8].hex()}\n" in got.text or not password
    assert good, f"{pod.namespace}/{pod.name} stamps with another password"
    return got.text.replace(line, "LINE")


@pytest.fixture(scope="session")
def production(facts):
    return ("storefront", "payments", facts["hidden"])


@pytest.fixture(scope="session")
def shop(kube, kernel, facts):
    """The apps once all are rolled out, each with the lab's own program."""
    apps = {
        "web": App("web", "storefront"),
        "till": App("till", "payments", facts["till-leaked"]),
        "parcels": App("parcels", facts["hidden"], facts["parcels-leaked"]),
    }
    pods = {}
    for name, app in apps.items():
        _, found = rolled_out(kube, app.namespace, name, ROLLOUT)
        for one in found:
            served = kernel.listener(one, LISTEN)
            assert served, f"nothing listens on {LISTEN} in {one.name}"
            own = served.pid == kernel.process(one.only(name)).pid
            assert own, f"another program answers for {name}"
        pods[name] = tuple(found)
    return Shop(apps, pods)


@pytest.fixture(scope="session")
def newcomers(kube, kernel, production):
    """A pod in each production namespace, and a visitor elsewhere that wears web's label."""
    with grading_newcomers.newcomers(kube, kernel, production, "web") as found:
        yield found


@pytest.fixture(scope="session")
def network(probe, shop, newcomers):
    front = shop.end("web")
    return Network(probe, (newcomers.visitor, front, front.port))


@pytest.fixture(scope="session")
def court(kube):
    return Court(kube)


@pytest.fixture(scope="session")
def vault(kube, kernel, probe):
    return Vault(kube, kernel, probe)


@pytest.fixture(scope="session")
def registry(probe):
    return Registry(probe)


@pytest.fixture(scope="session")
def pipeline(probe, kernel):
    return Pipeline(probe, kernel)
