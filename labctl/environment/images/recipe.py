"""Recipes: the folders that images are built from.

A recipe is a folder with a `Dockerfile`. Shared ones are `clusters/images/NAME/` and are called
NAME, and so are those of add-ons, `clusters/addons/ADDON/images/NAME/`; a lab's own are
`labs/LAB/environment/NAME/` and are called LAB.NAME. Special are: `base` (clusters/images/base, a
list of Debian packages, see base.py), `node` (clusters/node-image, made by node.py, with the
images of all labs' kind machines inside), and `node.ADDON` for clusters with add-ons: the node
with their images inside, too. What stands on an add-on's image is optional: it is not made with
all the others, but when a lab wants it.

A recipe stands on others by naming them in its Dockerfile, always without a tag:

    FROM labctl/base
    COPY --from=labctl/probe /probe /usr/local/bin/

A folder that has a `go.mod` beside its Dockerfile is a Go program: `go build .` is run in it
before the image is built, for Linux on the engine's architecture and without cgo, and the
Dockerfile finds the program at `bin/NAME` of its build context (NAME is the folder's name):

    FROM scratch
    COPY bin/probe /probe

If go.mod has `tool` directives, these packages of other modules are built, too; `bin/` has them
under the names that Go gives to programs. A folder without Go files is only those. A line
`// labctl: tags=a,b` in go.mod names build tags; any other, such as
`// labctl: GOEXPERIMENT=jsonv2`, is a variable of the compiler's environment.

A folder with files `wheels*.txt` gets the Python packages that they name, from PyPI, in `wheels/`
of its build context: requirements files with exact versions and hashes, pure Python only. Several
lists may name several versions of one package.

A Dockerfile may also ask for programs that labctl builds from published modules, by copying
them from `bin/`: at present `COPY bin/kubectl ...`.

The image is called `labctl/NAME:DIGEST`, where the digest covers everything that goes into it:
an image with that name is never stale. Go tests, README.md and caches do not count.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from labctl import paths
from labctl.errors import DefinitionError
from labctl.lab import addons, sources

PREFIX = "labctl/"
BASE = "base"
# The files of a recipe that list Python packages.
WHEELS = "wheels*.txt"
NODE = "node"

# Part of every digest: raise it when build.py or base.py make something else of the same inputs.
_FORMAT = "1"

_FROM = re.compile(r"^(\s*FROM\s+(?:--platform=\S+\s+)?)labctl/(\S+)", re.MULTILINE | re.IGNORECASE)
_COPY = re.compile(r"^(\s*COPY\s+(?:--\S+\s+)*?--from=)labctl/(\S+)", re.MULTILINE | re.IGNORECASE)
# In go.mod, `tool PACKAGE`, or several in parentheses.
_TOOLS = re.compile(r"^tool\s+(?:\(([^)]*)\)|(\S+))", re.MULTILINE)
# In go.mod, for modules that need it: `// labctl: tags=a,b`, `// labctl: GOEXPERIMENT=jsonv2`.
_SETTING = re.compile(r"^// labctl: (\w+)=(\S+)$", re.MULTILINE)
_TAGS = "tags"
_PROGRAM = re.compile(r"^\s*COPY\s+(?:--\S+\s+)*bin/(\S+)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Recipe:
    """One folder that an image is made from; `parents` are the recipes it stands on."""

    name: str
    folder: Path
    parents: tuple[str, ...]

    @property
    def is_node(self) -> bool:
        """Whether it is the image of a cluster's nodes, with add-ons or without."""
        return self.folder == _node_folder()

    @property
    def is_go(self) -> bool:
        """Whether the folder is a Go program that is compiled before the image is built."""
        return not self.is_node and bool(self._module) and any(self.folder.glob("*.go"))

    @property
    def tools(self) -> tuple[str, ...]:
        """The packages of other modules that are compiled, too."""
        found = (block or one for block, one in _TOOLS.findall(self._module))
        return tuple(package for text in found for package in text.split())

    @property
    def settings(self) -> dict[str, str]:
        """What go.mod asks of the compiler's environment."""
        return {k: v for k, v in _SETTING.findall(self._module) if k != _TAGS}

    @property
    def tags(self) -> tuple[str, ...]:
        """The build tags that go.mod asks for."""
        found = dict(_SETTING.findall(self._module)).get(_TAGS)
        return tuple(found.split(",")) if found else ()

    @property
    def wheels(self) -> tuple[Path, ...]:
        """The lists of Python packages that the image takes."""
        return tuple(sorted(self.folder.glob(WHEELS)))

    @property
    def _module(self) -> str:
        file = self.folder / "go.mod"
        return file.read_text() if file.is_file() else ""

    @property
    def dockerfile(self) -> str:
        """The Dockerfile as it is in the folder; empty for `base` and `node`."""
        file = self.folder / "Dockerfile"
        return file.read_text() if file.is_file() else ""

    @property
    def programs(self) -> tuple[str, ...]:
        """What the Dockerfile copies from `bin/`, such as `kubectl`."""
        return tuple(dict.fromkeys(_PROGRAM.findall(self.dockerfile)))

    def files(self) -> Iterator[Path]:
        """The files that go into the image, in a fixed order."""
        for file in sorted(self.folder.rglob("*")):
            kept = not (
                file.name.endswith(("_test.go", ".pyc"))
                or file.name in ("README.md", "__pycache__")
            )
            if kept and (file.is_symlink() or file.is_file()):
                yield file


