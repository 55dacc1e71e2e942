"""One commit of a stranger's repository: its files as they are stored, and nothing of its doing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labctl.authoring import git
from labctl.errors import EnvironmentFailure, UsageError


class Origin:
    """A repository in a folder, as its author works in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.url = f"file://{folder}"
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        who = {f"GIT_{role}_NAME": "Ann" for role in ("AUTHOR", "COMMITTER")}
        mail = {f"GIT_{role}_EMAIL": "ann@example.org" for role in ("AUTHOR", "COMMITTER")}
        dates = {f"GIT_{role}_DATE": "1800000000 +0000" for role in ("AUTHOR", "COMMITTER")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **who, **mail, **dates},
            input=stdin,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, subject: str = "x") -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}")
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, *entries: tuple[str, str, str]) -> str:
        """A commit of entries that no work tree could have: mode, path, content."""
        blobs = [
            f"{mode} {'commit' if mode == '160000' else 'blob'} {self._blob(mode, text)}\t{path}\0"
            for mode, path, text in entries
        ]
        tree = self.git("mktree", "-z", "--missing", stdin="".join(blobs).encode())
        made = self.git("commit-tree", tree, "-m", "x")
        self.git("update-ref", "refs/heads/main", made)
        return made

    def _blob(self, mode: str, text: str) -> str:
        if mode == "160000":
            return "1" * 40
        return self.git("hash-object", "-w", "--stdin", stdin=text.encode())


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "origin")


@pytest.fixture
def fetch(tmp_path):
    """What there is of a commit: a folder of its own each time, and what git says of it."""
    made = iter(tmp_path / f"got-{n}" for n in range(10))

    def fetch(url: str, ref: str = "", commit: str = "", path: str = "") -> tuple[Path, git.Commit]:
        folder = next(made)
        folder.mkdir()
        with git.fetched(url, ref, commit) as (repository, found):
            repository.write(found, folder, path)
        return folder, found

    return fetch


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    }


def test_head_by_default_and_what_it_is(origin, fetch):
    origin.write("a", "one")
    origin.commit("the first")
    origin.write("sub/b", b"\0\xff\r\n")
    head = origin.commit("the second")
    folder, found = fetch(origin.url)
    assert files(folder) == {"a": b"one", "sub/b": b"\0\xff\r\n"}
    assert found == git.Commit(
        head, "Ann <ann@example.org>", "2027-01-15T08:00:00+00:00", "the second"
    )


def test_a_branch_a_tag_and_an_old_commit_can_be_named(origin, fetch):
    origin.write("a", "one")
    first = origin.commit()
    origin.git("tag", "--annotate", "v1", "--message=v1")
    origin.git("branch", "old/branch")
    origin.write("a", "two")
    origin.commit()
    for named in ({"ref": "v1"}, {"ref": "old/branch"}, {"commit": first}):
        folder, found = fetch(origin.url, **named)
        assert (files(folder), found.id) == ({"a": b"one"}, first)


def test_a_commit_wins_over_what_a_ref_names_now(origin, fetch):
    origin.write("a", "one")
    first = origin.commit()
    origin.write("a", "two")
    origin.commit()
    assert fetch(origin.url, ref="main", commit=first)[1].id == first


def test_one_folder_of_it(origin, fetch):
    origin.write("labs/door/lab.yaml", "door")
    origin.write("labs/window/lab.yaml", "window")
    origin.write("README.md", "many")
    origin.commit()
    assert files(fetch(origin.url, path="labs/door")[0]) == {"lab.yaml": b"door"}
    with git.fetched(origin.url, "", "") as (repository, found):
        assert repository.labs(found) == ["labs/door", "labs/window"]


def test_programs_and_links_stay_what_they_are(origin, fetch):
    origin.write("run", "#!/bin/sh\n").chmod(0o755)
    origin.write("plain", "")
    (origin.folder / "link").symlink_to("plain")
    origin.commit()
    folder, _ = fetch(origin.url)
    assert os.access(folder / "run", os.X_OK)
    assert not os.access(folder / "plain", os.X_OK)
    assert (folder / "link").readlink() == Path("plain")


