"""Each rule finds its flaw in a small lab, and nothing in the lab without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.authoring.lint import lint
from labctl.grading import collect

FILES = {
    "lab.yaml": """\
format: 1
title: A lab
track: isolation
minutes: 5
objectives: [See]
shell: box
machines:
  box: {provider: docker, image: box, about: A box, workspace: true}
  host: {provider: engine, images: [app], about: A Docker host}
  cluster: {provider: kind, images: [app], about: A cluster}
seeded:
  port: {low: 1, high: 9}
  name-1: {of: [a, b]}
setup:
  - {machine: box, script: environment/setup.sh}
  - {machine: cluster, manifests: environment/manifests}
capture:
  workspace: [start.sh, answers.yaml]
  engines:
    host: {containers: [shop]}
""",
    "README.md": """\
# A lab

## See it, `now`

Look [there](#see-it-now), at [the picture](picture.svg) or [out](https://example.org/x#y).
`labctl shell` opens the box, `labctl shell host` the other; `labctl hint closed` helps with the
check `closed`. The lab `other` tells more. Write `answers.yaml`.

    labctl exec --session a host -- docker ps
    ./start.sh
    ./made.sh; cat /workspace/notes/own.txt
    nano /workspace/notes/own.txt
    labctl LAB

```
[no](link.md)
```
""",
    "picture.svg": "<svg/>",
    "checks/test_lab.py": """\
from labctl.grading import check, weakness


@check("closed", points=1, hint="Close it.")
def test_closed(facts):
    "It is closed"
    assert facts["port"] == f"name-{1}", facts[f"name-{1}"]


@weakness("open")
def test_open():
    pass
""",
    "environment/setup.sh": 'echo "$FACT_PORT" > /workspace/made.sh\n',
    "environment/manifests/pod.yaml": (
        "kind: Pod\nport: $port\nargs: [$$shell]\nimage: $image_app\n---\n"
        "image: docker.io/labctl/lab.app:lab\n---\nimage: postgres:16.1\n"
    ),
    "environment/workspace/start.sh": "docker run --name shop app\n",
    "environment/box/Dockerfile": """\
# A box
FROM labctl/base AS tools
RUN apt-get update && apt-get install -y \\
      curl
FROM golang@sha256:0123 AS build
RUN go install ./cmd example.org/x@v1.2.3 && pip install --require-hashes -r list a==1
RUN curl -o x https://example.org/x && echo "0  x" | sha256sum --check
ADD --checksum=sha256:01 https://example.org/y /y
FROM scratch
COPY --from=tools /bin/sh /bin/sh
COPY --from=labctl/lab.app /app /app
COPY --chmod=755 one sub/ /bin/
""",
    "environment/box/one": "",
    "environment/box/sub/two": "",
    "environment/app/Dockerfile": "FROM scratch\nCOPY bin/app /app\n",
    "environment/app/go.mod": "module app\n",
    "environment/app/wheels-old.txt": "",
    "environment/app/main.go": "package main\n//go:embed pages\n",
    "environment/app/pages/index.html": "",
    "solution/solution.yaml": "steps: [{machine: box, script: apply.sh}]\n",
    "solution/apply.sh": "true\n",
    "mistakes/one/mistake.yaml": (
        "about: One\nfails: [closed]\nsteps: [{machine: box, script: apply.sh}]\n"
    ),
    "mistakes/one/apply.sh": "true\n",
    "mistakes/two/mistake.yaml": "about: Two\nfails: [closed]\ndishonest: true\n",
    "mistakes/two/workspace/start.sh": "",
    "mistakes/three/mistake.yaml": "about: Three\nfails: [closed]\n",
    "mistakes/three/workspace/start.sh": "",
}
RUN = {"environment/workspace/start.sh"}
CHECKS = (
    collect.Check("closed", "check", "It is closed", 1, "Close it.", 30),
    collect.Check("open", "weakness", "test_open", 0, "", 30),
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The lab without a flaw."""
    root = tmp_path / "lab"
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if name in RUN else 0o644)
    return root


def found(folder: Path) -> list[tuple[str, str, int]]:
    """Rule, file and line of each finding."""
    return [
        (each.rule, each.file.relative_to(folder).as_posix(), each.line)
        for each in lint(folder, commands={"shell", "exec", "hint", "start"}, labs={"other"})
    ]


@pytest.fixture
def quick(monkeypatch):
    """Spare the process that lists the checks."""
    listed = list(CHECKS)
    monkeypatch.setattr(collect, "checks", lambda lab: tuple(listed))
    return listed