class Cookbook:
    """All recipes of this checkout and its labs, for engines of one architecture.

    `architecture` is as Go and Docker write it (`amd64`). Raises DefinitionError when a recipe
    stands on one that does not exist, or on itself.
    """

    def __init__(self, recipes: Iterable[Recipe], architecture: str) -> None:
        self.recipes: Mapping[str, Recipe] = {r.name: r for r in recipes}
        self.architecture = architecture
        self._digests: dict[str, str] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All recipes, each after those it stands on."""
        return self.order(sorted(self.recipes))

    @cached_property
    def optional(self) -> frozenset[str]:
        """The images of add-ons, and what stands on them."""
        own = addons.images().keys()
        return frozenset(name for name in self.recipes if not own.isdisjoint(self.order((name,))))

    def order(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` and everything they stand on, each after its parents."""
        done: dict[str, None] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in done:
                return
            if name in path:
                raise DefinitionError(
                    f"Image recipes stand on each other: {' → '.join((*path, name))}"
                )
            for parent in self._get(name, path).parents:
                visit(parent, (*path, name))
            done[name] = None

        for name in names:
            visit(name, ())
        return tuple(done)

    def reference(self, name: str) -> str:
        """The image's name in the engine: `labctl/NAME:DIGEST`."""
        if name not in self._digests:
            for each in self.order((name,)):
                self._digests[each] = self._digest(each)
        return f"{PREFIX}{name}:{self._digests[name]}"

    def dockerfile(self, name: str) -> str:
        """The recipe's Dockerfile with the exact images that it stands on."""

        def exact(match: re.Match[str]) -> str:
            return match[1] + self.reference(match[2])

        return _COPY.sub(exact, _FROM.sub(exact, self.recipes[name].dockerfile))

    def _get(self, name: str, path: tuple[str, ...]) -> Recipe:
        try:
            return self.recipes[name]
        except KeyError:
            wanted_by = f", which {path[-1]} stands on" if path else ""
            raise DefinitionError(
                f"There is no image recipe `{name}`{wanted_by}",
                resolution=f"The recipes are: {', '.join(sorted(self.recipes))}.",
            ) from None

    def _digest(self, name: str) -> str:
        recipe = self.recipes[name]
        seeds = [_FORMAT, self.architecture, *(self._digests[p] for p in recipe.parents)]
        if "kubectl" in recipe.programs:
            # Its version is locked there.
            seeds.append((self.recipes[NODE].folder / "go.mod").read_text())
        return _hash_inputs(recipe, seeds)


