"""What submissions have in common: found when it says something, silent when it is chance."""

from __future__ import annotations

import json
import time

import pytest

from labctl.grading.gradebook.similar import CHOICES, OWN_CHARACTERS, Work, similar
from labctl.lab import loader
from labctl.lab.facts import facts

SCRIPT = b"".join(
    b"docker run -d --name service-%d --memory %dm --network mine image-%d\n" % (i, i * 7, i)
    for i in range(8)
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labs") / "sample"
    (folder / "environment/workspace").mkdir(parents=True)
    (folder / "environment/workspace/given.sh").write_text(
        "".join(f"echo line {i} that was given, key $shop_key\n" for i in range(30))
    )
    (folder / "README.md").write_text(
        "".join(f"Run: docker network create n{i}\n" for i in range(40))
    )
    seeded = {
        "shop-key": {"low": 100000, "high": 999999},
        "port": {"low": 7100, "high": 7899},
        "name": {"of": ["depot", "dispatch", "outbound"]},
    }
    (folder / "lab.yaml").write_text(
        json.dumps(
            {
                "format": 1,
                "title": "Sample",
                "track": "isolation",
                "minutes": 5,
                "objectives": ["See"],
                "shell": "box",
                "machines": {"box": {"provider": "docker", "image": "base", "about": "A box"}},
                "seeded": seeded,
            }
        )
    )
    return loader.load(folder)


def found(lab, *works):
    return similar(works, {lab.id: lab})


def work(lab, learner, **files):
    return Work(
        learner, lab.id, f"seed-of-{learner}", {f"workspace/{n}": d for n, d in files.items()}
    )


def key(lab, learner):
    return facts(lab, f"seed-of-{learner}")["shop-key"].encode()


def test_the_same_bytes_are_found_whatever_the_file_is_called(lab):
    (finding,) = found(
        lab, work(lab, "ada", a=SCRIPT), work(lab, "bo", b=SCRIPT), work(lab, "cy", c=SCRIPT[::-1])
    )
    assert (finding.kind, finding.learners, finding.file) == (
        "same-bytes",
        ("ada", "bo"),
        "workspace/a",
    )


def test_the_same_text_is_found_when_blanks_and_line_ends_differ(lab):
    other = b"\n" + SCRIPT.replace(b"\n", b"  \r\n\r\n").replace(b" ", b"\t ")
    (finding,) = found(lab, work(lab, "ada", a=SCRIPT), work(lab, "bo", a=other))
    assert finding.kind == "same-text"


def test_one_finding_names_all_who_share_a_file(lab):
    (finding,) = found(lab, *(work(lab, name, a=SCRIPT) for name in ("ada", "bo", "cy")))
    assert finding.learners == ("ada", "bo", "cy")


def test_files_that_the_lab_gave_say_nothing(lab):
    readme = (lab.folder / "README.md").read_bytes()
    given = {
        name: (lab.folder / "environment/workspace/given.sh")
        .read_bytes()
        .replace(b"$shop_key", key(lab, name))
        for name in ("ada", "bo")
    }
    assert not found(
        lab,
        work(lab, "ada", given=given["ada"], copied=readme),
        work(lab, "bo", given=given["bo"], copied=readme),
    )


def test_short_answers_say_nothing(lab):
    assert len(SCRIPT.replace(b" ", b"")) > OWN_CHARACTERS
    short = SCRIPT[: OWN_CHARACTERS // 2]
    repeated = short * 20  # the same lines again are no more
    assert not found(
        lab, work(lab, "ada", a=short, b=repeated), work(lab, "bo", a=short, b=repeated)
    )


def test_what_labctl_writes_and_one_learner_twice_say_nothing(lab):
    files = {
        "report.json": SCRIPT,
        "journal.jsonl": SCRIPT,
        "answers.json": SCRIPT,
        "machines/box/containers/web.json": SCRIPT,
    }
    assert not found(lab, Work("ada", lab.id, "s1", files), Work("bo", lab.id, "s2", files))
    assert not found(lab, work(lab, "ada", a=SCRIPT, b=SCRIPT))


def test_a_value_of_somebody_else_is_found(lab):
    (finding,) = found(
        lab,
        work(lab, "ada", a=b"key: " + key(lab, "bo") + b"\n"),
        work(lab, "bo", a=b"key: " + key(lab, "bo") + b"\n"),
    )
    assert (finding.kind, finding.learners, finding.fact) == (
        "seeded-value",
        ("ada", "bo"),
        "shop-key",
    )
    assert finding.value.encode() == key(lab, "bo")


def test_values_are_known_of_learners_who_handed_in_nothing(lab):
    (finding,) = found(lab, work(lab, "ada", a=key(lab, "bo")), work(lab, "bo"))
    assert finding.learners == ("ada", "bo")


@pytest.mark.parametrize("around", ["x%s", "1%s", "%s7", "0.%s", "%sabc", "%s.5", "id_%s"])
def test_a_part_of_something_longer_is_no_value(lab, around):
    text = around.encode() % key(lab, "bo")
    assert not found(lab, work(lab, "ada", a=text), work(lab, "bo"))


def test_common_values_say_nothing(lab):
    theirs = facts(lab, "seed-of-bo")
    text = f"{theirs['port']} {theirs['name']}".encode()
    assert not found(lab, work(lab, "ada", a=text), work(lab, "bo"))
    assert CHOICES > 800


def test_the_own_value_says_nothing_also_when_another_has_it_too(lab):
    works = [Work(name, lab.id, "same seed", {"a": facts(lab, "same seed")["shop-key"].encode()})
             for name in ("ada", "bo")]  # fmt: skip
    assert not found(lab, *works)


def test_other_labs_are_left_alone(lab):
    assert not similar([Work("ada", "else", "s", {"a": SCRIPT})] * 2, {lab.id: lab})
    assert not found(lab, work(lab, "ada", a=SCRIPT), Work("bo", "else", "s", {"a": SCRIPT}))


def test_300_submissions_take_seconds(lab):
    works = [
        work(lab, f"learner-{i}", a=SCRIPT + b"# %d\n" % i, b=b"%d\n" % i + bytes(range(256)) * 40)
        for i in range(300)
    ]
    began = time.monotonic()
    assert not found(lab, *works)
    assert time.monotonic() - began < 10
