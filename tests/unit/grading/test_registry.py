"""A registry is asked as the distribution spec has it, and what it gives is not just believed."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from labctl.grading.registry import Registry, digest_of

CONFIG = json.dumps({"config": {"Env": ["KEY=one", "PATH=/bin"]}}).encode()
MANIFEST = {"config": {"digest": digest_of(CONFIG), "size": len(CONFIG)}, "layers": []}


class Probe:
    """A registry with one repository, `shop/web`."""

    def __init__(self):
        self.blobs, self.manifests = {digest_of(CONFIG): CONFIG}, {}
        self.put("v1", json.dumps(MANIFEST).encode())

    def put(self, reference, body):
        self.manifests[reference] = self.manifests[digest_of(body)] = body

    def http(self, machine, url, *, method, body, headers):
        assert machine == "registry"
        rest = url.removeprefix("https://127.0.0.1:5000/v2/shop/web/")
        kind, _, name = rest.partition("/")
        if method == "POST":
            return self.answer(202, location="https://registry:5000/v2/shop/web/upload/1?state=2")
        if method == "PUT" and kind == "upload":
            self.blobs[name.partition("digest=")[2].replace("%3A", ":")] = body
            return self.answer(201)
        if method == "PUT":
            self.put(name, body)
            return self.answer(201)
        if kind == "tags":
            return self.answer(200, b'{"tags": ["v1"]}')
        found = (self.blobs if kind == "blobs" else self.manifests).get(name)
        return self.answer(404) if found is None else self.answer(200, found)

    @staticmethod
    def answer(status, body=b"", **headers):
        return SimpleNamespace(status=status, body=body, headers=headers, outcome="open")


@pytest.fixture
def probe():
    return Probe()


@pytest.fixture
def registry(probe):
    return Registry(probe)


def test_an_image_is_read(registry):
    image = registry.image("shop/web", "v1")
    assert image == registry.image("shop/web", image.digest)
    assert image.environment == {"KEY": "one", "PATH": "/bin"}
    assert registry.tags("shop/web") == ["v1"]
    assert registry.find("shop/web", "v2") is None
    with pytest.raises(AssertionError, match="has no shop/web v2"):
        registry.image("shop/web", "v2")


def test_a_variation_is_another_image_of_the_same_program(registry):
    first = registry.image("shop/web", "v1")
    made = registry.vary(first, "v1", "latest")
    assert made == registry.image("shop/web", "latest") == registry.image("shop/web", "v1")
    assert made.digest != first.digest
    assert made.environment["KEY"] not in ("one", "")
    assert made.manifest["layers"] == first.manifest["layers"]
    alone = registry.vary(first)
    assert registry.image("shop/web", alone.digest) == alone


@pytest.mark.parametrize("content", [b"no json", b"[]", b"[" * 60000, b'{"config": 5}'])
def test_what_is_no_image_fails_and_breaks_nothing(registry, probe, content):
    probe.put("odd", content)
    with pytest.raises(AssertionError):
        registry.image("shop/web", "odd")


def test_an_image_without_settings_is_one(registry, probe):
    bare = b'{"config": null}'
    probe.blobs[digest_of(bare)] = bare
    probe.put("bare", json.dumps({**MANIFEST, "config": {"digest": digest_of(bare)}}).encode())
    assert registry.image("shop/web", "bare").environment == {}


def test_what_a_registry_changes_is_noticed(registry, probe):
    image = registry.image("shop/web", "v1")
    probe.manifests[image.digest] = b"{}"
    with pytest.raises(AssertionError, match="changed a manifest"):
        registry.image("shop/web", image.digest)
    probe.blobs[digest_of(CONFIG)] = b"{}"
    with pytest.raises(AssertionError, match="changed a blob"):
        registry.image("shop/web", "v1")
