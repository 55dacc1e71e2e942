"""Vault as the add-on `vault` runs it, asked with all rights: for checks about what is in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from labctl.environment.kubeapi import KubeAPI
from labctl.grading.evidence import Connectivity, Kernel

# Where the keeper of Vault has put the root token; `{}` is the pod's id.
_KEEPER = "/var/lib/kubelet/pods/{}/volumes/kubernetes.io~empty-dir/keys/root-token"


class Vault:
    """Asked from the cluster's node. What is amiss with it is an AssertionError."""

    def __init__(self, kube: KubeAPI, kernel: Kernel, probe: Connectivity) -> None:
        pods = kube.pods("vault", {"app.kubernetes.io/name": "vault"})
        assert pods, "Vault does not run"
        self._probe, self._pod = probe, pods[0]
        # From the node's disk: what runs in the pod has no say in it.
        token = kernel.read("cluster", _KEEPER.format(self._pod.uid))
        assert token, "what unseals Vault is gone"
        self.token = token.decode()

    @property
    def image(self) -> str:
        """The image that Vault itself runs from."""
        return str(self._pod.raw["spec"]["containers"][0]["image"])

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

    def password(self, path: str) -> str | None:
        """The `password` in a secret now, as in `secret/data/till`."""
        status, answer = self.ask("GET", path)
        assert status != 403, "the grader's token was taken away: Vault is not what it was"
        data = (answer.get("data") or {}).get("data") or {}
        found = data.get("password") if status == 200 else None
        return found if isinstance(found, str) else None

    def keep(self, path: str, password: str) -> None:
        """Write a new version, with whatever else stands there."""
        _, answer = self.ask("GET", path)
        data = {**answer["data"]["data"], "password": password}
        status, _ = self.ask("POST", path, {"data": data})
        assert status == 200, f"Vault takes no new password in {path}"


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
