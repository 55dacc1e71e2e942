"""What all checks of this lab use: the apps, their stamps, and the grader's way into Vault."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from labctl.grading.rollout import rolled_out

# Where the keeper of Vault has put the root token; `{}` is the pod's id.
KEEPER = "/var/lib/kubelet/pods/{}/volumes/kubernetes.io~empty-dir/keys/root-token"
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


class Vault:
    """Vault, with all rights, asked from the cluster's node."""

    def __init__(self, kube, kernel, probe) -> None:
        pods = kube.pods("vault", {"app.kubernetes.io/name": "vault"})
        assert pods, "Vault does not run"
        self._probe, self._pod = probe, pods[0]
        # From the node's disk: what runs in the pod has no say in it.
        token = kernel.read("cluster", KEEPER.format(self._pod.uid))
        assert token, "what unseals Vault is gone"
        self.token = token.decode()

    @property
    def image(self) -> str:
        """The image that Vault itself runs from."""
        return self._pod.raw["spec"]["containers"][0]["image"]

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """The status and the data of an answer."""
        got = self._probe.http(
            "cluster",
            f"https://{self._pod.ip}:8200/v1/{path}",
            timeout=5.0,
            method=method,
            headers={"X-Vault-Token": token or self.token},
            body=json.dumps(body).encode() if body is not None else b"",
        )
        assert got.outcome == "open", f"Vault does not answer ({got.outcome})"
        assert got.status != 503, "Vault is sealed"
        try:
            data = json.loads(got.body or b"{}")
        except ValueError:
            raise AssertionError(f"what Vault says of {path} is no JSON, or too much") from None
        return got.status, data if isinstance(data, dict) else {}

    def password(self, app: App) -> str | None:
        """What Vault has for an app now."""
        status, answer = self.ask("GET", app.path)
        assert status != 403, "the grader's token was taken away: Vault is not what it was"
        data = (answer.get("data") or {}).get("data") or {}
        found = data.get("password") if status == 200 else None
        return found if isinstance(found, str) else None

    def keep(self, app: App, password: str) -> None:
        """Write a new version, with whatever else stands there."""
        _, answer = self.ask("GET", app.path)
        data = {**answer["data"]["data"], "password": password}
        status, _ = self.ask("POST", app.path, {"data": data})
        assert status == 200, f"Vault takes no new password for {app.name}"


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
        assert served.pid == kernel.process(only(pod, app.name)).pid, (
            f"another program answers for {app.name}"
        )
    return deployment, pods


def only(pod, container: str):
    """A pod as if it had this container alone, to ask the kernel about."""
    ids = [
        one["containerID"].rpartition("//")[2]
        for one in pod.raw["status"].get("containerStatuses", [])
        if one["name"] == container and one.get("containerID")
    ]
    assert ids, f"{pod.name} has no container called {container}"
    return replace(pod, container_ids=tuple(ids))


def in_use(vault: Vault, probe, app: App, pods) -> str:
    """The password that all pods of an app use: what leaked, or what Vault has."""
    for password in (app.leaked, vault.password(app)):
        if password and all(stamps(probe, pod, password) for pod in pods):
            return password
    raise AssertionError(f"{app.name} uses neither what Vault has in {app.path} nor what it had")


def spellings(words: Iterable[str]) -> set[bytes]:
    """How words may stand somewhere: as they are, or in base64, wherever they begin in it."""
    found = set()
    for word in words:
        found.add(word.encode())
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + word.encode()).decode().rstrip("=")
            # Without the signs that depend on what stands before and behind.
            found.add(text[(0, 2, 3)[shift] : len(text) - bool((len(word) + shift) % 3)].encode())
    return found


@pytest.fixture(scope="session")
def apps(facts):
    homes = {"till": "payments", "parcels": facts["hidden"]}
    return [App(name, home, facts[f"{name}-password"]) for name, home in homes.items()]


@pytest.fixture(scope="session")
def vault(kube, kernel, probe):
    return Vault(kube, kernel, probe)
