"""Add-ons are read strictly; those that come with labctl are whole."""

import re

import pytest

from labctl.errors import DefinitionError
from labctl.lab import addons


@pytest.fixture
def guard(tmp_path, monkeypatch):
    """A whole add-on, `guard`."""
    monkeypatch.setattr("labctl.paths.clusters_dir", lambda: tmp_path)
    folder = tmp_path / "addons" / "guard"
    (folder / "manifests").mkdir(parents=True)
    (folder / "addon.yaml").write_text("format: 1\nabout: Guards\nversion: v1.2.3\n")
    (folder / "manifests" / "20-rest.yaml").write_text("")
    (folder / "manifests" / "10-crds.yaml").write_text("")
    (folder / "ready").write_text("true\n")
    for image in ("gate", "key"):
        (folder / "images" / image).mkdir(parents=True)
        (folder / "images" / image / "Dockerfile").write_text("FROM scratch\n")
    return folder


def test_an_add_on_is_what_its_folder_says(guard):
    addon = addons.load("guard")
    assert (addon.name, addon.version, addon.seconds) == ("guard", "v1.2.3", 120)
    assert [file.name for file in addon.manifests] == ["10-crds.yaml", "20-rest.yaml"]
    assert addons.folders() == {"guard": guard}
    assert addons.images_of("guard") == ["gate", "key"]
    assert addons.images_of("other") == []


def test_its_objects_are_those_of_its_manifests(guard):
    (guard / "manifests" / "20-rest.yaml").write_text(
        "{kind: Service, metadata: {name: gate, namespace: guards}}\n"
        "---\n---\n"
        "{kind: Namespace, metadata: {name: guards}}\n"
    )
    wanted = {("Service", "guards", "gate"), ("Namespace", "", "guards")}
    assert addons.objects_of(["guard"]) == wanted
    assert addons.objects_of([]) == addons.objects_of(["other"]) == set()


def test_all_that_is_wrong_is_told_at_once(guard):
    (guard / "addon.yaml").write_text("format: 1\nabout: Guards\nverison: v1\n")
    with pytest.raises(DefinitionError, match="The add-on `guard` has 2 problems") as caught:
        addons.load("guard")
    assert "addon.yaml:3: verison: unknown key `verison`" in caught.value.details
    (guard / "addon.yaml").write_text("format: 1\nabout: Guards\nversion: v1\n")
    (guard / "ready").unlink()
    for file in guard.glob("manifests/*"):
        file.unlink()
    with pytest.raises(DefinitionError, match="2 problems") as caught:
        addons.load("guard")
    assert "no manifests/*.yaml" in caught.value.details
    assert "no script `ready`" in caught.value.details


@pytest.mark.parametrize("name", addons.folders())
def test_our_own_add_ons_are_whole_and_built_from_the_version_that_they_tell(name):
    addon = addons.load(name)
    locks = [addon.folder / "images" / image / "go.mod" for image in addons.images_of(name)]
    locked = "".join(lock.read_text() for lock in locks if lock.is_file())
    assert re.search(rf"^require \S+ {re.escape(addon.version)}$", locked, re.MULTILINE)
    images = {f"$image_{image.replace('-', '_')}" for image in addons.images_of(name)}
    used = set(re.findall(r"\$image_\w+", "".join(f.read_text() for f in addon.manifests)))
    assert used == images
