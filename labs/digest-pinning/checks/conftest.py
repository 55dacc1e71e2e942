"""What all checks of this lab use: the apps and their pods, the registry, and what pods answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

REGISTRY = "registry:5000/"
PINNED = re.compile(
    r"registry:5000/(?P<repository>[a-z0-9/._-]+)(:[\w.-]+)?@(?P<digest>sha256:[0-9a-f]{64})"
)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT = f"{MANIFEST}, application/vnd.oci.image.manifest.v1+json"
_ROLLOUT = 12.0
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


class Registry:
    """The registry, asked from inside its own machine."""

    def __init__(self, probe) -> None:
        self._probe = probe

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        got = self._probe.http(
            "registry", f"https://127.0.0.1:5000{path}", method=method, body=body, headers=named
        )
        assert got.status, f"the registry does not answer: {got.outcome}"
        return got

    def manifest(self, repository: str, reference: str) -> tuple[str, dict]:
        """The digest and the content of what a tag or digest means; fails when it is unknown."""
        got = self.ask("GET", f"/v2/{repository}/manifests/{reference}", Accept=_ACCEPT)
        assert got.status == 200, f"the registry has no {repository} {reference}"
        return digest_of(got.body), json.loads(got.body)

    def config(self, repository: str, manifest: Mapping) -> dict:
        """The configuration of an image, which its manifest names by digest."""
        digest = manifest["config"]["digest"]
        got = self.ask("GET", f"/v2/{repository}/blobs/{digest}")
        assert got.status == 200, "the registry has lost a blob"
        assert digest_of(got.body) == digest, "the registry has changed a blob"
        return dict(json.loads(got.body))

    def tags(self, repository: str) -> list[str]:
        got = self.ask("GET", f"/v2/{repository}/tags/list")
        return list(json.loads(got.body).get("tags") or []) if got.status == 200 else []

    def push(self, repository: str, blob: bytes) -> None:
        """Upload a blob in one request."""
        got = self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert got.status == 202, f"the registry takes no upload: {got.status}"
        where = re.sub(r"^https?://[^/]+", "", got.headers["location"])
        where += "&digest=" + digest_of(blob).replace(":", "%3A")
        got = self.ask("PUT", where, blob, Content_Type="application/octet-stream")
        assert got.status == 201, f"the registry takes no blob: {got.status}"

    def tag(self, repository: str, tag: str, manifest: bytes, kind: str) -> None:
        got = self.ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, Content_Type=kind)
        assert got.status == 201, f"the registry takes no manifest: {got.status}"

    def overwrite(self, repository: str, digest: str) -> str:
        """Give every tag of a repository to an image of our own; returns the key that it has.

        It is the image of `digest` with another key, as nobody has ever seen it.
        """
        _, manifest = self.manifest(repository, digest)
        config = self.config(repository, manifest)
        key = secrets.token_hex(8)
        config["config"]["Env"] = [f"KEY={key}"]
        blob = json.dumps(config).encode()
        self.push(repository, blob)
        own = {**manifest["config"], "digest": digest_of(blob), "size": len(blob)}
        whole = json.dumps({**manifest, "config": own}).encode()
        for tag in {*self.tags(repository), "latest"}:
            self.tag(repository, tag, whole, manifest.get("mediaType", MANIFEST))
        return key


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


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
def rolled_out(kube):
    """A function: the Deployment of an app and its pods, once all are of its newest version.

    Fails with why they are not.
    """

    def of(app: App, seconds: float = _ROLLOUT):
        until = time.monotonic() + seconds
        while True:
            deployment = kube.get(app.path)
            assert deployment, f"the Deployment {app.namespace}/{app.name} is gone"
            spec, status = deployment["spec"], deployment.get("status", {})
            wanted = spec.get("replicas", 1)
            assert wanted, f"{app.name} is shut down: it is to run in {app.namespace}"
            counts = [status.get(k, 0) for k in ("replicas", "updatedReplicas", "readyReplicas")]
            newest = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
            pods = kube.pods(app.namespace, spec["selector"]["matchLabels"])
            if newest and counts == [wanted] * 3 and len(pods) == wanted:
                return deployment, pods
            if time.monotonic() > until:
                failing = (c for c in status.get("conditions", []) if c["status"] == "False")
                why = "; ".join(c["message"] for c in failing)
                raise AssertionError(f"{app.name} has pods that do not run: {why}")
            time.sleep(0.3)

    return of


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
