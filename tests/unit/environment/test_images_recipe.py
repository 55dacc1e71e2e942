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


@pytest.fixture
def guard(folders):
    """The add-on `guard` with an image of its own, which the lab `leak` wants in a cluster."""
    addon = folders.parent / "addons" / "guard"
    write(addon / "addon.yaml", "")
    write(addon / "manifests" / "all.yaml", "")
    image = addon / "images" / "gate"
    write(image / "Dockerfile", "FROM scratch\nCOPY bin/gate /\n")
    write(image / "go.mod", "module gate\n\ntool example.org/gate/v3\n")
    lab = folders.parents[1] / "labs" / "leak"
    write(
        lab / "lab.yaml",
        "machines:\n  a: {provider: kind, images: [app], addons: [guard]}\n"
        "  b: {provider: kind, addons: [none-such]}\n",
    )
    write(lab / "environment" / "desk" / "Dockerfile", "COPY --from=labctl/gate /gate /\n")
    return addon


def test_a_cluster_with_add_ons_has_nodes_of_its_own(guard):
    found = recipe.read("amd64").recipes
    assert recipe.node_with(["guard"]) == "node.guard"
    assert found["node.guard"].parents == ("node", "gate")
    assert found["node"].parents == ("base", "leak.app")
    # What does not exist is told by the lab's loader; other labs must not suffer from it.
    assert "node.none-such" not in found


def test_several_add_ons_are_one_node_whatever_their_order():
    assert recipe.node_with(["b", "a", "b"]) == "node.a.b"
    assert recipe.node_with([]) == "node"


def test_what_stands_on_an_add_ons_image_is_optional(guard):
    assert recipe.read("amd64").optional == {"gate", "node.guard", "leak.desk"}


def test_nodes_change_with_an_add_ons_images_but_not_with_its_manifests(guard):
    node, before = reference("node"), reference("node.guard")
    write(guard / "manifests" / "all.yaml", "kind: List")
    assert reference("node.guard") == before
    write(guard / "images" / "gate" / "go.mod", "module gate\n")
    assert reference("node.guard") != before
    assert reference("node") == node


@pytest.mark.parametrize(
    ("module", "tools"),
    [
        ("module x\n\nrequire a/tool v1\n", ()),
        ("module x\n\ntool a.org/b\n", ("a.org/b",)),
        (
            "module x\n\ntool (\n\ta.org/b/v3\n\ta.org/b/v3/cmd/c\n)\n",
            ("a.org/b/v3", "a.org/b/v3/cmd/c"),
        ),
    ],
)
def test_tools_of_other_modules_are_told_by_go_mod(tmp_path, module, tools):
    write(tmp_path / "go.mod", module)
    found = recipe.Recipe("x", tmp_path, ())
    assert found.tools == tools
    assert not found.is_go
    write(tmp_path / "main.go", "package main")
    assert found.is_go


@pytest.mark.parametrize(
    ("module", "settings", "tags"),
    [
        ("module x\n\n// labctl: nothing\n", {}, ()),
        ("module x\n\n// labctl: tags=minimal\n", {}, ("minimal",)),
        (
            "module x\n// labctl: GOEXPERIMENT=jsonv2\n// labctl: tags=a,b\n",
            {"GOEXPERIMENT": "jsonv2"},
            ("a", "b"),
        ),
    ],
)
def test_go_mod_tells_the_compilers_settings(tmp_path, module, settings, tags):
    write(tmp_path / "go.mod", module)
    found = recipe.Recipe("x", tmp_path, ())
    assert found.settings == settings
    assert found.tags == tags


def test_a_circle_is_refused(folders):
    write(folders / "tool" / "Dockerfile", "FROM labctl/shop\n")
    with pytest.raises(DefinitionError, match="shop → tool → shop"):
        recipe.read("amd64").order(["shop"])