def test_nothing_is_found_in_a_good_lab(folder):
    assert found(folder) == []


def test_checks_that_cannot_be_loaded_are_found(folder):
    (folder / "checks/test_lab.py").write_text("import nothing_of_this_name\n")
    assert ("definition", "checks", 0) in found(folder)


BOX = "environment/box/Dockerfile"
POD = "environment/manifests/pod.yaml"
CHECK = "checks/test_lab.py"
LAB = "lab.yaml"
README = "README.md"
SETUP = "environment/setup.sh"
SOLUTION = "solution/solution.yaml"
MISTAKE = "mistakes/one/mistake.yaml"

EDITS = [
    # file, old text, new text, what is found: rule, line, and the file unless it is the same
    (LAB, "shell: box", "shell: box\nshel: x", ("definition", 7)),
    (SOLUTION, "script: apply.sh", "script: x.sh", ("definition", 1)),
    (MISTAKE, "machine: box", "machine: bax", ("definition", 3)),
    (
        README,
        "(picture.svg)",
        "(pictures.svg)",
        ("dead-link", 5),
        ("unused-file", 0, "picture.svg"),
    ),
    (README, "(#see-it-now)", "(#see-it)", ("dead-link", 5)),
    (README, "`labctl shell` opens", "`labctl shel` opens", ("unknown-command", 6)),
    (README, "labctl shell host", "labctl shell hast", ("unknown-machine", 6)),
    (README, "a host -- docker", "a hast -- docker", ("unknown-machine", 9)),
    (README, "labctl hint closed", "labctl hint shut", ("unknown-check", 6)),
    (README, "check `closed`", "check `shut`", ("unknown-check", 7)),
    (README, "lab `other`", "lab `another`", ("unknown-lab", 7)),
    (README, "labctl LAB", "labctl start nix", ("unknown-lab", 13)),
    (README, "./start.sh", "./stop.sh", ("missing-file", 10)),
    (README, "nano /workspace/notes/own.txt", "true", ("missing-file", 11)),
    (README, "labctl LAB", "echo $FACT_PORT", ("unknown-fact", 13)),
    (SETUP, "FACT_PORT", "FACT_PART", ("unknown-fact", 1)),
    (CHECK, 'facts["port"]', 'facts["part"]', ("unknown-fact", 7)),
    (POD, "$port", "$part", ("unknown-fact", 2)),
    (LAB, "seeded:\n", "seeded:\n  spare: {low: 1, high: 2}\n", ("unused-fact", 12)),
    (README, "Write `answers.yaml`.", "", ("capture-nowhere", 18, "lab.yaml")),
    (LAB, "containers: [shop]", "containers: [shap]", ("capture-nowhere", 20)),
    (BOX, "golang@sha256:0123", "golang:1.24", ("not-pinned", 5)),
    (BOX, "@v1.2.3", "@latest", ("not-pinned", 6)),
    (BOX, "--require-hashes -r list a==1", "a", ("not-pinned", 6)),
    (BOX, "| sha256sum --check", "", ("not-pinned", 7)),
    (BOX, "--checksum=sha256:01 ", "", ("not-pinned", 8)),
    (BOX, "-y \\\n", "-y curl && apt-get upgrade \\\n", ("not-pinned", 3)),
    (BOX, "=labctl/lab.app", "=labctl/lab.app:1", ("image-name", 11)),
    (BOX, "labctl/base", "labctl/bass", ("image-name", 2)),
    (BOX, "=labctl/lab.app", "=nginx", ("not-pinned", 11)),
    ("environment/app/go.mod", "module app", "module app\nrequire x v1.0.0", ("not-pinned", 0)),
    (POD, "$image_app", "$image_web", ("image-name", 4)),
    (POD, "lab.app:lab", "lab.box:lab", ("image-name", 6)),
    (POD, "postgres:16.1", "postgres", ("not-pinned", 8)),
    (POD, "postgres:16.1", "postgres:latest", ("not-pinned", 8)),
    (MISTAKE, "[closed]", "[closed, shut]", ("unknown-check", 2)),
    ("mistakes/two/mistake.yaml", "dishonest: true", "", ("no-dishonest-mistake", 0, "mistakes")),
    (
        SOLUTION,
        "steps: [{machine: box, script: apply.sh}]",
        "steps: []",
        ("unused-file", 0, "solution/apply.sh"),
        ("does-nothing", 0),
    ),
    (CHECK, '@weakness("open")\n', "", ("never-runs", 10)),
    (
        "environment/app/main.go",
        "pages",
        "sites",
        ("unused-file", 0, "environment/app/pages/index.html"),
    ),
    (BOX, " one sub/", " sub/", ("unused-file", 0, "environment/box/one")),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), [(*e[:3], e[3:]) for e in EDITS])