def read(architecture: str) -> Cookbook:
    """The recipes that are on this machine: the shared ones, those of add-ons and of all labs."""
    shared = [
        Recipe(folder.name, folder, _parents(folder))
        for folder in (*_folders(paths.clusters_dir() / "images"), *addons.images().values())
    ]
    own = [
        Recipe(f"{lab.name}.{folder.name}", folder, _parents(folder))
        for lab in sources.folders().values()
        for folder in _folders(lab / "environment")
        if (folder / "Dockerfile").is_file()
    ]
    node = Recipe(NODE, _node_folder(), (BASE, *preloaded()))
    with_addons = [
        Recipe(name, node.folder, (NODE, *(i for addon in chosen for i in addons.images_of(addon))))
        for name, chosen in _flavours().items()
    ]
    return Cookbook([*shared, *own, node, *with_addons], architecture)


def name_for(lab: Path, image: str) -> str:
    """The recipe that a lab's machine means by `image`: the lab's own, or else a shared one."""
    own = lab / "environment" / image / "Dockerfile"
    return f"{lab.name}.{image}" if own.is_file() else image


def node_with(chosen: Iterable[str]) -> str:
    """The recipe of the nodes of a cluster with these add-ons: `node`, or `node.gatekeeper`."""
    return ".".join((NODE, *sorted(set(chosen))))


def name_in_node(name: str) -> str:
    """What pods call the image of a recipe: stable, where the engine's tag changes with it.

    Manifests may leave out `docker.io/`, which is what Kubernetes adds by itself.
    """
    return f"docker.io/{PREFIX}{name}:lab"


def preloaded() -> tuple[str, ...]:
    """The recipes that any lab's kind machines ask for: they come with the node image."""
    found: dict[str, None] = {}
    for lab in sources.folders().values():
        for machine in _kind_machines(lab / "lab.yaml"):
            found.update((name_for(lab, str(image)), None) for image in machine.get("images", []))
    return tuple(sorted(found))


def _flavours() -> dict[str, list[str]]:
    """The nodes with add-ons that labs ask for: the add-ons of each, by the recipe's name."""
    known, found = addons.folders().keys(), dict[str, list[str]]()
    for lab in sources.folders().values():
        for machine in _kind_machines(lab / "lab.yaml"):
            chosen = sorted({str(addon) for addon in machine.get("addons", [])})
            if chosen and known >= set(chosen):
                found[node_with(chosen)] = chosen
    return found


def _kind_machines(file: Path) -> list[dict[str, list[str]]]:
    try:
        lab = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        return [m for m in lab["machines"].values() if m["provider"] == "kind"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []  # the lab's loader names what is wrong; other labs must not suffer from it


def _node_folder() -> Path:
    return paths.clusters_dir() / "node-image"


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(f for f in parent.iterdir() if f.is_dir() and f.name[0] not in "._")


def _parents(folder: Path) -> tuple[str, ...]:
    file = folder / "Dockerfile"
    if not file.is_file():
        return ()
    text = file.read_text()
    return tuple(dict.fromkeys(m[2] for r in (_FROM, _COPY) for m in r.finditer(text)))


def _hash_inputs(recipe: Recipe, seeds: list[str]) -> str:
    digest = hashlib.sha256("\0".join(seeds).encode())
    for file in recipe.files():
        if file.is_symlink():
            kind, content = "link", str(file.readlink()).encode()
        else:
            executable = file.stat().st_mode & stat.S_IXUSR
            kind, content = "program" if executable else "file", file.read_bytes()
        name = file.relative_to(recipe.folder).as_posix()
        digest.update(f"\0{kind}\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