def test_nothing_of_the_repository_is_run(origin, fetch, tmp_path, monkeypatch):
    """Attributes, filters, hooks and settings of its own are files like others."""
    mark = tmp_path / "mark"
    origin.write(".gitattributes", "* filter=evil text eol=crlf ident\n")
    origin.write("a", "one $Id$\n")
    origin.commit()
    evil = f"touch {mark}"
    config = (
        f'[filter "evil"]\n\tsmudge = {evil}\n\trequired = true\n[core]\n\tfsmonitor = {evil}\n'
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for hook in ("post-checkout", "reference-transaction", "post-merge"):
        origin.write(f".git/hooks/{hook}", f"#!/bin/sh\n{evil}\n").chmod(0o755)
    assert files(fetch(origin.url)[0])["a"] == b"one $Id$\n"
    assert not mark.exists()


@pytest.mark.parametrize(
    "entry",
    [
        ("160000", "module", ""),
        ("100644", "a\\b", ""),
        ("100644", "a\x1b[2J", ""),
        ("100644", "a\nb", ""),
    ],
    ids=["submodule", "backslash", "escape", "newline"],
)
def test_what_no_lab_needs_is_refused(origin, fetch, entry):
    origin.commit_tree(("100644", "lab.yaml", ""), entry)
    with pytest.raises(UsageError, match="holds what no lab may"):
        fetch(origin.url)


def test_two_names_that_some_systems_take_for_one_are_refused(origin, fetch):
    origin.commit_tree(("100644", "a", "1"), ("100644", "A", "2"))
    with pytest.raises(UsageError, match="same name"):
        fetch(origin.url)


@pytest.mark.parametrize("path", ["..", ".git", "a/../b", "", "a//b", ".GIT/config", "a\\b"])
def test_a_path_that_would_leave_its_folder_is_not_plain(path):
    assert not git._plain(path)


def test_too_many_files_and_too_many_bytes_are_refused(origin, fetch, monkeypatch):
    for name in "abc":
        origin.write(name, os.urandom(2000))
    origin.commit()
    monkeypatch.setattr(git, "MOST_FILES", 2)
    with pytest.raises(UsageError, match="3 files"):
        fetch(origin.url)
    monkeypatch.undo()
    monkeypatch.setattr(git, "MOST_BYTES", 5120)
    with pytest.raises((UsageError, EnvironmentFailure)):
        fetch(origin.url)


def test_git_itself_cannot_fill_the_disk(origin, fetch, monkeypatch):
    origin.write("large", os.urandom(200_000))
    origin.commit()
    monkeypatch.setattr(git, "MOST_BYTES", 100 << 10)
    with pytest.raises(EnvironmentFailure, match="git could not fetch"):
        fetch(origin.url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/labs.git",
        "git://example.org/labs.git",
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=touch /tmp/x",
        "https://example.org/a b",
        "https://example.org/\x1b[2J",
        "-oProxyCommand=x@example.org:labs",
    ],
)
def test_other_ways_to_fetch_are_refused(fetch, url):
    with pytest.raises(UsageError, match="cannot be fetched"):
        fetch(url)


@pytest.mark.parametrize("ref", ["--all", "-x", "a..b", "a b", "a:b", "+a", "a~1", "HEAD^"])
def test_what_is_no_ref_is_refused(fetch, ref):
    with pytest.raises(UsageError, match="cannot be the name"):
        fetch("file:///nowhere", ref=ref)


@pytest.mark.parametrize("commit", ["abc123", "main", "A" * 40, "0" * 39, "--all"])
def test_a_commit_is_named_by_its_whole_id(fetch, commit):
    with pytest.raises(UsageError, match="whole id"):
        fetch("file:///nowhere", commit=commit)


def test_what_is_not_there_is_told_and_a_token_is_not(fetch, origin):
    origin.commit()
    with pytest.raises(EnvironmentFailure, match="git could not fetch") as error:
        fetch(origin.url, ref="nowhere")
    assert "nowhere" in (error.value.details or "")
    with pytest.raises(EnvironmentFailure) as error:
        fetch("https://me:secret@localhost:1/labs.git")
    assert "secret" not in f"{error.value}{error.value.details}"
    assert "https://localhost:1/labs.git" in error.value.message


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/labs.git", "https://example.org/labs.git"),
        ("https://token@example.org/labs.git", "https://example.org/labs.git"),
        ("https://me:to@ken@example.org/a@b", "https://example.org/a@b"),
        ("ssh://git@example.org/labs.git", "ssh://git@example.org/labs.git"),
        ("git@example.org:labs.git", "git@example.org:labs.git"),
    ],
)
def test_an_address_is_kept_without_secrets(url, kept):
    assert git.shown(url) == kept


def test_a_folder_is_told_from_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert git.is_url("https://example.org/labs.git")
    assert git.is_url("git@example.org:labs.git")
    assert git.is_url("example.org:labs.git")
    assert not git.is_url("./open-door")
    assert not git.is_url("/home/me/open-door")
    assert not git.is_url("open-door")
    (tmp_path / "odd:name").mkdir()
    assert not git.is_url("odd:name")
