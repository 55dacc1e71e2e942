"""Labs from elsewhere: what one would bring, adding it, taking it away.

A lab of a git repository is pinned to a commit and copied, so that it stays what the user said yes
to. One in a folder stays there and may change; nobody but the user should be able to write to it.
What was added is so once the registry names it: folders beside it that it does not name are litter.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labctl.authoring import git
from labctl.authoring.scaffold import valid_id
from labctl.environment.images import recipe
from labctl.errors import LabctlError, UsageError
from labctl.lab import loader, sources
from labctl.lab.model import DockerMachine, EngineMachine, KindMachine, Lab
from labctl.lab.sources import Origin
from labctl.session.model import now
from labctl.session.store import Store, write_atomically

_UNFINISHED = ".new-"
_COPY = re.compile(r"[a-z0-9-]+\.[0-9a-f]{12}")
_ABANDONED = 24 * 3600  # seconds after which nobody is still asked about it


@dataclass(frozen=True)
class Proposal:
    """A lab that may be added, as the user is to see it first.

    `commit` is None for a folder. `before` is what is there under its id, from the same source.
    """

    lab: Lab
    source: str
    path: str
    commit: git.Commit | None
    before: Origin | None

    @property
    def is_news(self) -> bool:
        """Whether adding it would change anything."""
        old, pinned = self.before, self.commit.id if self.commit else ""
        if old is None or old.commit != pinned or not (old.folder / "lab.yaml").is_file():
            return True
        there = self.lab.model_copy(update={"folder": old.folder})
        return loader.digest(there) != loader.digest(self.lab)

    @property
    def images(self) -> list[str]:
        """The lab's own images: their Dockerfiles' commands are run on this engine."""
        return self._folders_with("Dockerfile")

    @property
    def programs(self) -> list[str]:
        """Those of them that are Go programs, and compiled on this computer."""
        return [image for image in self._folders_with("go.mod") if image in self.images]

    @property
    def preloaded(self) -> list[str]:
        """The recipes that its clusters ask for, and that no node image holds yet."""
        kinds = [m for m in self.lab.machines.values() if isinstance(m, KindMachine)]
        wanted = {recipe.name_for(self.lab.folder, image) for m in kinds for image in m.images}
        return sorted(wanted - set(recipe.preloaded()))

    def _folders_with(self, name: str) -> list[str]:
        return sorted(f.parent.name for f in self.lab.folder.glob(f"environment/*/{name}"))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        commit, old = self.commit, self.before
        return {
            "id": self.lab.id,
            "title": self.lab.title,
            "source": self.source,
            "path": self.path,
            "commit": commit.id if commit else "",
            "author": commit.author if commit else "",
            "date": commit.date if commit else "",
            "subject": commit.subject if commit else "",
            "before": old.commit if old else "",
            "digest": loader.digest(self.lab),
            "machines": [
                {
                    "name": name,
                    "provider": spec.provider,
                    "about": spec.about,
                    "privileged": isinstance(spec, EngineMachine | KindMachine),
                    "capabilities": spec.capabilities if isinstance(spec, DockerMachine) else [],
                }
                for name, spec in self.lab.machines.items()
            ],
            "images": self.images,
            "programs": self.programs,
            "preloaded": self.preloaded,
        }


@contextmanager
def proposed(where: str, *, ref: str = "", commit: str = "", path: str = "") -> Iterator[Proposal]:
    """What there is to add: a lab in a folder, or in a git repository at an address.

    Of a repository `ref` is a branch or tag (default: its HEAD), `commit` a whole id that wins
    over it, `path` the lab's folder in it. The files lie in a place that ends with the context.
    Raises UsageError when there is no lab or it cannot be added, DefinitionError when it is wrong,
    EnvironmentFailure when git cannot get it.
    """
    if not git.is_url(where):
        if ref or commit or path:
            raise UsageError("`--ref`, `--commit` and `--path` are for git repositories")
        yield _of_folder(Path(where).expanduser().resolve())
        return
    path, source = path.strip("/"), git.shown(where)
    with git.fetched(where, ref, commit) as (repository, found):
        lab_id = PurePosixPath(path or source.replace(":", "/")).name.removesuffix(".git")
        _require_lab(repository.labs(found), path, lab_id)
        before = _before(lab_id, source, path)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=_folder()) as place:
            folder = Path(place) / lab_id
            folder.mkdir()
            repository.write(found, folder, path)
            yield Proposal(_load(folder), source, path, found, before)


def _of_folder(folder: Path) -> Proposal:
    if not (folder / "lab.yaml").is_file():
        raise UsageError(
            f"There is no lab in {folder}",
            resolution="Name the folder with its lab.yaml, or the address of a git repository.",
        )
    valid_id(folder.name)
    before = _before(folder.name, str(folder), "")
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    git.require_room(len(files), sum(file.stat().st_size for file in files), f"{folder}")
    return Proposal(_load(folder), str(folder), "", None, before)


def _require_lab(labs: list[str], path: str, lab_id: str) -> None:
    """`labs` are the folders of the repository that have a lab."""
    if path not in labs:
        place = f"no lab in its folder {path}" if path else "no lab.yaml at its top"
        raise UsageError(
            f"The repository has {place}",
            details="Labs in it: " + ", ".join(labs[:20]) if any(labs) else None,
            resolution="Name one with `--path`." if any(labs) else None,
        )
    valid_id(lab_id)


def _load(folder: Path) -> Lab:
    lab = loader.load(folder)
    if (folder / "solution" / "solution.yaml").exists():
        loader.solution(lab)
    loader.mistakes(lab)
    return lab


def _before(lab_id: str, source: str, path: str) -> Origin | None:
    """What is there under an id. Raises UsageError when it is another lab."""
    if sources.own_folder(lab_id):
        raise UsageError(
            f"`{lab_id}` is the id of a lab that comes with labctl",
            resolution="A lab is called after its folder: rename that.",
        )
    known = sources.registry().get(lab_id)
    if known and (known.source, known.path) != (source, path):
        raise UsageError(
            f"There is another lab `{lab_id}`, from {known}",
            resolution=f"`labctl lab remove {lab_id}` takes it away.",
        )
    return known


def accept(proposal: Proposal) -> Origin:
    """Add the lab of a proposal, or pin it anew; where it is from, and lies, now.

    Raises UsageError when somebody else has added a lab of that id meanwhile.
    """
    lab, commit = proposal.lab, proposal.commit
    with _locked():
        if _before(lab.id, proposal.source, proposal.path) != proposal.before:
            raise UsageError(
                f"The lab `{lab.id}` was added by another labctl meanwhile",
                resolution="Add it again to see what would change.",
            )
        folder = lab.folder
        if commit:
            place = _folder() / f"{lab.id}.{commit.id[:12]}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            folder = folder.rename(place / lab.id)
        pinned = commit.id if commit else ""
        origin = Origin(lab.id, folder, proposal.source, proposal.path, pinned, now())
        _write({**sources.registry(), lab.id: origin})
        _sweep()
    return origin


def remove(store: Store, lab_id: str) -> Origin:
    """Take a lab away that was added; where it was from. A folder of the user's own stays.

    Raises UsageError when there is no such lab, or it runs.
    """
    with _locked():
        known = sources.registry()
        origin = known.pop(lab_id, None)
        if origin is None:
            added = "Added labs: " + ", ".join(known) if known else "No lab was added."
            own = "comes with labctl" if sources.own_folder(lab_id) else "was never added"
            raise UsageError(f"The lab `{lab_id}` {own}", resolution=added)
        if running := _sessions(store, lab_id):
            raise UsageError(
                f"The lab `{lab_id}` runs: {', '.join(running)}",
                resolution=f"`labctl stop --session {running[0]}` ends it.",
            )
        _write(known)
        _sweep()
    return origin


def _sessions(store: Store, lab_id: str) -> list[str]:
    """The sessions of a lab, finished starting or not."""
    found = []
    for name in store.names():
        try:
            record = store.load(name)
        except LabctlError:
            continue  # damaged: nothing can use it any more
        if record and record.lab == lab_id:
            found.append(name)
    return found


def _folder() -> Path:
    folder = sources.added_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked() -> Iterator[None]:
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(known: dict[str, Origin]) -> None:
    text = json.dumps(sources.to_json(known), indent=2, ensure_ascii=False)
    write_atomically(_folder() / "registry.json", text)


def _sweep() -> None:
    """Remove copies that the registry does not name, and those that nobody decided about."""
    named = {origin.folder.parent for origin in sources.registry().values()}
    for place in _folder().iterdir():
        age = time.time() - place.stat().st_mtime
        abandoned = place.name.startswith(_UNFINISHED) and age > _ABANDONED
        if abandoned or (_COPY.fullmatch(place.name) and place not in named):
            shutil.rmtree(place, ignore_errors=True)
