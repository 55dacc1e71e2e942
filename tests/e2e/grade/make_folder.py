"""A folder of submissions whose gradebook is known: honest, wrong, hostile and broken ones.

By hand: `python -m tests.e2e.grade.make_folder DIR [--small]` writes DIR/course, DIR/handed-in,
DIR/roster.csv and DIR/expected.json.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labctl.grading import collect
from labctl.grading.course import Course
from labctl.grading.submission import pack, plain
from labctl.lab import facts, loader
from labctl.lab.facts import fill

NAMESPACES, DEFAULT_DENY = "namespaces", "default-deny"
REMAP = {"userns-remap": "default"}
URL = "SHOP_URL=http://shop:8080"

Files = dict[str, bytes]
Facts = Mapping[str, str]
Data = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One file: who it is from, how it is made, and what must become of it.

    `fails`: the checks that must fail, all others passing ("*": all fail); None when the file
    is refused, with `reason` in the reason. `note` must be in one of the notes. `small`: it is
    in the small folder, too.
    """

    learner: str
    lab: str
    make: Callable[[Maker], bytes]
    fails: tuple[str, ...] | None = ()
    reason: str = ""
    note: str = ""
    small: bool = False


class Maker:
    """Makes submissions of one learner for one lab, as `labctl submit` would."""

    def __init__(self, course: Course, learner: str, lab: str) -> None:
        self.lab = loader.find(lab)
        self.learner = learner
        self.seed = course.seed(learner, lab)
        self.course = course.key
        self.facts = facts.facts(self.lab, self.seed)

    def submission(self, files: Files, /, **changes: Any) -> bytes:
        """The file; `changes` are of its manifest."""
        files = {"answers.json": b"{}\n", "journal.jsonl": b"", **files}
        manifest = {
            "format": 1,
            "lab": self.lab.id,
            "digest": loader.digest(self.lab),
            "learner": self.learner,
            "course": self.course,
            "seed": self.seed,
            "practice": False,
            "solved": False,
            "hints": [],
            "labctl": "0",
            "files": {n: entry(d) for n, d in sorted(files.items())},
            **changes,
        }
        return pack.archive({**files, "submission.json": plain.dump_json(manifest)})


def entry(data: bytes) -> Data:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


# The work that is handed in for `namespaces`.


def shop(maker: Maker) -> Data:
    return {
        "image": "shop",
        "entrypoint": ["/shop"],
        "env": [f"SHOP_KEY=sk_live_{maker.facts['shop-key']}"],
        "restart": "unless-stopped",
        "network": "backstage",
        "networks": {"backstage": {}},
        "publish": ["8080:8080/tcp"],
    }


def monitor(**changes: Any) -> Data:
    isolated = {
        "image": "monitor",
        "entrypoint": ["/monitor"],
        "env": [URL],
        "restart": "unless-stopped",
        "network": "backstage",
        "networks": {"backstage": {}},
        "publish": ["9090:9090/tcp"],
    }
    return {**isolated, **changes}


def engine(maker: Maker, *, daemon: Data | None = None, **containers: Data | None) -> Files:
    """The definitions of shop and monitor; a container that is None was not there."""
    all_of = {"shop": shop(maker), "monitor": monitor(), **containers}
    files = {
        f"machines/engine/containers/{name}.json": plain.dump_json(definition)
        for name, definition in all_of.items()
        if definition is not None
    }
    if daemon:
        files["machines/engine/daemon.json"] = plain.dump_json(daemon)
    start = maker.lab.folder / "solution" / "workspace" / "start-monitor.sh"
    return {**files, "workspace/start-monitor.sh": start.read_bytes()}


def namespaces(daemon: Data | None = REMAP, **containers: Data | None) -> Callable[[Maker], bytes]:
    return lambda maker: maker.submission(engine(maker, daemon=daemon, **containers))


def key_handed(maker: Maker) -> bytes:
    key = f"SHOP_KEY=sk_live_{maker.facts['shop-key']}"
    return maker.submission(engine(maker, daemon=REMAP, monitor=monitor(env=[URL, key])))


