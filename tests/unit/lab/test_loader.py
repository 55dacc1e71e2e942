"""A lab's definition is checked whole, and every problem is told with its line."""

import os
from pathlib import Path

import pytest

from labctl.errors import DefinitionError, UsageError
from labctl.lab import facts, loader

GOOD = """\
format: 1
title: Good
track: isolation
minutes: 5
objectives: [See it]
shell: box
machines:
  box:
    provider: docker
    image: tiny
    about: A box
"""


@pytest.fixture
def make(tmp_path):
    def make(text: str) -> Path:
        folder = tmp_path / "good"
        (folder / "environment" / "tiny").mkdir(parents=True, exist_ok=True)
        (folder / "environment" / "tiny" / "Dockerfile").write_text("FROM scratch\n")
        (folder / "README.md").write_text("# Good\n")
        (folder / "lab.yaml").write_text(text)
        return folder

    return make


def problems(folder: Path) -> str:
    with pytest.raises(DefinitionError) as error:
        loader.load(folder)
    return error.value.details or ""


def test_a_good_lab_loads(make):
    lab = loader.load(make(GOOD))
    assert (lab.id, lab.machines["box"].provider) == ("good", "docker")


def test_every_problem_is_told_at_once_with_its_line(make):
    text = GOOD.replace("minutes: 5", "minutes: soon").replace("image: tiny", "imgae: tiny")
    told = problems(make(text))
    assert "lab.yaml:4: minutes:" in told
    assert "lab.yaml:10: machines.box.imgae: unknown key `imgae`" in told
    assert "the key `image` is missing" in told


@pytest.mark.parametrize(
    ("change", "line", "word"),
    [
        (("shell: box", "shell: bax"), 6, "no machine `bax`"),
        (("image: tiny", "image: huge"), 10, "no recipe for image `huge`"),
        (("about: A box", "about: A box\n    networks: [lan]"), 12, "no network `lan`"),
        (("about: A box", "about: A box\n    after: [box]"), 12, "no other machine `box`"),
        (("about: A box", "about: A box\n    kubeconfig: k"), 12, "`k` is no kind machine"),
        (("minutes: 5", "minutes: 5\nminutes: 6"), 5, "stands twice"),
        (("shell: box", "shell: box\nsetup: [{machine: box}]"), 7, "`script` or `manifests`"),
        (("shell: box", "shell: box\nseeded: {p: {low: 9, high: 1}}"), 7, "above"),
        (("shell: box", "shell: box\ncapture: {engines: {box: {}}}"), 7, "no engine machine"),
        (("shell: box", "shell: box\ncapture: {clusters: {k: []}}"), 7, "no kind machine"),
        (("shell: box", "shell: box\ncapture: {workspace: [../x]}"), 7, "pattern"),
    ],
)
def test_dangling_references(make, change, line, word):
    told = problems(make(GOOD.replace(*change)))
    assert f"lab.yaml:{line}: " in told
    assert word in told


def test_an_add_on_that_does_not_exist_is_told_with_those_that_do(make):
    cluster = (
        "\n  k:\n    provider: kind\n    about: A cluster\n    addons: [gatekeeper, gatekeepr]"
    )
    told = problems(make(GOOD.replace("about: A box", "about: A box" + cluster)))
    assert "lab.yaml:15: machines.k.addons: there is no add-on `gatekeepr`, only: " in told
    assert "gatekeeper" in told.partition("only: ")[2]


WATCHED = (
    GOOD
    + """\
watch:
  shop:
    from: {machine: box}
    to: {address: 127.0.0.1, port: 80}
    path: /
"""
)


def test_a_watch_loads_with_its_defaults(make):
    watch = loader.load(make(WATCHED)).watch["shop"]
    assert (watch.source.machine, watch.target.port, watch.every) == ("box", 80, 0.5)


@pytest.mark.parametrize(
    ("change", "line", "word"),
    [
        (("from: {machine: box}", "from: {machine: bax}"), 14, "no machine `bax`"),
        (("from: {machine: box}", "from: {machine: box, namespace: x}"), 14, "it has no pods"),
        (("from: {machine: box}", "from: {machine: box, labels: {a: b}}"), 14, "in which"),
        (("port: 80", "port: $db"), 15, "no seeded fact `db`"),
        (("port: 80", "port: 80, machine: box"), 15, "either `machine`, or `address`"),
        (("path: /", "path: /\n    send: x"), 13, "either `path` or `send`"),
        (("path: /", "says: x"), 13, "nothing is asked"),
        (("path: /", "every: 0"), 16, "every"),
    ],
)
def test_a_watch_that_cannot_be(make, change, line, word):
    told = problems(make(WATCHED.replace(*change)))
    assert f"lab.yaml:{line}: " in told
    assert word in told


