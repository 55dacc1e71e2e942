"""Building: only what is missing, in order, with an error that shows the step that failed."""

import tarfile

import pytest

from labctl.environment.images import build, stock
from labctl.environment.images.recipe import Cookbook, Recipe
from labctl.errors import EnvironmentFailure


class Api:
    """An engine's API that knows a few images and remembers what it was asked."""

    def __init__(self, tags=(), events=()):
        self.tags, self.events, self.calls = list(tags), events, []
        self.timeout = 60

    def version(self):
        self.calls.append("version")
        return {"Arch": "amd64"}

    def images(self, filters):
        self.calls.append("images")
        return [{"RepoTags": [tag], "Size": 1, "Created": n + 1} for n, tag in enumerate(self.tags)]

    def info(self):
        return {"ID": "AB:CD"}

    def remove_image(self, tag):
        self.tags.remove(tag)

    def build(self, **options):
        self.calls.append(("build", options["tag"]))
        yield from self.events
        self.tags.append(options["tag"])


class Client:
    def __init__(self, *args, **kwargs):
        self.api = Api(*args, **kwargs)


@pytest.fixture
def cookbook(tmp_path, monkeypatch):
    recipes = {"base": (), "tools": ("base",), "app": ("tools",), "other": ("base",)}
    for name in recipes:
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    made = Cookbook((Recipe(n, tmp_path / n, p) for n, p in recipes.items()), "amd64")
    monkeypatch.setattr(build.recipe, "read", lambda architecture: made)
    monkeypatch.setattr(build.recipe, "BASE", "no such special recipe")
    monkeypatch.setattr(build.recipe.addons, "images", dict)
    monkeypatch.setenv("LABCTL_CACHE_DIR", str(tmp_path / "cache"))
    return made


def ignore(text):
    pass


def test_nothing_is_built_or_locked_when_all_is_there(cookbook, tmp_path):
    client = Client([cookbook.reference("app")])
    assert build.ensure(client, ["app"], ignore) == {"app": cookbook.reference("app")}
    assert client.api.calls == ["version", "images"]
    assert not (tmp_path / "cache").exists()


def test_what_is_missing_is_built_after_its_parents(cookbook):
    client = Client([cookbook.reference("base")])
    build.ensure(client, ["app"], ignore)
    built = [call[1] for call in client.api.calls if call[0] == "build"]
    assert built == [cookbook.reference("tools"), cookbook.reference("app")]


def test_an_image_that_is_there_needs_no_parents(cookbook):
    client = Client([cookbook.reference("app")])
    build.ensure(client, ["app", "other"], ignore)
    built = [call[1] for call in client.api.calls if call[0] == "build"]
    assert built == [cookbook.reference("base"), cookbook.reference("other")]


def test_a_failed_step_is_shown_with_its_last_lines(cookbook):
    events = [{"stream": "Step 2/3 : RUN make\n"}, {"stream": "no rule\n"}, {"error": "exit 2"}]
    client = Client([cookbook.reference("base")], events=events)
    with pytest.raises(EnvironmentFailure, match="`tools` could not be built: exit 2") as caught:
        build.ensure(client, ["tools"], ignore)
    assert caught.value.details == "Step 2/3 : RUN make\nno rule"


def test_the_lock_is_free_again_after_a_failure(cookbook):
    with pytest.raises(EnvironmentFailure):
        build.ensure(Client(events=[{"error": "exit 1"}]), ["base"], ignore)
    assert stock.process.kept_open == set()
    build.ensure(Client(), ["base"], ignore)


def test_only_images_that_no_recipe_names_are_outdated(cookbook):
    old = "labctl/app:000000000000"
    client = Client([old, cookbook.reference("app"), "labctl/node-base:2", "labctl/node-base:1"])
    # The newest node base is kept for the next node image.
    assert stock.outdated(client) == [old, "labctl/node-base:2"]


def test_what_is_optional_is_missing_to_nobody(cookbook, monkeypatch):
    monkeypatch.setattr(build.recipe.addons, "images", lambda: {"tools": None})
    client = Client([cookbook.reference("base")])
    assert stock.missing(client) == ["other"]
    assert {i.name for i in stock.images(client) if i.optional} == {"tools", "app"}
    build.ensure(client, ["app"], ignore)
    assert cookbook.reference("app") in client.api.tags


def test_nodes_with_add_ons_are_the_node_with_more_inside(cookbook, monkeypatch):
    from labctl.environment.images import node_images

    put = []
    monkeypatch.setattr(build.recipe, "_node_folder", lambda: cookbook.recipes["app"].folder)
    monkeypatch.setattr(node_images, "put", lambda client, *what: put.append(what))
    made = Recipe("app", cookbook.recipes["app"].folder, ("tools", "other"))
    monkeypatch.setattr(cookbook, "recipes", {**cookbook.recipes, "app": made})
    client = Client([cookbook.reference("tools"), cookbook.reference("other")])
    build.ensure(client, ["app"], ignore)
    inside = {"docker.io/labctl/other:lab": cookbook.reference("other")}
    assert put == [(cookbook.reference("tools"), cookbook.reference("app"), inside)]


def test_tools_of_other_modules_are_in_the_context(tmp_path, monkeypatch):
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "go.mod").write_text("module gate\n\ntool (\n\ta.org/gate/v3\n\ta.org/try\n)\n")

    def build_all(module, packages, output, **how):
        for package in packages.split():
            (output / build.golang.program_name(package)).write_text(package)

    monkeypatch.setattr(build.golang, "build", build_all)
    made = Recipe("gate", folder, ())
    work = tmp_path / "work"
    work.mkdir()
    context = build._context(Cookbook([made], "amd64"), made, work, ignore)
    with tarfile.open(fileobj=context) as tar:
        assert tar.getnames() == ["Dockerfile", "bin/gate", "bin/try", "go.mod"]


def test_a_context_is_the_same_for_the_same_files(tmp_path):
    script = tmp_path / "run"
    script.write_text("#!/bin/sh")
    script.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to("run")
    packed = build._pack({"run": script, "link": link, "Dockerfile": b"FROM scratch"})
    with tarfile.open(fileobj=packed) as tar:
        members = {m.name: m for m in tar}
    assert [members["run"].mode, members["Dockerfile"].mode] == [0o755, 0o644]
    assert members["link"].linkname == "run"
    assert {m.mtime for m in members.values()} == {0}


def test_what_takes_minutes_of_compiling_goes_first(tmp_path, monkeypatch):
    recipes = {"base": (), "app": ("base",), "desk": ("base",), "node": ("base", "app")}
    for name in recipes:
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "desk" / "Dockerfile").write_text("FROM scratch\nCOPY bin/kubectl /\n")
    cookbook = Cookbook((Recipe(n, tmp_path / n, p) for n, p in recipes.items()), "amd64")

    def graph(*, fit, present):
        monkeypatch.setattr(build.tools, "fit", lambda goarch: fit)
        monkeypatch.setattr(build.tools, "present", lambda: present)
        return build._with_programs(cookbook, {n: set(p) for n, p in recipes.items()})

    plain = graph(fit=True, present=True)
    assert next(iter(plain)) == "node-base"
    assert plain["node"] == {"base", "app", "node-base"}
    assert plain["node-base"] == plain["desk"] == {"base"}

    # kubectl is compiled once, for this machine and for the images that want it.
    both = graph(fit=True, present=False)
    assert list(both)[:2] == ["kind and kubectl", "node-base"]
    assert both["node-base"] == both["desk"] == {"base", "kind and kubectl"}
    assert both["app"] == {"base"}
    assert "kind and kubectl" not in graph(fit=False, present=False)
