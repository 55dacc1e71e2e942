"""Recipes: what they stand on, when their images change, and what the engine is sent."""

import os

import pytest

from labctl.environment.images import recipe
from labctl.errors import DefinitionError


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A checkout with the shared recipe `shop` and the lab `leak`, which has one of its own."""
    shared, lab = tmp_path / "clusters" / "images", tmp_path / "labs" / "leak"
    write(shared / "base" / "packages", "ca-certificates")
    write(shared / "tool" / "Dockerfile", "FROM scratch\nCOPY bin/tool /tool\n")
    write(shared / "tool" / "go.mod", "module tool\n")
    write(
        shared / "shop" / "Dockerfile",
        "FROM labctl/base AS shop\nCOPY --from=labctl/tool /tool /\n",
    )
    write(tmp_path / "clusters" / "node-image" / "go.mod", "module node\n")
    write(lab / "environment" / "app" / "Dockerfile", "FROM labctl/shop\n")
    write(lab / "lab.yaml", "machines: {c: {provider: kind, images: [app, tool]}}")
    monkeypatch.setattr("labctl.paths.clusters_dir", lambda: tmp_path / "clusters")
    monkeypatch.setattr("labctl.paths.labs_dir", lambda: tmp_path / "labs")
    return shared


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def reference(name, architecture="amd64"):
    return recipe.read(architecture).reference(name)


def test_a_recipe_comes_after_all_that_it_stands_on(folders):
    assert recipe.read("amd64").order(["leak.app"]) == ("base", "tool", "shop", "leak.app")


def test_the_node_holds_the_images_of_every_labs_clusters(folders):
    assert recipe.read("amd64").recipes["node"].parents == ("base", "leak.app", "tool")


def test_a_broken_lab_does_not_hinder_the_others(folders):
    write(folders.parents[1] / "labs" / "broken" / "lab.yaml", "machines: [")
    assert recipe.preloaded() == ("leak.app", "tool")


def test_a_labs_own_recipe_wins_over_a_shared_one(folders):
    lab = folders.parents[1] / "labs" / "leak"
    assert recipe.name_for(lab, "app") == "leak.app"
    assert recipe.name_for(lab, "shop") == "shop"


@pytest.mark.parametrize("file", ["shop/Dockerfile", "base/packages", "tool/main.go"])
def test_an_image_changes_with_its_inputs_and_those_of_its_parents(folders, file):
    before = reference("leak.app")
    with (folders / file).open("a") as out:
        out.write("# more\n")
    assert reference("leak.app") != before


def test_an_image_changes_with_the_executable_bit_and_the_architecture(folders):
    script = write(folders / "shop" / "run", "#!/bin/sh")
    before = reference("shop")
    script.chmod(0o755)
    assert reference("shop") != before
    assert reference("shop", "arm64") != reference("shop")


def test_an_image_does_not_change_with_tests_texts_times_and_other_recipes(folders):
    before = reference("shop")
    write(folders / "tool" / "main_test.go", "package main")
    write(folders / "shop" / "README.md", "About")
    write(folders / "other" / "Dockerfile", "FROM scratch")
    os.utime(folders / "shop" / "Dockerfile", (1, 1))
    assert reference("shop") == before


def test_the_engine_is_told_the_exact_images(folders):
    write(
        folders / "shop" / "Dockerfile",
        "FROM --platform=linux/amd64 labctl/base AS one\nFROM debian:12\n"
        "COPY --chown=1 --from=labctl/tool /tool /\nCOPY --from=one /x /labctl/base\n",
    )
    cookbook = recipe.read("amd64")
    assert cookbook.dockerfile("shop").splitlines() == [
        f"FROM --platform=linux/amd64 {cookbook.reference('base')} AS one",
        "FROM debian:12",
        f"COPY --chown=1 --from={cookbook.reference('tool')} /tool /",
        "COPY --from=one /x /labctl/base",
    ]


def test_a_parent_that_does_not_exist_is_named_with_who_wants_it(folders):
    write(folders / "shop" / "Dockerfile", "FROM labctl/bse\n")
    with pytest.raises(DefinitionError, match="no image recipe `bse`, which shop stands on"):
        reference("leak.app")


def test_a_circle_is_refused(folders):
    write(folders / "tool" / "Dockerfile", "FROM labctl/shop\n")
    with pytest.raises(DefinitionError, match="shop → tool → shop"):
        recipe.read("amd64").order(["shop"])
