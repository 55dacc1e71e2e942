"""What all checks of this lab use: the apps, keys and signatures, and a court that tries pods."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from labctl.grading.registry import Image, Registry

# How cosign writes a signature: github.com/sigstore/cosign, specs/SIGNATURE_SPEC.md.
_SIGNATURE = "dev.cosignproject.cosign/signature"
_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_KIND = "cosign container image signature"
# What its refusals begin with; without an answer, the API server says `failed calling`.
_VERDICT = 'admission webhook "policy.sigstore.dev" denied the request'


@dataclass(frozen=True)
class App:
    """One of production's apps; `key` is what its released image stamps with."""

    name: str
    namespace: str
    key: str

    @property
    def repository(self) -> str:
        """Where the registry has its images."""
        return f"shop/{self.name}"


class Key:
    """A key to sign with, made from a text as the lab's setup makes it."""

    def __init__(self, text: str) -> None:
        number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
        self._private = ec.derive_private_key(number, ec.SECP256R1())

    def sign(self, payload: bytes) -> str:
        """The signature, as text."""
        return base64.b64encode(self._private.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()

    def signed(self, payload: bytes, signature: str) -> bool:
        """Whether it is this key's signature of the payload."""
        try:
            made = base64.b64decode(signature)
            self._private.public_key().verify(made, payload, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return True

    def is_public(self, pem: str) -> bool:
        """Whether a text is this key's public half."""
        try:
            other = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            return False
        own = self._private.public_key().public_numbers()
        return isinstance(other, ec.EllipticCurvePublicKey) and other.public_numbers() == own


class Signatures:
    """The signatures in a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def has(self, repository: str, digest: str, key: Key) -> bool:
        """Whether an image is signed with a key: the grader's own look, without cosign."""
        found = self._registry.find(repository, _tag(digest))
        if not found:
            return False
        return any(self._vouches(repository, layer, digest, key) for layer in _layers(found[1]))

    def _vouches(self, repository: str, layer: dict[str, Any], digest: str, key: Key) -> bool:
        payload = self._registry.blob(repository, layer["digest"])
        if not key.signed(payload, layer["annotations"][_SIGNATURE]):
            return False
        try:
            critical = json.loads(payload)["critical"]
            return critical["type"] == _KIND and (
                critical["image"]["docker-manifest-digest"] == digest
            )
        except (ValueError, LookupError, TypeError, RecursionError):
            return False  # the key has signed something else

    def add(self, image: Image, key: Key, *, about: str = "") -> None:
        """Sign an image; with `about`, put a signature of that other digest beside it."""
        critical = {
            "identity": {"docker-reference": f"registry:5000/{image.repository}"},
            "image": {"docker-manifest-digest": about or image.digest},
            "type": _KIND,
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        pushed = self._registry.push(image.repository, payload)
        config = {"architecture": "", "os": "", "config": {}, "history": [{}]}
        config["rootfs"] = {"type": "layers", "diff_ids": [pushed["digest"]]}
        whole = self._registry.push(image.repository, json.dumps(config).encode())
        signature = {_SIGNATURE: key.sign(payload)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, **whole},
            "layers": [{"mediaType": _LAYER, "annotations": signature, **pushed}],
        }
        self._registry.tag(image.repository, _tag(image.digest), manifest)


def _layers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers that look like signatures, whatever else somebody has pushed."""
    layers = manifest.get("layers")
    return [
        layer
        for layer in (layers if isinstance(layers, list) else [])
        if isinstance(layer, dict)
        and isinstance(layer.get("digest"), str)
        and isinstance(layer.get("annotations"), dict)
        and isinstance(layer["annotations"].get(_SIGNATURE), str)
    ]


def _tag(digest: str) -> str:
    """Where cosign looks for the signatures of an image."""
    return digest.replace(":", "-") + ".sig"


@dataclass(frozen=True)
class Trial:
    """A pod to be tried: what is special about it, where, and what its containers run."""

    what: str
    namespace: str
    images: tuple[str, ...]
    inits: tuple[str, ...] = ()

    def pod(self) -> dict[str, Any]:
        """A pod that no node takes, so that it waits if it is let in."""

        def containers(images):
            return [{"name": f"c{i}", "image": image} for i, image in enumerate(images)]

        spec = {
            "containers": containers(self.images),
            "initContainers": [
                {**one, "name": f"i{one['name']}"} for one in containers(self.inits)
            ],
            "nodeSelector": {"disk": secrets.token_hex(3)},
            "terminationGracePeriodSeconds": 0,
        }
        name = f"{secrets.choice(('front', 'queue', 'mail'))}-{secrets.token_hex(3)}"
        return {"metadata": {"name": name}, "spec": spec}


class Court:
    """Really makes pods and removes them again: a trial looks like everybody else's pod."""

    def __init__(self, kube) -> None:
        self._kube = kube

    def verdicts(self, trials: list[Trial]) -> list[str]:
        """For each, why it is refused; empty: it is let in."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._try, trials))

    def let_in(self, trials: list[Trial]) -> list[str]:
        """Those that are not refused by policy-controller, in words."""
        found = []
        for trial, why in zip(trials, self.verdicts(trials), strict=True):
            if not why:
                found.append(f"{trial.what} is let into {trial.namespace}")
            elif _VERDICT not in why:
                found.append(f"{trial.what} in {trial.namespace} is refused by another: {why}")
        return found

    def kept_out(self, trials: list[Trial]) -> list[str]:
        """Those that are refused, in words."""
        tried = zip(trials, self.verdicts(trials), strict=True)
        return [f"{trial.what} in {trial.namespace}: {why}" for trial, why in tried if why]

    def _try(self, trial: Trial) -> str:
        path, pod = f"/api/v1/namespaces/{trial.namespace}/pods", trial.pod()
        answer = self._kube.create(path, pod)
        if not answer.ok:
            return answer.message or "without a word"
        self._kube.delete(f"{path}/{pod['metadata']['name']}")
        return ""


class Stock:
    """Images that nobody has seen before, made from the apps' own."""

    def __init__(self, registry: Registry, signatures: Signatures, apps, keys) -> None:
        self._registry, self._signatures = registry, signatures
        self._apps, self._keys = apps, keys

    @cached_property
    def _released(self) -> list[Image]:
        return [self._registry.image(app.repository, "v1.2") for app in self._apps]

    def unsigned(self) -> Image:
        """One without any signature."""
        return self._registry.vary(secrets.choice(self._released))

    def signed(self, who: str) -> Image:
        """One that the key of `who` has signed."""
        image = self.unsigned()
        self._signatures.add(image, self._keys[who])
        return image

    def misled(self) -> Image:
        """One with a signature by the release key, of another image."""
        image = self.unsigned()
        self._signatures.add(image, self._keys["release"], about=self.signed("release").digest)
        return image

    def moved(self) -> str:
        """The name of a tag that meant a signed image a moment ago."""
        image, tag = self.signed("release"), f"v{secrets.randbelow(10**6)}"
        self._registry.tag(image.repository, tag, image.manifest)
        self._registry.vary(image, tag)
        return f"registry:5000/{image.repository}:{tag}"


def name_of(image: Image) -> str:
    """What pods call it."""
    return f"registry:5000/{image.repository}@{image.digest}"


@pytest.fixture(scope="session")
def registry(probe):
    return Registry(probe)


@pytest.fixture(scope="session")
def signatures(registry):
    return Signatures(registry)


@pytest.fixture(scope="session")
def keys(facts):
    """Who can sign: `release` and `developers` as the lab has them, and a `stranger`."""
    return {
        "release": Key(f"release {facts['release-secret']}"),
        "developers": Key(f"developers {facts['developers-secret']}"),
        "stranger": Key(secrets.token_hex(16)),
    }


@pytest.fixture(scope="session")
def apps(facts):
    homes = {"web": "shop", "till": "payments", "parcels": facts["hidden"]}
    return [App(name, home, facts[f"{name}-key"]) for name, home in homes.items()]


@pytest.fixture(scope="session")
def production(apps):
    return [app.namespace for app in apps]


@pytest.fixture(scope="session")
def stock(registry, signatures, apps, keys):
    return Stock(registry, signatures, apps, keys)


@pytest.fixture(scope="session")
def court(kube):
    return Court(kube)
