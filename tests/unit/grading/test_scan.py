"""The grader's own scanner reads layers as they are, and believes no number."""

import base64
import gzip
import hashlib
import io
import json
import tarfile

import pytest
from packaging.version import Version

from labctl import paths
from labctl.grading import scan
from labctl.grading.scan import ADVISORIES, CRITICAL, HIGH, Advisory, Contents, matches


def layer(files, *, links=None, packed=gzip.compress):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, (kind, target) in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
    return packed(out.getvalue())


def installed(name, version, **modules):
    """A library as pip installs it: modules by name, and the lists."""
    folder = f"app/{name}-{version}.dist-info"
    files = {f"app/{path}.py": text.encode() for path, text in modules.items()}
    files[f"{folder}/METADATA"] = f"Name: {name}\nVersion: {version}\n\nWords.\n".encode()
    rows = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        rows.append(f"{path.removeprefix('app/')},sha256={digest},{len(data)}")
    rows += [f"{name}-{version}.dist-info/RECORD,,", f"../../bin/{name},sha256=x,1"]
    return files | {f"{folder}/RECORD": "\n".join(rows).encode()}


def test_the_graders_scanner_knows_what_the_add_on_knows():
    folder = paths.clusters_dir() / "addons" / "scanners" / "images" / "scanners" / "advisories"
    told = set()
    for file in folder.glob("*.json"):
        osv = json.loads(file.read_text())
        (affected,) = osv["affected"]
        events = {k: v for e in affected["ranges"][0]["events"] for k, v in e.items()}
        spec = [f">={events['introduced']}"] if events["introduced"] != "0" else []
        spec += [f"<{events['fixed']}"] if "fixed" in events else []
        names = (*osv["aliases"], osv["id"])
        severity = osv["database_specific"]["severity"].lower()
        told.add((names, affected["package"]["name"], ",".join(spec), severity))
    assert told == {(a.names, a.library, a.versions, a.severity) for a in ADVISORIES}


@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_libraries_are_what_their_lists_say(packed):
    there = Contents.of([layer(installed("Mako", "1.2.1", mako="code"), packed=packed)])
    assert there.libraries() == [("mako", Version("1.2.1"))]
    assert [(a.library, a.severity) for a in there.advisories()] == [("mako", HIGH)]
    assert there.whole("mako")
    assert not there.whole("six")
    assert there.named("mako.py") == [hashlib.sha256(b"code").hexdigest()]


def test_later_layers_change_earlier_ones():
    first = layer(installed("ecdsa", "0.13.2", ecdsa="old") | {"etc/a/b": b"", "etc/c": b""})
    gone = {"app/.wh.ecdsa-0.13.2.dist-info": b"", "etc/a/.wh..wh..opq": b"", "etc/a/d": b""}
    there = Contents.of([first, layer(gone | installed("ecdsa", "0.19.1", ecdsa="new"))])
    assert there.libraries() == [("ecdsa", Version("0.19.1"))]
    assert there.whole("ecdsa")
    assert {path for path in there.files if path.startswith("etc/")} == {"etc/a/d", "etc/c"}
    links = {"etc/c": (tarfile.SYMTYPE, "a"), "etc/e": (tarfile.LNKTYPE, "x")}
    there = Contents.of([first, layer({"x": b"1"}, links=links)])
    assert "etc/c" not in there.files
    assert there.files["etc/e"] == there.files["x"]


def test_a_library_without_its_modules_is_not_whole():
    files, lists = installed("six", "1.17.0", six="code", more="code"), "app/six-1.17.0.dist-info"

    def whole(**changed):
        return Contents.of([layer(files | changed)]).whole("six")

    assert whole()
    assert not whole(**{"app/six.py": b"other"})
    assert not whole(**{f"{lists}/METADATA": b"Name: six\nVersion: 1\n"})
    assert not whole(**{f"{lists}/RECORD": b"six.py,sha256=!,1\nshort\n"})
    for part in ("more", "RECORD"):
        some = {path: data for path, data in files.items() if part not in path}
        assert not Contents.of([layer(some)]).whole("six")
    assert not Contents.of([layer(installed("six", "1.17.0"))]).whole("six")


def test_another_number_does_not_hide_a_file():
    bad = b"the old code"
    known = [Advisory(("CVE-1",), "ecdsa", "<0.13.3", CRITICAL, hashlib.sha256(bad).hexdigest())]
    files = installed("ecdsa", "99.0", ecdsa=bad.decode())
    assert Contents.of([layer(files)]).advisories(known) == known
    assert Contents.of([layer({"srv/copy.py": bad})]).advisories(known) == known
    assert Contents.of([layer(installed("ecdsa", "99.0", ecdsa="new"))]).advisories(known) == []


def test_what_is_no_layer_fails_and_breaks_nothing(monkeypatch):
    whole = layer({"a": b"x" * 2000})
    for bad in (b"no layer", b"\x1f\x8bbroken", b"\x28\xb5\x2f\xfd", whole[:60] + b"!" * 60):
        with pytest.raises(AssertionError, match="layer"):
            Contents.of([bad])
    with pytest.raises(AssertionError, match="damaged"):
        Contents.of([layer({}, links={"a": (tarfile.LNKTYPE, "b")})])
    with pytest.raises(AssertionError, match="names no version"):
        Contents.of([layer({"a/x.dist-info/METADATA": b"Version: new"})]).libraries()
    monkeypatch.setattr(scan, "_MOST", 1)
    with pytest.raises(AssertionError, match="more than 1 files"):
        Contents.of([layer({"a": b"", "b": b""})])
    monkeypatch.setattr(scan, "_LARGEST", 1000)
    with pytest.raises(AssertionError, match="larger than"):
        Contents.of([whole])


def test_findings_are_compared_by_either_name():
    known = [a for a in ADVISORIES if a.library in ("ecdsa", "mako")]
    ecdsa = {"id": "CVE-2019-14859", "severity": "critical"}
    by_grype = {"id": "GHSA-8qxj-f9rh-9fg2-ecdsa", "severity": "critical"}
    mako = {"id": "CVE-2022-40023", "severity": "high"}
    assert matches([ecdsa, mako], known) == matches([by_grype], known) == []
    assert matches([mako], known) == ["CVE-2019-14859 (ecdsa) is missing"]
    assert matches([{**ecdsa, "severity": "low"}], known) == ["CVE-2019-14859 is not low"]
    assert matches([ecdsa, {**ecdsa, "id": "CVE-1"}], known) == ["CVE-1 is not in the image"]
