"""Fetching one commit of a git repository that nobody has vouched for.

Git checks nothing out, so that none of its filters, hooks, attributes and submodules plays a part:
files are read as they are stored, and written by labctl.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labctl import process
from labctl.errors import EnvironmentFailure, ProcessError, UsageError

MOST_BYTES = 64 << 20
MOST_FILES = 5000

_SECONDS = 300.0
_PROTOCOLS = ("https", "ssh", "file")
_URL = re.compile(rf"(?:{'|'.join(_PROTOCOLS)})://[!-~]+")
_SCP = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]+:(?!/)[!-~]+")  # git@host:path
_REF = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_/-]|\.(?!\.))*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FILE, _PROGRAM, _LINK = "100644", "100755", "120000"

_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "fetch.fsckObjects=true",
    # All comes in one pack, which the limit on a file's size then holds for.
    "fetch.unpackLimit=1",
    "gc.auto=0",
)
# What tells git of another repository, or of other settings.
_FOREIGN = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
)


@dataclass(frozen=True)
class Commit:
    """One commit: its whole id, who wrote it, when (ISO 8601), and its subject."""

    id: str
    author: str
    date: str
    subject: str


def is_url(text: str) -> bool:
    """Whether this is meant as the address of a repository, and not as a folder."""
    return "://" in text or bool(_SCP.fullmatch(text) and not Path(text).exists())


def shown(url: str) -> str:
    """The URL without a password or token, fit to be kept."""
    protocol, colon, rest = url.partition("://")
    if protocol not in ("https", "http"):
        return url
    host, slash, path = rest.partition("/")  # user:password@host
    return f"{protocol}{colon}{host.rpartition('@')[2]}{slash}{path}"


@contextmanager
def fetched(url: str, ref: str, commit: str) -> Iterator[tuple[Repository, Commit]]:
    """One commit of a repository, while the context lasts: `commit`, else what `ref` names.

    With neither it is what the repository's HEAD names. Raises UsageError for an address or name
    that cannot be, EnvironmentFailure when git cannot get it.
    """
    if not (_URL.fullmatch(url) or _SCP.fullmatch(url)):
        raise UsageError(
            f"Labs cannot be fetched from `{shown(url)}`",
            resolution="Give a folder, or an address that begins with https://, ssh:// or file://.",
        )
    if commit and not _COMMIT.fullmatch(commit):
        raise UsageError(f"`{commit}` is not the whole id of a commit: 40 hexadecimal digits")
    if ref and not _REF.fullmatch(ref):
        raise UsageError(f"`{ref}` cannot be the name of a branch or tag")
    with tempfile.TemporaryDirectory(prefix="labctl-git-") as folder:
        repository = Repository(Path(folder), url)
        yield repository, repository.fetch(ref or "HEAD", commit)


class Repository:
    """A bare copy of the repository at `url`, in a folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def fetch(self, ref: str, commit: str) -> Commit:
        """Get a commit and all of its files, and no more of the history than needed."""
        self._git("init", "--quiet", "--bare", "--template=")
        try:
            self._get("--depth=1", commit or ref)
        except EnvironmentFailure:
            if not commit:
                raise
            # Not every server gives out a commit by its id: then it must be in a branch or tag.
            self._get("--update-head-ok", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        name = f"{commit or 'FETCH_HEAD'}^{{commit}}"
        told = self._git("log", "-1", "--format=%H%x00%an <%ae>%x00%aI%x00%s", name, "--")
        return Commit(*told.decode("utf-8", "replace").strip().split("\0"))

    def labs(self, commit: Commit) -> list[str]:
        """The folders of a commit that hold a lab.yaml; "" is the top one."""
        listed = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.id)
        files = [PurePosixPath(name) for name in listed.decode("utf-8", "replace").split("\0")]
        folders = [str(file.parent) for file in files if file.name == "lab.yaml"]
        return ["" if folder == "." else folder for folder in folders if folder.isprintable()]

    def write(self, commit: Commit, folder: Path, path: str = "") -> None:
        """Write the files of a commit, or of its folder `path`, into an empty folder.

        Raises UsageError for what no lab needs.
        """
        entries = list(self._entries(f"{commit.id}:{path}"))
        require_room(len(entries), sum(size for *_, size in entries), "The lab's folder")
        asked = "".join(f"{blob}\n" for _, blob, _, _ in entries).encode()
        contents = self._git("cat-file", "--batch", stdin=asked)
        at = 0
        for mode, _, path, size in entries:
            begin = contents.index(b"\n", at) + 1  # behind the line that tells id and size
            _write(folder / path, mode, contents[begin : begin + size])
            at = begin + size + 1

    def _get(self, how: str, *what: str) -> None:
        options = ("--quiet", "--no-tags", "--no-recurse-submodules")
        self._git("fetch", *options, how, "--", self._url, *what)

    def _entries(self, tree: str) -> Iterator[tuple[str, str, str, int]]:
        """Mode, blob, path and size of every file. Raises UsageError for what is no plain file."""
        listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", tree)
        seen: set[str] = set()
        folders: set[str] = set()
        for entry in filter(None, listed.split(b"\0")):
            about, _, name = entry.partition(b"\t")
            mode, _, blob, size = about.decode().split()
            path = name.decode("utf-8", "replace")
            if mode not in (_FILE, _PROGRAM, _LINK) or not _plain(path):
                raise UsageError(f"The repository holds what no lab may: {path!r} (mode {mode})")
            seen.add(path.casefold())
            folders |= {str(parent).casefold() for parent in PurePosixPath(path).parents}
            yield mode, blob, path, int(size)
        if seen & folders or len(seen) < len(listed.split(b"\0")) - 1:
            raise UsageError("The repository holds files that have the same name on some systems")

    def _git(self, *argv: str, stdin: bytes | None = None) -> bytes:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        # In blocks of 512 bytes: no file that git writes gets larger.
        limited = ["sh", "-c", f'ulimit -f {MOST_BYTES // 512}; exec "$@"', "sh"]
        try:
            done = process.run(
                [*limited, "git", *settings, *argv],
                cwd=self._folder,
                env=_environment(),
                stdin=stdin,
                timeout=_SECONDS,
            )
        except ProcessError as e:
            # The address may hold a token: nothing of the original is kept.
            raise EnvironmentFailure(
                f"git could not {argv[0]} {shown(self._url)}",
                details=(e.details or e.message).replace(self._url, shown(self._url)),
                resolution="Does `git ls-remote` of it work? It may ask for nothing: no password, "
                f"no new host key. A lab's repository may hold {MOST_BYTES >> 20} MiB.",
            ) from None
        return done.stdout


def require_room(files: int, size: int, what: str) -> None:
    """Raise UsageError when so many files, of so many bytes in all, are too much for a lab."""
    if files > MOST_FILES or size > MOST_BYTES:
        raise UsageError(
            f"{what} holds {files} files of {size >> 20} MiB in all",
            resolution=f"A lab may hold {MOST_FILES} files of {MOST_BYTES >> 20} MiB.",
        )


def _write(file: Path, mode: str, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if mode == _LINK:
        file.symlink_to(os.fsdecode(content))
    else:
        file.write_bytes(content)
        file.chmod(0o755 if mode == _PROGRAM else 0o644)


def _plain(path: str) -> bool:
    """Whether a path stays in its folder and means the same on every system."""
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or part.casefold() == ".git" for part in parts)
    return path.isprintable() and "\\" not in path and not bad


def _environment() -> dict[str, str]:
    """The user's, whose keys and proxies git may need; but it asks nobody anything."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {
        **kept,
        "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",
    }
