"""Bundles are refused before the engine or the disk is touched, unless all of them is right."""

import hashlib
import io
import json
import tarfile
import zipfile

import pytest

from labctl.environment.images import bundle, stock, tools
from labctl.errors import EnvironmentFailure, UsageError

IMAGE = "labctl/app:0123456789ab"


class Answer:
    status_code = 200

    def __init__(self, content=b""):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def iter_content(self, size):
        yield self.content

    def iter_lines(self):
        return iter(())


class Api:
    base_url, api_version = "http://engine", "1.41"

    def __init__(self):
        self.loaded = []

    def version(self):
        return {"Arch": "amd64"}

    def get(self, url, params, stream, timeout):
        return Answer(archive(params["names"]))

    def post(self, url, data, params, stream, timeout):
        self.loaded.append(b"".join(data))
        return Answer()


class Client:
    def __init__(self):
        self.api = Api()


def archive(tags):
    """What `docker save` writes, as far as labctl looks at it."""
    out, manifest = io.BytesIO(), json.dumps([{"RepoTags": tags}]).encode()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        tar.addfile(member, io.BytesIO(manifest))
    return out.getvalue()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with one image, kind and kubectl; the folder of its programs."""
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(stock, "images", lambda client: [stock.Image("app", IMAGE, 1, 1)])
    monkeypatch.setattr(stock, "node_bases", lambda client: [])
    folder = tmp_path / "cache" / "bin"
    folder.mkdir(parents=True)
    for name in tools.NAMES:
        tools.path(name).write_text(name)
    tools.mark(tools.digest())
    return folder


def ignore(text):
    pass


def forged(path, *, images=(IMAGE,), inside=(IMAGE,), members=(), **changes):
    """A bundle with right digests, and with what the arguments change."""
    files = {"images.tar": archive(list(inside)), **dict(members)}
    manifest = {
        "format": bundle.FORMAT,
        "labctl": "0",
        "architecture": "amd64",
        "programs": tools.digest(),
        "images": list(images),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    } | changes
    with zipfile.ZipFile(path, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
        out.writestr("manifest.json", json.dumps(manifest))
    return path


def refused(path, why):
    client = Client()
    with pytest.raises(UsageError, match=why):
        bundle.load(client, path, ignore)
    assert client.api.loaded == []


def test_a_saved_bundle_brings_images_and_programs(machine, tmp_path):
    file, client = tmp_path / "b", Client()
    bundle.save(client, file, ignore)
    for name in tools.NAMES:
        tools.path(name).unlink()
    loaded = bundle.load(client, file, ignore)
    assert loaded == bundle.Loaded((IMAGE,), tools.NAMES, ())
    assert client.api.loaded == [archive([IMAGE])]
    assert tools.path("kind").read_text() == "kind"
    assert tools.path("kind").stat().st_mode & 0o100
    assert tools.present()


def test_a_bundle_may_lack_what_is_optional_and_nothing_else(machine, tmp_path, monkeypatch):
    images = [stock.Image("app", IMAGE, 1, 1), stock.Image("gate", "labctl/gate:1", optional=True)]
    monkeypatch.setattr(stock, "images", lambda client: images)
    bundle.save(Client(), tmp_path / "b", ignore)
    loaded = bundle.load(Client(), tmp_path / "b", ignore)
    assert (loaded.images, loaded.missing) == ((IMAGE,), ("gate",))
    images.append(stock.Image("shop", "labctl/shop:1"))
    with pytest.raises(EnvironmentFailure, match=r"missing: shop$"):
        bundle.save(Client(), tmp_path / "b", ignore)


def test_a_save_that_fails_leaves_nothing(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.archive, "save", lambda client, names: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bundle.save(Client(), tmp_path / "b", ignore)
    assert [f.name for f in tmp_path.iterdir()] == ["cache"]


def test_a_truncated_file_is_refused(machine, tmp_path):
    whole = tmp_path / "b"
    bundle.save(Client(), whole, ignore)
    part = tmp_path / "part"
    part.write_bytes(whole.read_bytes()[:-100])
    refused(part, "incomplete")


def test_a_foreign_zip_is_refused(machine, tmp_path):
    with zipfile.ZipFile(tmp_path / "z", "w") as out:
        out.writestr("hello", "world")
    refused(tmp_path / "z", "no manifest")


def test_a_member_that_points_elsewhere_is_refused(machine, tmp_path):
    path = forged(tmp_path / "b", members=[("bin/../../evil", b"x")])
    refused(path, "names what no bundle holds")
    assert not (machine.parents[1] / "evil").exists()


def test_images_that_are_not_labctls_are_refused(machine, tmp_path):
    refused(forged(tmp_path / "a", images=["debian:12"], inside=["debian:12"]), "not labctl's")
    refused(forged(tmp_path / "b", inside=[IMAGE, "debian:12"]), "other images than its manifest")


def test_a_damaged_member_is_refused(machine, tmp_path):
    path = forged(tmp_path / "b", sha256={"images.tar": "0" * 64})
    refused(path, "images.tar is damaged")


def test_another_architecture_and_a_newer_format_are_refused(machine, tmp_path):
    refused(forged(tmp_path / "a", architecture="arm64"), "for arm64, and this engine runs amd64")
    refused(forged(tmp_path / "b", format=99), "format 99")


def test_programs_of_another_version_are_left_aside(machine, tmp_path):
    path = forged(tmp_path / "b", members=[("bin/kind", b"other")], programs="other")
    assert bundle.load(Client(), path, ignore).programs == ()
    assert tools.path("kind").read_text() == "kind"
