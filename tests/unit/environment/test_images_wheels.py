"""Python packages of images: exactly those that a list names, and each list by itself."""

import tarfile
from pathlib import Path

import pytest

from labctl.environment.images import build, wheels
from labctl.environment.images.recipe import Cookbook, Recipe
from labctl.errors import EnvironmentFailure, ProcessError


@pytest.fixture
def pip(monkeypatch):
    """Remembers how pip was called, and puts a file there."""
    asked = []

    def run(argv):
        asked.append(argv)
        folder, listed = argv[argv.index("--dest") + 1], argv[argv.index("--requirement") + 1]
        name = "old" if "old" in listed else "new"
        Path(folder, f"{name}.whl").write_text(name)

    monkeypatch.setattr(wheels.process, "run", run)
    return asked


def test_lists_are_fetched_one_by_one_with_their_hashes(pip, tmp_path):
    lists, said = [tmp_path / "wheels-new.txt", tmp_path / "wheels-old.txt"], []
    found = wheels.fetch(lists, tmp_path / "wheels", said.append)
    assert [file.name for file in found] == ["new.whl", "old.whl"]
    assert len(pip) == len(said) == 2
    for argv in pip:
        assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(argv)


def test_without_pypi_it_is_said_what_to_do(monkeypatch, tmp_path):
    def fail(argv):
        raise ProcessError(argv, "failed", "no route")

    monkeypatch.setattr(wheels.process, "run", fail)
    with pytest.raises(EnvironmentFailure, match=r"packages of wheels\.txt") as caught:
        wheels.fetch([tmp_path / "wheels.txt"], tmp_path / "wheels")
    assert caught.value.details == "no route"
    assert "mirror" in caught.value.resolution


def test_they_are_in_the_context(pip, tmp_path):
    folder, work = tmp_path / "app", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    for name in ("Dockerfile", "wheels-old.txt", "wheels-new.txt"):
        (folder / name).write_text("FROM scratch\n" if name == "Dockerfile" else "x==1\n")
    made = Recipe("app", folder, ())
    assert [file.name for file in made.wheels] == ["wheels-new.txt", "wheels-old.txt"]
    context = build._context(Cookbook([made], "amd64"), made, work, lambda text: None)
    with tarfile.open(fileobj=context) as tar:
        names = tar.getnames()
    assert {"wheels/new.whl", "wheels/old.whl", "Dockerfile"} <= set(names)
