"""What all checks of this lab use: the apps and their stamps."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import pytest

from labctl.grading.rollout import rolled_out
from labctl.grading.vault import Vault

LISTEN = 8080


@dataclass(frozen=True)
class App:
    """One of the shop's apps; `leaked` is the password that it had before."""

    name: str
    namespace: str
    leaked: str

    @property
    def path(self) -> str:
        """Where Vault keeps its password."""
        return f"secret/data/{self.name}"


def stamps(probe, pod, password: str) -> bool:
    """Whether an app stamps a line with a password."""
    line = secrets.token_hex(8)
    got = probe.http(pod, f"http://127.0.0.1:{LISTEN}/?line={line}")
    digest = hmac.new(password.encode(), line.encode(), hashlib.sha256).digest()
    return got.ok and f"stamp {digest[:8].hex()}\n" in got.text


def running(kube, kernel, app: App):
    """An app's Deployment and pods, as it was last told to be: each with the lab's own program."""
    deployment, pods = rolled_out(kube, app.namespace, app.name, 25)
    for pod in pods:
        served = kernel.listener(pod, LISTEN)
        assert served, f"nothing listens on {LISTEN} in {pod.name}"
        assert served.pid == kernel.process(pod.only(app.name)).pid, (
            f"another program answers for {app.name}"
        )
    return deployment, pods


def in_use(vault: Vault, probe, app: App, pods) -> str:
    """The password that all pods of an app use: what leaked, or what Vault has."""
    for password in (app.leaked, vault.password(app.path)):
        if password and all(stamps(probe, pod, password) for pod in pods):
            return password
    raise AssertionError(f"{app.name} uses neither what Vault has in {app.path} nor what it had")


@pytest.fixture(scope="session")
def apps(facts):
    homes = {"till": "payments", "parcels": facts["hidden"]}
    return [App(name, home, facts[f"{name}-password"]) for name, home in homes.items()]


@pytest.fixture(scope="session")
def vault(kube, kernel, probe):
    return Vault(kube, kernel, probe)
