"""A registry is asked as the distribution spec has it, and what it gives is not just believed."""

from __future__ import annotations

import json
import secrets
from types import SimpleNamespace

import pytest

from labctl.grading.registry import Registry, digest_of

PART = 1 << 16
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
        if found is None:
            return self.answer(404)
        if "Range" not in headers:
            return self.answer(200, found)
        first, last = map(int, headers["Range"].removeprefix("bytes=").split("-"))
        assert last - first < PART
        return self.answer(206, found[first : last + 1]) if first < len(found) else self.answer(416)

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


@pytest.mark.parametrize("size", [1, PART - 1, PART, PART + 1, 3 * PART, 200_000])
def test_a_blob_is_read_in_parts(registry, probe, size):
    content = secrets.token_bytes(size)
    probe.blobs[digest_of(content)] = content
    assert registry.blob("shop/web", digest_of(content)) == content


def test_a_registry_that_knows_no_parts_is_asked_once(registry, probe):
    probe.http = lambda *a, **k: probe.answer(200, CONFIG)
    assert registry.blob("shop/web", digest_of(CONFIG)) == CONFIG


def test_a_blob_has_an_end(registry, probe, monkeypatch):
    monkeypatch.setattr("labctl.grading.registry._LARGEST", 2 * PART)
    content = bytes(3 * PART)
    probe.blobs[digest_of(content)] = content
    with pytest.raises(AssertionError, match="larger than"):
        registry.blob("shop/web", digest_of(content))


def test_layers_are_read_lowest_first(registry, probe):
    blobs = [b"first", b"second"]
    probe.blobs |= {digest_of(blob): blob for blob in blobs}
    layers = [{"digest": digest_of(blob)} for blob in blobs]
    probe.put("v2", json.dumps({**MANIFEST, "layers": layers}).encode())
    assert registry.layers(registry.image("shop/web", "v2")) == blobs
    for odd in ([{"digest": 1}], ["x"], layers * 9):
        probe.put("odd", json.dumps({**MANIFEST, "layers": odd}).encode())
        with pytest.raises(AssertionError):
            registry.layers(registry.image("shop/web", "odd"))
    probe.put("none", json.dumps({**MANIFEST, "layers": None}).encode())
    assert registry.layers(registry.image("shop/web", "none")) == []
