"""What Python libraries an image holds, and what is known against them: the grader's own scanner.

It reads the archives that the registry has, and runs nothing of the image. A library is what its
`dist-info` folder says, and what its files are: another version's number does not hide them.
See https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import HeaderParser

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

CRITICAL, HIGH, MEDIUM = "critical", "high", "medium"

_GZIP = b"\x1f\x8b"
_LARGEST = 64 << 20  # bytes of a layer, unpacked
_MOST = 20_000  # files in a layer
_GONE = ".wh."  # how a layer says that a lower layer's file is not there
_EMPTIED = ".wh..wh..opq"


@dataclass(frozen=True)
class Advisory:
    """What is known against a library: `versions` have it, by both `names`.

    `mark` is the SHA-256 of a file that only such versions have.
    """

    names: tuple[str, ...]
    library: str
    versions: str
    severity: str
    mark: str = ""

    def is_about(self, library: str, version: Version) -> bool:
        """Whether this version of this library has it."""
        return library == self.library and SpecifierSet(self.versions).contains(version, True)


# The same as in clusters/addons/scanners, which a unit test compares.
ADVISORIES = (
    Advisory(
        ("CVE-2019-14859", "GHSA-8qxj-f9rh-9fg2"),
        "ecdsa",
        "<0.13.3",
        CRITICAL,
        "571ce8d8f57812258e84b332029fc081c4862bdf11136cc7c98e28116719c37b",
    ),
    Advisory(
        ("CVE-2024-49768", "GHSA-9298-4cf8-g4wj"),
        "waitress",
        ">=2.0.0,<3.0.1",
        CRITICAL,
        "686d8cb16175a216a7ec066334a83cfd470823f9fad4de15563cd6fe0ac7a8e6",
    ),
    Advisory(
        ("CVE-2021-41945", "GHSA-h8pj-cxx2-jfg2"),
        "httpx",
        "<0.23.0",
        CRITICAL,
        "09301f9cf407b2c016a2f631668e62372b8d17a1975c967f2243837537ec133a",
    ),
    Advisory(
        ("CVE-2025-43859", "GHSA-vqfr-h8mv-ghfj"),
        "h11",
        "<0.16.0",
        CRITICAL,
        "11b49e7748f3c155220f59ce3c07947151381657f7c179317dbf1cd3af8e4c13",
    ),
    Advisory(("CVE-2020-22083", "GHSA-j66q-qmrc-89rx"), "jsonpickle", "", CRITICAL),
    Advisory(("CVE-2024-1135", "GHSA-w3h3-4rj7-4ph4"), "gunicorn", "<22.0.0", HIGH),
    Advisory(("CVE-2022-40023", "GHSA-v973-fxgf-6xhp"), "mako", "<1.2.2", HIGH),
    Advisory(("CVE-2024-3651", "GHSA-jjg7-2v4v-x38h"), "idna", "<3.7", MEDIUM),
)


@dataclass
class Contents:
    """The files of an image: the SHA-256 of each by its path, and texts of `dist-info` folders."""

    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, layers: Iterable[bytes]) -> Contents:
        """From an image's layers, lowest first. What is no layer is an AssertionError."""
        found = cls()
        for layer in layers:
            found._add(_unpacked(layer))
        return found

    def named(self, name: str) -> list[str]:
        """The SHA-256 of all files of that name, wherever they are."""
        return [digest for path, digest in self.files.items() if path.rpartition("/")[2] == name]

    def libraries(self) -> list[tuple[str, Version]]:
        """The name and version of each library. A version that is none is an AssertionError."""
        return [(name, version) for name, version, _ in self._installed()]

    def whole(self, library: str) -> bool:
        """Whether it is there, with all its modules as its own list has them."""
        return any(
            name == library and self._as_recorded(folder) for name, _, folder in self._installed()
        )

    def advisories(self, known: Sequence[Advisory] = ADVISORIES) -> list[Advisory]:
        """Which advisories are about something in the image, by its version or by its files."""
        libraries, digests = self.libraries(), set(self.files.values())
        return [
            one
            for one in known
            if one.mark in digests or any(one.is_about(*library) for library in libraries)
        ]

    def _installed(self) -> list[tuple[str, Version, str]]:
        found: list[tuple[str, Version, str]] = []
        for path, text in self.texts.items():
            folder, _, name = path.rpartition("/")
            if name != "METADATA":
                continue
            told = HeaderParser().parsestr(text)
            try:
                version = Version(str(told.get("Version")))
            except InvalidVersion:
                raise AssertionError(f"{path} names no version") from None
            found.append((canonicalize_name(str(told.get("Name"))), version, folder))
        return found

    def _as_recorded(self, folder: str) -> bool:
        root = folder.rpartition("/")[0]
        rows = list(csv.reader(io.StringIO(self.texts.get(f"{folder}/RECORD", ""))))
        wanted = [row for row in rows if len(row) == 3 and row[0].endswith((".py", "/METADATA"))]
        return any(row[0].endswith(".py") for row in wanted) and all(
            self.files.get(f"{root}/{row[0]}".lstrip("/")) == _recorded(row[1]) for row in wanted
        )

    def _add(self, layer: tarfile.TarFile) -> None:
        added: dict[str, str] = {}
        for member in _members(layer):
            path = "/".join(p for p in member.name.split("/") if p not in ("", "."))
            folder, _, name = path.rpartition("/")
            if name == _EMPTIED:
                self._remove(folder, below=True)
            elif name.startswith(_GONE):
                self._remove(f"{folder}/{name.removeprefix(_GONE)}".lstrip("/"))
            elif member.isreg() or member.islnk():
                data = _content(layer, member)
                added[path] = hashlib.sha256(data).hexdigest()
                self.texts.pop(path, None)
                if folder.endswith(".dist-info") and name in ("METADATA", "RECORD"):
                    self.texts[path] = data.decode("utf-8", "replace")
            elif not member.isdir():
                self._remove(path)
        self.files |= added

    def _remove(self, path: str, *, below: bool = False) -> None:
        for known in (self.files, self.texts):
            for each in [p for p in known if p.startswith(f"{path}/") or (p == path and not below)]:
                del known[each]


