import random
import stat
import time
import tracemalloc
import warnings
import zipfile

import pytest

from labctl.grading.submission import model, unpack
from labctl.grading.submission.model import Refused
from tests.unit.grading.submission.works import (
    CONTAINER,
    GOOD,
    OBJECTS,
    load,
    manifest,
    packed,
    zipped,
)


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as error:
        load(data)
    return error.value.reason


def why_refused(data: bytes) -> str:
    """The reason, or a line end where it was read. Anything but Refused flies."""
    try:
        load(data)
    except Refused as e:
        return e.reason
    return "\n"


def with_entry(name: str, data: bytes = b"x", **attributes: int) -> bytes:
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return zipped(("submission.json", manifest({})), (info, data))


def test_a_good_submission_is_read_whole():
    found = load(packed())
    assert found.files == GOOD
    assert found.manifest.learner == "alice"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../escape", "leads out of the archive"),
        ("workspace/../../escape", "leads out of the archive"),
        ("/etc/passwd", "absolute path"),
        ("C:/windows", "absolute path"),
        ("workspace\\x", "backslash"),
        ("workspace/a\x1bb", "characters"),
        ("workspace/e\u0301", "characters"),
        ("workspace/.hidden", "no submission has an entry"),
        ("workspace//x", "no submission has an entry"),
        ("workspace/-rf", "no submission has an entry"),
        ("checks/test_x.py", "no submission has an entry"),
        ("__MACOSX/x", "no submission has an entry"),
        ("machines/engine/containers/a/b.json", "no submission has an entry"),
        ("workspace/" + "a" * 300, "no submission has an entry"),
        ("workspace/folder/", "no submission has an entry"),
    ],
)
def test_names_are_allowed_by_a_list(name, reason):
    assert reason in refusal(with_entry(name))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR])
def test_only_regular_files(kind):
    told = refusal(with_entry("workspace/x", external_attr=(kind | 0o777) << 16))
    assert "is not a regular file" in told


def test_encrypted_entries():
    data = bytearray(with_entry("workspace/x"))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    assert "is encrypted" in refusal(bytes(data))


def test_other_ways_to_compress():
    told = refusal(zipped(("workspace/x", b"x" * 99), compression=zipfile.ZIP_BZIP2))
    assert "compressed in a way" in told


def test_names_that_stand_twice_or_clash():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "stands twice" in refusal(zipped(("workspace/x", b"1"), ("workspace/x", b"2")))
    assert "in case only" in refusal(zipped(("workspace/x", b"1"), ("workspace/X", b"2")))


def test_bombs_are_refused_while_they_inflate_and_cost_little():
    bomb = zipped(("workspace/x", bytes(256 << 20)), compression=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    began = time.monotonic()
    assert "is larger than 512 KiB" in refusal(bomb)
    assert time.monotonic() - began < 2
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_size_that_lies_is_not_believed():
    data = bytearray(zipped(("workspace/x", bytes(2 << 20)), compression=zipfile.ZIP_DEFLATED))
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(magic)
        data[place + at : place + at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(Refused):
        load(bytes(data))


def test_limits_of_the_archive(monkeypatch):
    assert "larger than 4 MiB" in refusal(b"PK\x03\x04" + bytes(model.MAX_ARCHIVE))
    many = [(f"workspace/{n}", b"") for n in range(model.MAX_ENTRIES + 1)]
    assert "more than 200 entries" in refusal(zipped(*many))
    big = [(f"workspace/{n}", bytes(model.MAX_FILE)) for n in range(7)]
    assert "larger than 3 MiB together" in refusal(zipped(*big))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a zip file"),
        (b"hello", "not a zip file"),
        (b"MZ" + packed(), "not a zip file"),
        (packed() + b"more", "something after its end"),
        (packed()[:-40], "damaged"),
        (packed()[:100], "damaged"),
    ],
)
def test_what_is_no_whole_zip_file(data, reason):
    assert reason in refusal(data)


def test_files_and_manifest_must_agree():
    assert "no submission.json" in refusal(zipped(("answers.json", b"{}")))
    extra = zipped(("submission.json", manifest({})), ("answers.json", b"{}"))
    assert "`answers.json` is not listed" in refusal(extra)
    gone = zipped(("submission.json", manifest({"answers.json": b"{}"})))
    assert "lists 'answers.json', which is not there" in refusal(gone)
    changed = zipped(
        ("submission.json", manifest({"answers.json": b"{}"})), ("answers.json", b"[]")
    )
    assert "`answers.json` was changed" in refusal(changed)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lab": "../labs"}, "'lab'"),
        ({"lab": "Lab"}, "'lab'"),
        ({"format": 2}, "'format'"),
        ({"digest": "x"}, "'digest'"),
        ({"extra": 1}, "'extra'"),
        ({"learner": ""}, "'learner'"),
        ({"learner": "a\nb"}, "cannot be a learner's id"),
        ({"learner": "\u202eecila"}, "cannot be a learner's id"),
        ({"practice": "no"}, "'practice'"),
    ],
)
def test_the_manifest_is_strict(change, where):
    told = refusal(packed(**change))
    assert where in told
    assert told.isprintable()


