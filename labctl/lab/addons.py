"""Add-ons: what a lab's cluster has besides Kubernetes, from the start.

An add-on is a folder `clusters/addons/NAME/`:

    addon.yaml      see Addon
    images/IMAGE/   recipes of images that come with the cluster's nodes, preloaded
    manifests/      applied one file after another, in the order of their names; `$image_IMAGE`
                    is what pods call an image
    ready           a script for `sh`, run in the control plane again and again until it ends
                    with 0: the add-on works. It finds kubectl there, with all rights

One that is made of machines beside the cluster, as a registry is, has `images/` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from labctl import paths
from labctl.lab.model import Strict, Text
from labctl.lab.source import Source, refuse


class Addon(Strict):
    """addon.yaml, format 1. `seconds`: how long it may take until the add-on works.

    `renew`: namespaces whose pods keep something that is not in the cluster's database, so that
    a reset needs new ones.
    """

    format: Literal[1]
    about: Text
    version: Text
    seconds: Annotated[int, Field(ge=1, le=600)] = 120
    renew: Annotated[list[Text], Field(default_factory=list)]
    folder: Path = Field(default=Path(), exclude=True, strict=False)

    @property
    def name(self) -> str:
        """What lab.yaml calls it."""
        return self.folder.name

    @property
    def manifests(self) -> list[Path]:
        """The files to apply, in order."""
        return sorted((self.folder / "manifests").glob("*.yaml"))

    @property
    def ready(self) -> Path:
        """The script that tells whether it works."""
        return self.folder / "ready"


def folders() -> dict[str, Path]:
    """The folder of each add-on that there is, by name, sorted."""
    return {f.parent.name: f.parent for f in sorted(_root().glob("*/addon.yaml"))}


def images() -> dict[str, Path]:
    """The recipes of all add-ons' own images, by name."""
    return {f.parent.name: f.parent for f in sorted(_root().glob("*/images/*/Dockerfile"))}


def images_of(name: str) -> list[str]:
    """The names of one add-on's images."""
    return [image for image, at in images().items() if at.parent.parent.name == name]


def load(name: str) -> Addon:
    """Read an add-on. Raises DefinitionError with every problem found."""
    source = Source(_root() / name / "addon.yaml")
    addon = source.model(Addon)
    if addon is not None:
        addon = addon.model_copy(update={"folder": source.file.parent})
        if not addon.manifests:
            source.problem((), "there is no manifests/*.yaml beside it")
        if not addon.ready.is_file():
            source.problem((), "there is no script `ready` beside it")
    refuse(f"The add-on `{name}`", source.problems)
    assert addon is not None  # no problems means there is a model
    return addon


def objects_of(names: Iterable[str]) -> set[tuple[str, str, str]]:
    """The objects that add-ons' manifests make: kind, namespace (or none), name."""
    found = set()
    for file in (f for name in names for f in (_root() / name / "manifests").glob("*.yaml")):
        for value in yaml.safe_load_all(file.read_text()):
            if value:
                meta = value["metadata"]
                found.add((value["kind"], meta.get("namespace", ""), meta["name"]))
    return found


def _root() -> Path:
    return paths.clusters_dir() / "addons"