def test_scripts_that_are_run_again_are_handed_in(make):
    engine = GOOD.replace("provider: docker", "provider: engine")
    capture = "capture: {engines: {box: {scripts: [run.sh]}}}\n"
    assert "`run.sh` is not in `capture.workspace`" in problems(make(engine + capture))
    told = problems(make(GOOD + "capture: {scripts: {box: [run.sh], jar: []}}\n"))
    assert "`run.sh` is not in `capture.workspace`" in told
    assert "`box` is no docker machine with the workspace" in told
    assert "`jar` is no docker machine with the workspace" in told
    both = "capture: {workspace: [run.sh], engines: {box: {scripts: [run.sh]}}}\n"
    assert loader.load(make(engine + both)).capture.workspace == ["run.sh"]


def test_broken_yaml_is_one_problem_with_its_line(make):
    assert "lab.yaml:3: is not valid YAML" in problems(make("format: 1\ntitle: [\n"))


def test_machines_that_wait_in_a_circle(make):
    second = "  jar: {provider: docker, image: tiny, about: A jar, after: [box]}\n"
    told = problems(make(GOOD + "    after: [jar]\n" + second))
    assert "in a circle" in told


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("README.md", "/etc/hostname"),
        ("lab.yaml", "../../secret"),
        ("environment/tiny/key", "../../../secret"),
        ("environment/tiny/all", "/"),
        ("environment/tiny/__pycache__", "/etc"),
        ("environment/tiny/circle", "circle"),
        ("chain", "environment/tiny/chain"),
    ],
)
def test_a_link_that_leads_out_is_told_before_anything_is_read(make, link, target):
    folder = make("not: a lab")
    (folder / "environment" / "tiny" / "chain").symlink_to("/etc")
    (folder / link).unlink(missing_ok=True)
    (folder / link).symlink_to(target)
    told = problems(folder)
    assert f"{folder / link}: is a link that leads out of the lab's folder" in told
    assert "is missing" not in told


def test_a_link_inside_the_lab_is_fine_and_a_pipe_is_not(make):
    folder = make(GOOD)
    (folder / "environment" / "tiny" / "notes").symlink_to("../../README.md")
    assert loader.load(folder).id == "good"
    os.mkfifo(folder / "pipe")
    assert "pipe: is neither a file nor a folder" in problems(folder)


@pytest.mark.parametrize("text", ['"\\e[2J"', '"\\u202ecba"', '"a\\0b"'])
def test_text_that_cannot_be_seen_is_a_problem(make, text):
    told = problems(make(GOOD.replace("title: Good", f"title: {text}")))
    assert "lab.yaml:2: title:" in told
    assert "cannot be seen" in told


def test_aliases_cost_no_more_than_they_take_to_write(make):
    levels = [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 30)]
    bomb = "\n".join(["b0: &b0 [x]", *levels, "b30: &b30 [*b30]"])
    assert "unknown key `b29`" in problems(make(f"{GOOD}{bomb}\n"))


def test_a_lab_that_is_not_there_names_the_others(monkeypatch, make):
    folder = make(GOOD)
    monkeypatch.setenv("LABCTL_LABS_DIR", str(folder.parent))
    monkeypatch.setenv("LABCTL_DATA_DIR", str(folder.parent / "data"))
    with pytest.raises(UsageError) as error:
        loader.find("bad")
    assert error.value.details == "Labs: good"


def test_the_digest_follows_every_file(make):
    folder = make(GOOD)
    before = loader.digest(loader.load(folder))
    (folder / "README.md").write_text("# Better\n")
    assert loader.digest(loader.load(folder)) != before


def test_facts_depend_on_seed_and_lab_only(make):
    seeded = "seeded: {port: {low: 1000, high: 9999}, who: {of: [a, b, c, d], count: 2}}\n"
    lab = loader.load(make(GOOD + seeded))
    assert facts.facts(lab, "one") == facts.facts(lab, "one")
    assert len({facts.facts(lab, str(seed))["port"] for seed in range(50)}) > 30
    assert len({facts.facts(lab, str(seed))["who"] for seed in range(50)}) > 5
    chosen = facts.facts(lab, "one")["who"].split(",")
    assert len(set(chosen)) == 2
    assert set(chosen) <= set("abcd")


def test_facts_are_filled_into_text_and_environment():
    values = {"db-port": "5432"}
    assert facts.environment(values) == {"FACT_DB_PORT": "5432"}
    assert facts.fill("port: $db_port, $other, $(date)", values) == "port: 5432, $other, $(date)"