def untouched(maker: Maker) -> bytes:
    shared = monitor(
        network="host",
        networks={},
        pid="host",
        ipc="host",
        uts="host",
        publish=[],
        cap_add=["SYS_ADMIN"],
        mounts=[{"type": "bind", "source": "/", "target": "/host", "read_only": True}],
        env=["SHOP_URL=http://127.0.0.1:8080"],
    )
    return maker.submission(engine(maker, monitor=shared))


# The work that is handed in for `default-deny`.


def policies(maker: Maker) -> list[Data]:
    folder = maker.lab.folder / "solution" / "workspace" / "policies"
    texts = [fill(file.read_text(), maker.facts) for file in sorted(folder.glob("*.yaml"))]
    return [value for text in texts for value in yaml.safe_load_all(text)]


def default_deny(
    change: Callable[[Maker, list[Data]], list[Data]] = lambda maker, values: values,
) -> Callable[[Maker], bytes]:
    def make(maker: Maker) -> bytes:
        values = change(maker, copy.deepcopy(policies(maker)))
        return maker.submission({"clusters/cluster/objects.yaml": plain.dump_yaml(values)})

    return make


def named(name: str) -> Callable[[Data], bool]:
    return lambda value: value["metadata"]["name"] == name


def no_dns(maker: Maker, values: list[Data]) -> list[Data]:
    return [value for value in values if not named("allow-dns")(value)]


def no_metrics(maker: Maker, values: list[Data]) -> list[Data]:
    return [value for value in values if not named("allow-metrics")(value)]


def allows_all(maker: Maker, values: list[Data]) -> list[Data]:
    kept = [value for value in values if named("default-deny")(value)]
    for value in kept:
        value["spec"] |= {"ingress": [{}], "egress": [{}]}
    return kept


def dns_anywhere(maker: Maker, values: list[Data]) -> list[Data]:
    for value in filter(named("allow-dns"), values):
        del value["spec"]["egress"][0]["to"]
    return values


def privileged_pod(maker: Maker, values: list[Data]) -> list[Data]:
    """Honest policies, and a pod that would take over the node."""
    container = {"name": "x", "image": "probe", "securityContext": {"privileged": True}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "takeover", "namespace": "orders"},
        "spec": {"hostPID": True, "hostNetwork": True, "containers": [container]},
    }
    return [*values, pod]


def refused_by_api(maker: Maker, values: list[Data]) -> list[Data]:
    """Honest policies, and one that the API server does not take."""
    odd = copy.deepcopy(values[0])
    odd["metadata"]["name"] = "odd"
    odd["spec"]["policyTypes"] = ["Sideways"]
    return [*values, odd]


# What is not even replayed.


def raw(data: bytes) -> Callable[[Maker], bytes]:
    return lambda maker: data


def honest(maker: Maker) -> bytes:
    return maker.submission(engine(maker, daemon=REMAP))


def manifest(**changes: Any) -> Callable[[Maker], bytes]:
    return lambda maker: maker.submission(engine(maker, daemon=REMAP), **changes)


def with_entry(
    name: str, data: bytes = b"x", mode: int = 0o100644, *, pressed: bool = False
) -> Callable[[Maker], bytes]:
    """An honest submission with one more entry of the archive."""

    def make(maker: Maker) -> bytes:
        out = io.BytesIO(honest(maker))
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED if pressed else 0) as archive:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED if pressed else zipfile.ZIP_STORED
            archive.writestr(info, data)
        return out.getvalue()

    return make


def tampered(maker: Maker) -> bytes:
    files = engine(maker, daemon=REMAP)
    listed = {name: entry(data) for name, data in files.items()}
    listed["workspace/start-monitor.sh"]["sha256"] = "0" * 64
    rest = {name: entry(data) for name, data in (("answers.json", b"{}\n"), ("journal.jsonl", b""))}
    return maker.submission(files, files={**listed, **rest})