def test_the_manifest_cannot_list_what_it_likes():
    assert "'files'" in refusal(zipped(("submission.json", manifest({}, files=[]))))
    entry = {"sha256": "0" * 64, "size": 1}
    told = refusal(zipped(("submission.json", manifest({}, files={"\x1b]0;x\x07": entry}))))
    assert "which is not there" in told
    assert told.isprintable()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("answers.json", b"[" * 99 + b"]" * 99, "nested more than 24 deep"),
        ("answers.json", b'{"a": 1, "a": 2}', "stands twice"),
        ("answers.json", b"{", "not valid JSON"),
        ("answers.json", b"[]", "something else than a JSON object"),
        ("answers.json", b'{"a": NaN}', "NaN is no number"),
        ("answers.json", b'{"a": 1e400}', "number that is too large"),
        ("answers.json", b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        ("answers.json", b'{"a": "\\ud800"}', "not Unicode"),
        ("answers.json", b'{"a": "\\u0000"}', "zero byte"),
        ("answers.json", b"\xff", "not UTF-8"),
        ("journal.jsonl", b"{}\n1\n", "something else than a JSON object"),
        (CONTAINER, b"{}", "'image'"),
        (CONTAINER, b'{"image": "a", "evil": 1}', "'evil'"),
        (CONTAINER, b'{"image": "a", "env": ["\\u001b[2J"]}', "'env.0'"),
        (CONTAINER, b'{"image": "a", "networks": {"name=x,y": {}}}', "networks"),
        (CONTAINER, b'{"image": "a", "command": [' + b'"x",' * 70 + b'"x"]}', "'command'"),
        (OBJECTS, b"a: &x 1\nb: *x\n", "anchors or aliases"),
        (OBJECTS, b"- &a [x]\n", "anchors or aliases"),
        (OBJECTS, b"!!python/object/apply:os.system [id]", "uses the tag"),
        (OBJECTS, b"!!binary aGk=", "uses the tag"),
        (OBJECTS, b"[" * 30 + b"]" * 30, "nested more than 24 deep"),
        (OBJECTS, b"---\n" * 300, "more than 200 documents"),
        (OBJECTS, b"[" + b"1," * 30000 + b"]", "more than 20000 values"),
        (OBJECTS, b"a: [\n", "not valid YAML"),
        (OBJECTS, b"? [a]\n: b\n", "not valid YAML"),
        (OBJECTS, b"1: 2\n", "keys that are not text"),
        (OBJECTS, b"%YAML 1.1\n---\na: 1\n", "directives"),
        (OBJECTS, b"kind: X\n", "no Kubernetes object"),
        (OBJECTS, b"{apiVersion: v1, kind: X, metadata: {name: ../x}}", "unfit name"),
        (OBJECTS, b"{apiVersion: v1, kind: X, metadata: {name: a, namespace: b/c}}", "unfit name"),
        (OBJECTS, b"{apiVersion: v1, kind: X, metadata: {name: a, labels: 5}}", "unfit labels"),
        (OBJECTS, b"{apiVersion: v1, kind: X, metadata: {name: a, annotations: {a: 1}}}", "unfit"),
    ],
)
def test_what_is_in_the_files(name, data, reason):
    told = refusal(packed({name: data}))
    assert reason in told
    assert f"`{name}`" in told


def test_yaml_has_the_values_of_json_only():
    text = b"{apiVersion: v1, kind: X, metadata: {name: a}, d: 2001-01-01, y: yes, s: 1:30, n: 7}"
    found = unpack.plain.load_yaml(text, "x")
    assert found[0]["d"] == "2001-01-01"
    assert (found[0]["y"], found[0]["s"], found[0]["n"]) == ("yes", "1:30", 7)


def test_yaml_is_read_as_it_was_written():
    value = {"a": ["yes", "1:30", "0x1", "", "~", "2001-01-01", "1e3", " x", "a: b"], "n": [1, 0.5]}
    value |= {"t": True, "z": None, "text": "one\ntwo\n", "same": [{"k": 1}] * 2}
    assert unpack.plain.load_yaml(unpack.plain.dump_yaml([value]), "x") == [value]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(Refused, match="not a regular file"):
        unpack.read(tmp_path)
    with pytest.raises(Refused, match="no such file"):
        unpack.read(tmp_path / "missing.zip")


def test_mutations_are_read_or_refused_and_nothing_else():
    chance = random.Random(4)
    whole = packed()
    deflated = zipped(
        ("submission.json", manifest(GOOD)), *GOOD.items(), compression=zipfile.ZIP_DEFLATED
    )
    refused = 0
    for _ in range(4000):
        data = bytearray(chance.choice((whole, deflated)))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 30)]
                case 2:
                    data[at:at] = chance.randbytes(chance.randint(1, 30))
                case 3:  # the numbers of the archive are in its headers
                    at = data.rfind(chance.choice((b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")))
                    at += chance.randrange(46)
                    if 0 <= at < len(data):
                        data[at] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
        refused += why_refused(bytes(data)).isprintable()
    assert refused > 3000


def test_mutations_of_what_is_in_the_files():
    chance, reasons = random.Random(5), set()
    for _ in range(2000):
        files = dict(GOOD)
        name = chance.choice([*files])
        data = bytearray(files[name])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at:at] = chance.choice(
                (b"\\", b'"', b"[", b"{", b":", b"\xff", b"&a ", b"\n", b"-")
            )
        reasons.add(why_refused(packed({**files, name: bytes(data)})))
    reasons.discard("\n")
    assert len(reasons) > 20
    assert all(reason.isprintable() for reason in reasons)
