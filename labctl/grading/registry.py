"""A lab's image registry, asked and filled from outside: for checks about images.

The registry is a machine with the add-on's image. It is spoken to from inside its own network
namespace, as the OCI distribution spec has it
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labctl.environment.outside import Http
from labctl.grading.evidence import Connectivity

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT = f"{_MANIFEST}, application/vnd.oci.image.manifest.v1+json"
_PORT = 5000
_PART = 1 << 16  # bytes: what the probe keeps of an answer's body
_LARGEST = 16 << 20
_LAYERS = 8


def digest_of(content: bytes) -> str:
    """What a registry calls this content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _object(content: bytes) -> dict[str, Any]:
    """An object of JSON. Learners may push what they like; a bad one fails, and breaks nothing."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    assert isinstance(found, dict), "the registry has something that is no image"
    return found


@dataclass(frozen=True)
class Image:
    """An image of a registry: where it is, its manifest, and its configuration."""

    repository: str
    digest: str
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its programs find."""
        lines = self.config["config"].get("Env") or []
        return {name: value for name, _, value in (str(line).partition("=") for line in lines)}


class Registry:
    """The registry in a machine. What it should know and does not is an AssertionError."""

    def __init__(self, probe: Connectivity, machine: str = "registry") -> None:
        self._probe = probe
        self._machine = machine

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Http:
        """One request; `Content_Type` is the header Content-Type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"https://127.0.0.1:{_PORT}{path}"
        got = self._probe.http(self._machine, url, method=method, body=body, headers=named)
        assert got.status, f"the registry does not answer: {got.outcome}"
        return got

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository; none, when there is no such repository."""
        got = self.ask("GET", f"/v2/{repository}/tags/list")
        return list(_object(got.body).get("tags") or []) if got.status == 200 else []

    def find(self, repository: str, reference: str) -> tuple[str, dict[str, Any]] | None:
        """The digest and the content of the manifest that a tag or digest means."""
        got = self.ask("GET", f"/v2/{repository}/manifests/{reference}", Accept=_ACCEPT)
        if got.status != 200:
            return None
        digest = digest_of(got.body)
        right = reference == digest or not reference.startswith("sha256:")
        assert right, f"the registry has changed a manifest of {repository}"
        return digest, _object(got.body)

    def blob(self, repository: str, digest: str) -> bytes:
        """A blob, which has the digest; of 16 MiB at most."""
        content, whole = b"", False
        while not whole:
            part = f"bytes={len(content)}-{len(content) + _PART - 1}"
            got = self.ask("GET", f"/v2/{repository}/blobs/{digest}", Range=part)
            if got.status != 416 or not content:  # 416: it ended where the last part did
                assert got.status in (200, 206), f"the registry has lost a blob of {repository}"
                content += got.body
            assert len(content) <= _LARGEST, f"a blob of {repository} is larger than 16 MiB"
            whole = got.status != 206 or len(got.body) < _PART
        assert digest_of(content) == digest, f"the registry has changed a blob of {repository}"
        return content

    def layers(self, image: Image) -> list[bytes]:
        """The archives of files that an image is made of, as they were pushed, lowest first."""
        named = image.manifest.get("layers")
        digests = [
            str(layer.get("digest")) if isinstance(layer, dict) else ""
            for layer in (named if isinstance(named, list) else [])
        ]
        assert len(digests) <= _LAYERS, f"{image.repository} has more than {_LAYERS} layers"
        return [self.blob(image.repository, digest) for digest in digests]

    def image(self, repository: str, reference: str) -> Image:
        """What a tag or digest means."""
        found = self.find(repository, reference)
        assert found, f"the registry has no {repository} {reference}"
        digest, manifest = found
        named = manifest.get("config")
        assert isinstance(named, dict), f"{repository} {reference} is no image for one platform"
        config = _object(self.blob(repository, str(named.get("digest"))))
        if not isinstance(config.get("config"), dict):
            config["config"] = {}
        return Image(repository, digest, manifest, config)

    def push(self, repository: str, blob: bytes) -> dict[str, Any]:
        """Upload a blob; what a manifest says of it."""
        got = self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert got.status == 202, f"the registry takes no upload: {got.status}"
        where = re.sub(r"^https?://[^/]+", "", got.headers["location"])
        where += "&digest=" + digest_of(blob).replace(":", "%3A")
        got = self.ask("PUT", where, blob, Content_Type="application/octet-stream")
        assert got.status == 201, f"the registry takes no blob: {got.status}"
        return {"digest": digest_of(blob), "size": len(blob)}

    def tag(self, repository: str, tag: str, manifest: Mapping[str, Any]) -> str:
        """Have a tag mean this manifest from now on; its digest."""
        body = json.dumps(manifest).encode()
        kind = manifest.get("mediaType", _MANIFEST)
        got = self.ask("PUT", f"/v2/{repository}/manifests/{tag}", body, Content_Type=kind)
        assert got.status == 201, f"the registry takes no manifest: {got.status}"
        return digest_of(body)

    def vary(self, image: Image, *tags: str) -> Image:
        """Push an image that nobody has ever seen, under these tags, or by its digest alone.

        It is `image` with nothing but another KEY in its environment.
        """
        config = {
            **image.config,
            "config": {**image.config["config"], "Env": [f"KEY={secrets.token_hex(8)}"]},
        }
        pushed = self.push(image.repository, json.dumps(config).encode())
        manifest = {**image.manifest, "config": {**image.manifest["config"], **pushed}}
        digest = digest_of(json.dumps(manifest).encode())
        for reference in tags or (digest,):
            self.tag(image.repository, reference, manifest)
        return Image(image.repository, digest, manifest, config)