def anchors(maker: Maker) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return maker.submission({"clusters/cluster/objects.yaml": "\n".join(lines).encode()})


def deep(maker: Maker) -> bytes:
    return maker.submission({"clusters/cluster/objects.yaml": b"[" * 100_000})


def stranger(maker: Maker) -> bytes:
    """An honest one of somebody else's, with another name on it."""
    return maker.submission(engine(maker, daemon=REMAP), learner="ada")


EVERYTHING_OPEN = (
    *("ingress-denied", "egress-denied", "new-pods-denied", "only-needed-paths"),
    "open-connection-cut",
)

CASES = (
    # Honest, and wrong.
    Case("ada", NAMESPACES, namespaces(), small=True),
    Case("bela", NAMESPACES, namespaces(None), ("own-user",), small=True),
    Case("cleo", NAMESPACES, untouched, ("*",), note="leaves out", small=True),
    Case("dima", NAMESPACES, key_handed, ("key-out-of-reach",)),
    Case(
        "edda",
        NAMESPACES,
        namespaces(monitor=monitor(env=["SHOP_URL=http://127.0.0.1:8080"])),
        ("*",),
    ),
    Case("finn", NAMESPACES, namespaces(None, monitor=None), ("*",), note="was not there"),
    Case("gita", NAMESPACES, namespaces()),
    Case("hugo", NAMESPACES, namespaces(None), ("own-user",)),
    Case("ines", DEFAULT_DENY, default_deny(), small=True),
    Case("joel", DEFAULT_DENY, default_deny(no_dns), ("shop-works",)),
    Case("kaja", DEFAULT_DENY, default_deny(no_metrics), ("metrics-scraped",), small=True),
    Case("liam", DEFAULT_DENY, default_deny(allows_all), ("*",)),
    Case("mara", DEFAULT_DENY, default_deny(dns_anywhere), ("egress-denied",)),
    Case("nico", DEFAULT_DENY, default_deny(lambda m, v: []), ("*",)),
    Case("ines", NAMESPACES, namespaces()),
    Case("ada", DEFAULT_DENY, default_deny()),
    # Hostile: what they ask for is left out, and the rest is graded.
    Case(
        "olga",
        NAMESPACES,
        namespaces(monitor=monitor(privileged=True)),
        ("*",),
        note="--privileged",
        small=True,
    ),
    Case(
        "pavl", NAMESPACES, namespaces(monitor=monitor(image="alpine")), ("*",), note="none of the"
    ),
    Case("quin", DEFAULT_DENY, default_deny(privileged_pod), note="takeover"),
    Case(
        "rosa",
        NAMESPACES,
        namespaces(monitor=monitor(mounts=[{"type": "bind", "source": "/", "target": "/h"}])),
        ("*",),
        note="the folder /",
    ),
    Case("sven", NAMESPACES, stranger, None, "handed in as ada's", small=True),
    # Broken.
    Case(
        "tara",
        NAMESPACES,
        namespaces(monitor=monitor(entrypoint=["/nowhere"])),
        ("*",),
        note="does not start",
    ),
    Case("ugo", DEFAULT_DENY, default_deny(refused_by_api), note="odd"),
    Case("vera", NAMESPACES, raw(b""), None, "", small=True),
    Case("wim", NAMESPACES, raw(b"PK\x03\x04 and then nothing"), None, ""),
    Case("xena", NAMESPACES, raw(bytes(range(256)) * 64), None, ""),
    # Refused.
    Case("yuri", NAMESPACES, manifest(practice=True, course=""), None, "practice", small=True),
    Case("aldo", NAMESPACES, manifest(course="0" * 16), None, "another course"),
    Case("bibi", NAMESPACES, manifest(seed="0" * 16), None, "its seed is not"),
    Case("cora", NAMESPACES, manifest(digest="0" * 64), None, "another version"),
    Case("dora", NAMESPACES, manifest(lab="no-such-lab"), None, "not graded here"),
    Case("emil", NAMESPACES, with_entry("../../etc/cron.d/x"), None, ""),
    Case("fred", NAMESPACES, with_entry("workspace/l", b"/etc/shadow", 0o120777), None, ""),
    Case(
        "gabi",
        NAMESPACES,
        with_entry("workspace/big", bytes(200 << 20), pressed=True),
        None,
        "",
        small=True,
    ),
    Case("hans", NAMESPACES, tampered, None, "was changed"),
    Case("igor", DEFAULT_DENY, anchors, None, "", small=True),
    Case("jana", DEFAULT_DENY, deep, None, ""),
    Case("eve", NAMESPACES, namespaces(), None, "not on the roster", small=True),
    # Two of one learner's.
    Case("kurt", NAMESPACES, namespaces(), None, "two submissions of kurt"),
    Case("kurt", NAMESPACES, namespaces(None), None, "two submissions of kurt"),
)
ABSENT = "zoe"


