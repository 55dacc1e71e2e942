"""Which labs a change touches.

A change is the work tree together with the commits that are not in the upstream branch yet. When
there are none, as in a fresh clone, it is the commits of the four hours before HEAD's own commit:
that rule gives the same answer today and in a year.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labctl import paths, process
from labctl.environment.images import recipe
from labctl.errors import LabctlError, ProcessError, UsageError
from labctl.lab import addons, quiz
from labctl.lab.model import DockerMachine, EngineMachine, KindMachine, Lab, QemuMachine

HOURS = 4


def touched(labs: Iterable[Lab], since: str | None = None) -> set[str]:
    """The ids of the labs that have changed, but for texts, or that stand on a changed image.

    `since` is a commit to compare with instead. Without any history to compare with, all have
    changed. Raises UsageError when there is no such commit.
    """
    changed = _changed(paths.labs_dir(), since)
    if changed is None:
        return {lab.id for lab in labs}
    return {
        lab.id
        for lab in labs
        if any(
            file.is_relative_to(folder)
            for folder in _sources(lab)
            for file in changed
            if not _is_text(file, lab)
        )
    }


def _is_text(file: Path, lab: Lab) -> bool:
    """Whether it is what learners read and are asked, which no verdict rests on."""
    return file.parent == lab.folder.resolve() and (
        file.name == quiz.FILE or file.match("README*.md")
    )


def _sources(lab: Lab) -> list[Path]:
    """The folders that a lab is made from: its own, and the recipes of shared images."""
    cookbook = recipe.read("any")
    names = [recipe.BASE]
    for machine in lab.machines.values():
        if isinstance(machine, DockerMachine | EngineMachine | QemuMachine):
            names.append(machine.image)
        if isinstance(machine, EngineMachine | KindMachine):
            names += machine.images
    found = cookbook.order({recipe.name_for(lab.folder, name) for name in names})
    folders = [lab.folder, *(cookbook.recipes[name].folder for name in found)]
    for machine in lab.machines.values():
        if isinstance(machine, KindMachine):
            # Not what it stands on: all labs' images are in the node.
            folders.append(cookbook.recipes[recipe.NODE].folder)
            folders += [addons.folders()[name] for name in machine.addons]
    return [folder.resolve() for folder in folders]


def _changed(folder: Path, since: str | None) -> set[Path] | None:
    """The files that have changed in the repository around `folder`; None: no telling."""
    git = _Git(folder)
    try:
        top = Path(git.line("rev-parse", "--show-toplevel")).resolve()
    except ProcessError as e:
        if since:
            raise UsageError(
                f"{folder} is in no git repository, so there is no `{since}`", details=e.details
            ) from e
        return None
    base = git.since(since) if since else git.base()
    if not base:
        return None
    names = git.names("diff", "--name-only", "--no-renames", base)
    names += git.names("ls-files", "--others", "--exclude-standard", "--full-name", cwd=top)
    return {top / name for name in names}


class _Git:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, *arguments: str, cwd: Path | None = None) -> list[str]:
        """A list of file names, whatever characters they have."""
        done = process.run(["git", "-C", str(cwd or self._folder), *arguments, "-z"])
        return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]

    def line(self, *arguments: str) -> str:
        """What a command says. Raises ProcessError."""
        return process.run(["git", "-C", str(self._folder), *arguments]).text.strip()

    def since(self, ref: str) -> str:
        """Where the way to HEAD left the named commit."""
        try:
            commit = self.line("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        except ProcessError as e:
            raise UsageError(
                f"There is no commit `{ref}`", resolution="`git log --oneline` shows some."
            ) from e
        return self._or_none("merge-base", commit, "HEAD") or commit

    def base(self) -> str:
        """The last commit that is not part of the change; empty when the change is everything."""
        head = self._or_none("rev-parse", "--verify", "--quiet", "HEAD")
        if not head:
            return ""
        upstream = self._or_none("merge-base", "@{upstream}", "HEAD")
        if upstream and upstream != head:
            return upstream
        moment = int(self.line("show", "--no-patch", "--format=%ct", head)) - HOURS * 3600
        return self._or_none("rev-list", "--max-count=1", f"--min-age={moment}", head)

    def _or_none(self, *arguments: str) -> str:
        try:
            return self.line(*arguments)
        except LabctlError:
            return ""