def _unpacked(layer: bytes) -> tarfile.TarFile:
    if layer.startswith(_GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            layer = unpacker.decompress(layer, _LARGEST)
        except zlib.error:
            raise AssertionError("a layer of the image is damaged") from None
        assert not unpacker.unconsumed_tail, "a layer of the image is larger than 64 MiB"
    try:
        return tarfile.open(fileobj=io.BytesIO(layer), mode="r:")
    except tarfile.TarError:
        raise AssertionError("a layer of the image is neither a tar file nor gzip") from None


def _members(layer: tarfile.TarFile) -> list[tarfile.TarInfo]:
    found = []
    try:
        for member in layer:
            found.append(member)
            assert len(found) <= _MOST, f"a layer has more than {_MOST} files"
    except (tarfile.TarError, ValueError, OSError):
        raise AssertionError("a layer of the image is damaged") from None
    return found


def _content(layer: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    try:
        file = layer.extractfile(member)
        if file:
            return file.read()
    except (KeyError, tarfile.TarError, OSError):
        pass
    raise AssertionError("a layer of the image is damaged")


def _recorded(entry: str) -> str:
    """The SHA-256 as RECORD has it, in the usual digits."""
    kind, _, digest = entry.partition("=")
    try:
        return base64.urlsafe_b64decode(digest + "==").hex() if kind == "sha256" else ""
    except ValueError:
        return ""


def matches(findings: Iterable[Mapping[str, str]], advisories: Sequence[Advisory]) -> list[str]:
    """What is wrong with a scanner's findings, `id` and `severity` each; empty: they are true.

    All that is critical must be there; of the rest, nothing that is not so. Scanners call an
    advisory by its CVE or its GHSA name; Grype adds the library's.
    """
    wrong, named = [], set()
    for finding in findings:
        about = [
            one
            for one in advisories
            if finding["id"] in one.names
            or finding["id"] in [f"{name}-{one.library}" for name in one.names]
        ]
        if not about:
            wrong.append(f"{finding['id']} is not in the image")
        elif about[0].severity != finding["severity"]:
            wrong.append(f"{finding['id']} is not {finding['severity']}")
        named |= {one.names for one in about}
    wrong += [
        f"{one.names[0]} ({one.library}) is missing"
        for one in advisories
        if one.severity == CRITICAL and one.names not in named
    ]
    return wrong