def make(folder: Path, *, small: bool = False) -> None:
    """Write the folder."""
    course = Course.init(folder / "course", "A course")
    (folder / "handed-in").mkdir()
    chosen = [case for case in CASES if case.small or not small]
    expected = []
    for number, case in enumerate(chosen):
        file = f"{number:02}-{case.learner}.zip"
        data = case.make(Maker(course, case.learner, case.lab))
        (folder / "handed-in" / file).write_bytes(data)
        expected.append(
            {
                "file": file,
                "learner": case.learner,
                "lab": case.lab,
                "fails": None if case.fails is None else _failing(case),
                "reason": case.reason,
                "note": case.note,
            }
        )
    learners = sorted({case.learner for case in chosen} - {"eve"} | {ABSENT})
    (folder / "roster.csv").write_text("learner\n" + "".join(f"{who}\n" for who in learners))
    (folder / "expected.json").write_text(json.dumps(expected, indent=2))


def _failing(case: Case) -> list[str]:
    if case.fails != ("*",):
        return sorted(case.fails or ())
    checks = collect.checks(loader.find(case.lab))
    return sorted(check.id for check in checks if check.kind == "check")


def wrong(folder: Path, book: Mapping[str, Any]) -> list[str]:
    """What in a gradebook (as JSON) is not as expected; nothing when all is."""
    problems = []
    entries = {file: e for e in book["entries"] for file in e["file"].split(" and ")}
    for case in json.loads((folder / "expected.json").read_text()):
        found = entries.pop(case["file"], None)
        about = f"{case['file']} ({case['lab']})"
        if found is None:
            problems.append(f"{about} is not in the gradebook")
            continue
        if case["fails"] is None:
            if found["status"] != "refused" or case["reason"] not in found["reason"]:
                problems.append(f"{about}: {found['status']} {found['reason']!r}")
            continue
        results = (found["report"] or {"results": []})["results"]
        outcomes = {r["id"]: r["outcome"] for r in results}
        failing = sorted(i for i, outcome in outcomes.items() if outcome != "passed")
        told = {r["id"]: r["message"] for r in results if r["outcome"] != "passed"}
        bad = found["status"] != "graded" or not outcomes or failing != case["fails"]
        if bad or "error" in outcomes.values() or found["learner"] != case["learner"]:
            problems.append(f"{about}: {found['status']} {found['reason']} {told}")
        if case["note"] and not any(case["note"] in note for note in found["notes"]):
            problems.append(f"{about}: no note with {case['note']!r} in {found['notes']}")
        if not found["signed"]:
            problems.append(f"{about} is not signed")
    missing = {(e["learner"], e["lab"]) for e in book["entries"] if e["status"] == "missing"}
    if not {(ABSENT, lab) for lab in book["labs"]} <= missing:
        problems.append(f"{ABSENT} is not missing")
    extra = [e["file"] for e in entries.values() if e["status"] != "missing"]
    return problems + [f"nobody expected {file}" for file in extra]


if __name__ == "__main__":
    make(Path(sys.argv[1]), small="--small" in sys.argv)