def test_a_flaw_is_found_where_it_is(folder, quick, file, old, new, expected):
    text = (folder / file).read_text()
    assert text.count(old) >= 1
    (folder / file).write_text(text.replace(old, new, 1))
    assert found(folder) == [(rule, *(there or [file]), line) for rule, line, *there in expected]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "environment/shop/Dockerfile",
        "environment/box/three",
        "environment/manifests/more.yml",
        "solution/old.sh",
        "mistakes/four/apply.sh",
        "checks/data.json",
    ],
)
def test_a_file_that_nothing_uses_is_found(folder, quick, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("FROM scratch\n" if name.endswith("Dockerfile") else "")
    assert found(folder) == [("unused-file", name, 0)]


def test_a_file_that_a_check_reads_is_used(folder, quick):
    (folder / "checks/data.json").write_text("")
    with (folder / "checks/test_lab.py").open("a") as out:
        out.write('\nDATA = "data.json"\n')
    assert found(folder) == []


@pytest.mark.parametrize(
    ("check", "rule"),
    [
        (collect.Check("closed", "check", "It is closed", 1, " ", 30), "no-hint"),
        (collect.Check("closed", "check", "It is closed", 1, "It is closed", 30), "no-hint"),
        (collect.Check("closed", "check", "test_closed", 1, "Close it.", 30), "no-statement"),
        (collect.Check("closed", "check", "It is closed", 0, "Close it.", 30), "no-points"),
    ],
)
def test_what_a_check_does_not_say_is_found(folder, quick, check, rule):
    quick[0] = check
    assert found(folder) == [(rule, "checks/test_lab.py", 5)]


def test_a_check_that_no_mistake_fails_is_found(folder, quick):
    quick.append(collect.Check("shut", "check", "It is shut", 1, "Shut it.", 30))
    assert found(folder) == [("unproven-check", "checks", 0)]


def test_a_name_that_is_hard_to_type_is_found(folder, quick):
    quick[1] = collect.Check("Open_it", "weakness", "x", 0, "", 30)
    assert found(folder) == [("check-name", "checks", 0)]


def test_a_lab_without_a_weakness_is_found(folder, quick):
    quick.pop()
    assert found(folder) == [("no-weakness", "checks", 0)]


AREAS = """\
areas:
  one: {title: One, lab: other, checks: [closed]}
  two: {title: Two, lab: another, checks: [shut]}
  three: {title: Three, lab: other, checks: [more]}
"""


def test_areas_name_checks_and_labs_that_there_are(folder, quick):
    quick.append(collect.Check("more", "check", "It is more", 1, "More.", 30))
    quick.append(collect.Check("left", "check", "It is left", 1, "Left.", 30))
    with (folder / "lab.yaml").open("a") as out:
        out.write(AREAS)
    assert [each for each in found(folder) if each[0] != "unproven-check"] == [
        ("no-area", "lab.yaml", 21),
        ("unknown-check", "lab.yaml", 23),
        ("unknown-lab", "lab.yaml", 23),
    ]


def test_too_few_mistakes_are_found(folder, quick):
    (folder / "mistakes/three/mistake.yaml").unlink()
    (folder / "mistakes/three/workspace/start.sh").unlink()
    assert found(folder) == [("few-mistakes", "mistakes", 0)]


def test_a_mistake_that_does_nothing_is_found(folder, quick):
    (folder / "mistakes/three/workspace/start.sh").unlink()
    (folder / "mistakes/three/workspace").rmdir()
    assert found(folder) == [("does-nothing", "mistakes/three/mistake.yaml", 0)]


def test_a_script_that_cannot_be_run_is_found(folder, quick):
    (folder / "environment/workspace/start.sh").chmod(0o644)
    assert found(folder) == [("not-executable", "environment/workspace/start.sh", 0)]


def test_everything_is_told_at_once(folder, quick):
    (folder / "README.md").write_text("# A lab\n[a](b.md) `labctl nix`\n")
    (folder / "lab.yaml").write_text("format: 1\ntitel: x\n")
    (folder / "environment/box/Dockerfile").write_text("FROM debian\n")
    rules = [rule for rule, _, _ in found(folder)]
    assert set(rules) == {"definition", "dead-link", "unknown-command", "not-pinned"}
    assert rules.count("definition") > 3
