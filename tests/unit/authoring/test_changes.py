"""Which labs a change touches, told by real git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labctl import paths
from labctl.authoring import changes
from labctl.errors import UsageError
from labctl.lab import catalog, loader

LAB = """\
format: 1
title: A lab
track: isolation
minutes: 5
objectives: [See]
shell: box
machines:
  box: {provider: PROVIDER, about: A box, MORE}
"""
NOW = 1_800_000_000
HOUR = 3600


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: int = NOW) -> None:
        when = f"{at} +0000"
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "HOME": str(self.folder)}
        also = {f"GIT_COMMITTER_{k}": v for k, v in (("NAME", "a"), ("EMAIL", "a@b"))}
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **who, **also, **dates},
            check=True,
            capture_output=True,
        )

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, at: int) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x", at=at)

    def lab(self, name: str, provider: str = "docker", more: str = "image: tools") -> None:
        text = LAB.replace("PROVIDER", provider).replace("MORE", more)
        self.write(f"labs/{name}/lab.yaml", text)
        self.write(f"labs/{name}/README.md", "# A lab\n")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Three labs, committed ten hours ago: `a` on tools, `b` on other, `c` a cluster."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    found = Repository(folder)
    found.write("clusters/images/base/packages", "ca-certificates\n")
    for name in ("tools", "probe", "other"):
        found.write(f"clusters/images/{name}/Dockerfile", "FROM labctl/base\n")
    found.write("clusters/images/deep/Dockerfile", "FROM labctl/tools\n")
    found.write("clusters/node-image/go.mod", "module node\n")
    found.lab("a")
    found.lab("b", more="image: other")
    found.lab("c", "kind", "images: []")
    found.lab("d", "engine", "image: other, images: [deep]")
    found.commit(NOW - 10 * HOUR)
    monkeypatch.setenv("LABCTL_LABS_DIR", str(folder / "labs"))
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "clusters_dir", lambda: folder / "clusters")
    return found


def touched(since: str | None = None) -> set[str]:
    return changes.touched([loader.find(lab) for lab in catalog.ids()], since)


def publish(repository: Repository) -> None:
    """Make what is committed the upstream branch."""
    repository.git("branch", "--force", "published")
    repository.git("branch", "--set-upstream-to=published")


def test_an_edit_touches_its_lab_only(repository):
    publish(repository)
    repository.git("commit", "--allow-empty", "--message=later", "--quiet")
    repository.write("labs/a/setup.sh", "true\n")
    assert touched() == {"a"}


def test_what_learners_read_and_are_asked_touches_nothing(repository):
    publish(repository)
    repository.git("commit", "--allow-empty", "--message=later", "--quiet")
    repository.write("labs/a/README.md", "# Another\n")
    repository.write("labs/a/README.de.md", "# Ein anderes\n")
    repository.write("labs/a/quiz.yaml", "format: 1\n")
    assert touched() == set()
    repository.write("labs/a/environment/workspace/README.md", "Of the machine\n")
    assert touched() == {"a"}


def test_a_new_file_that_git_does_not_know_counts_and_an_ignored_one_does_not(repository):
    publish(repository)
    repository.write(".gitignore", "*.pyc\n")
    repository.git("commit", "--allow-empty", "--message=later", "--quiet")
    repository.write("labs/a/checks/x.pyc", "")
    repository.write("labs/b/ein Name mit ü", "")
    assert touched() == {"b"}


def test_commits_that_are_not_upstream_count_however_old_they_are(repository):
    publish(repository)
    repository.write("labs/b/new", "")
    repository.commit(NOW - 9 * HOUR)
    repository.git("commit", "--allow-empty", "--message=later", "--quiet")
    assert touched() == {"b"}


def test_in_a_fresh_clone_the_last_hours_before_head_count(repository):
    repository.write("labs/a/old", "")
    repository.commit(NOW - 5 * HOUR)
    repository.write("labs/b/new", "")
    repository.commit(NOW - 3 * HOUR)
    repository.git("commit", "--allow-empty", "--message=later", "--quiet")
    publish(repository)
    assert touched() == {"b"}


def test_without_an_upstream_the_last_hours_count_too(repository):
    repository.write("labs/b/new", "")
    repository.commit(NOW)
    assert touched() == {"b"}


def test_all_is_new_where_there_is_no_older_commit(repository):
    repository.git("commit", "--amend", "--no-edit", "--quiet", at=NOW - 10 * HOUR)
    assert touched() == {"a", "b", "c", "d"}


def test_an_add_on_touches_the_labs_whose_clusters_have_it(repository):
    repository.write("clusters/addons/guard/addon.yaml", "")
    repository.lab("e", "kind", "addons: [guard]")
    publish(repository)
    repository.git("commit", "--allow-empty", "--message=later", "--quiet", at=NOW + 9 * HOUR)
    repository.write("clusters/addons/guard/ready", "true")
    assert touched() == {"e"}


def test_a_named_commit_is_what_is_compared_with(repository):
    repository.write("labs/a/x", "")
    repository.commit(NOW - 9 * HOUR)
    repository.write("labs/b/x", "")
    repository.commit(NOW)
    assert touched("HEAD~2") == {"a", "b"}
    assert touched("HEAD") == set()
    with pytest.raises(UsageError, match="no commit `nowhere`"):
        touched("nowhere")


def test_what_others_did_since_the_named_commit_does_not_count(repository):
    repository.git("branch", "theirs")
    repository.write("labs/a/x", "")
    repository.commit(NOW)
    repository.git("checkout", "--quiet", "theirs")
    repository.write("labs/b/x", "")
    repository.commit(NOW)
    assert touched("main") == {"b"}


@pytest.mark.parametrize(
    ("file", "labs"),
    [
        ("clusters/images/tools/Dockerfile", {"a", "d"}),  # d has an image that stands on it
        ("clusters/images/other/x", {"b", "d"}),
        ("clusters/images/base/packages", {"a", "b", "c", "d"}),
        ("clusters/node-image/go.mod", {"c"}),
        ("clusters/images/probe/Dockerfile", set()),  # the grader's own: part of labctl
        ("labctl/paths.py", set()),
    ],
)
def test_a_shared_image_touches_the_labs_that_stand_on_it(repository, file, labs):
    repository.write(file, "FROM labctl/base\n\n")
    repository.commit(NOW)
    assert touched() == labs


def test_where_git_cannot_tell_everything_counts(tmp_path, monkeypatch, repository):
    (repository.folder / ".git").rename(repository.folder / "no-git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert touched() == {"a", "b", "c", "d"}
    with pytest.raises(UsageError, match="in no git repository"):
        touched("HEAD")
