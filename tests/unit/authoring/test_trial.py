"""Which verdicts are wrong, what flakes, what runs at once, and what a command ends with."""

from __future__ import annotations

import pytest

from labctl.authoring import choice, matrix, results, trial
from labctl.authoring.results import Outcome
from labctl.authoring.trial import Wrong
from labctl.authoring.workers import Run, Worker
from labctl.errors import DefinitionError, UsageError
from labctl.grading.batch import admission
from labctl.grading.report import CheckResult, Report
from labctl.lab import loader
from labctl.session.store import Store

LAB = """\
format: 1
title: A lab
track: isolation
minutes: 5
objectives: [See]
shell: box
machines:
  box: {provider: docker, image: workstation, about: A box, memory: 100m, cpus: CPUS}
"""


@pytest.fixture
def labs(tmp_path, monkeypatch):
    """Three labs with the mistakes `sham` (fails one) and, in `c`, `sloth` (fails two)."""
    for name, cpus in (("a", "0.5"), ("b", "0.5"), ("c", "1.5")):
        folder = tmp_path / name
        (folder / "solution").mkdir(parents=True)
        (folder / "lab.yaml").write_text(LAB.replace("CPUS", cpus))
        (folder / "README.md").write_text("# A lab\n")
        (folder / "solution/solution.yaml").write_text("steps: []\n")
        mistakes = {"sham": "one", **({"sloth": "two"} if name == "c" else {})}
        for mistake, check in mistakes.items():
            (folder / "mistakes" / mistake).mkdir(parents=True)
            text = f"about: x\nfails: [{check}]\n"
            (folder / "mistakes" / mistake / "mistake.yaml").write_text(text)
    monkeypatch.setenv("LABCTL_LABS_DIR", str(tmp_path))
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path / "data"))
    return {name: loader.find(name) for name in "abc"}


def result(check: str, outcome: str) -> CheckResult:
    return CheckResult(check, check, outcome, 1, "so it is", "", 0.1, 30)  # type: ignore[arg-type]


def report(**outcomes: str) -> Report:
    found = tuple(result(check, outcome) for check, outcome in outcomes.items())
    return Report("a", "A", "", "s", "", "seed", "", "", found, solved=False, hints=())


def wrong(lab, variant, **outcomes):
    found = trial.wrong(lab, variant, report(**outcomes).results)
    return [(each.check, each.expected, each.outcome) for each in found]


def test_untouched_must_fail_every_check(labs):
    assert wrong(labs["a"], "untouched", one="failed", two="failed") == []
    assert wrong(labs["a"], "untouched", one="passed", two="error") == [
        ("one", "failed", "passed"),
        ("two", "failed", "error"),
    ]


def test_the_solution_must_pass_every_check(labs):
    assert wrong(labs["a"], "solution", one="passed") == []
    assert wrong(labs["a"], "solution", one="failed") == [("one", "passed", "failed")]


def test_a_mistake_must_fail_what_it_names_and_may_do_what_it_likes_to_the_rest(labs):
    assert wrong(labs["a"], "sham", one="failed", two="passed") == []
    assert wrong(labs["a"], "sham", one="failed", two="failed") == []
    assert wrong(labs["a"], "sham", one="passed") == [("one", "failed", "passed")]
    assert wrong(labs["a"], "sham", one="failed", two="error") == [
        ("two", "passed or failed", "error")
    ]


def test_a_mistake_that_names_no_check_is_wrong(labs):
    assert wrong(labs["a"], "sham", two="failed") == [("one", "failed", "missing")]


def test_a_lab_without_checks_is_wrong(labs):
    assert wrong(labs["a"], "untouched") == [("-", "a check", "none")]


def test_a_wrong_verdict_says_what_was_expected_and_what_came():
    text = str(Wrong("one", "failed", "passed", "It is closed"))
    assert text == "one: expected failed, came passed: It is closed"


def test_all_variants_are_chosen_untouched_first(labs):
    assert choice.full(["c"]).variants == {"c": ["untouched", "solution", "sham", "sloth"]}


def test_only_some_variants_of_the_labs_that_have_them(labs):
    found = choice.only(choice.full(["a", "c"]), ["sloth", "solution"])
    assert found.variants == {"a": ["solution"], "c": ["solution", "sloth"]}
    with pytest.raises(UsageError, match="No chosen lab has a variant `sloth`"):
        choice.only(choice.full(["a"]), ["sloth"])


def test_touched_labs_are_chosen_in_full_and_others_untouched_and_solved(labs, monkeypatch):
    monkeypatch.setattr(choice.changes, "touched", lambda labs, since: {"b"})
    assert choice.changed([]).variants == {
        "a": ["untouched", "solution"],
        "b": ["untouched", "solution", "sham"],
        "c": ["untouched", "solution"],
    }
    assert set(choice.changed(["a"]).variants) == {"a"}


def test_a_lab_that_does_not_exist_or_is_wrong_is_refused_before_anything_runs(labs, tmp_path):
    with pytest.raises(UsageError, match="no lab `z`"):
        choice.full(["z"])
    (tmp_path / "a/mistakes/sham/mistake.yaml").write_text("about: x\n")
    with pytest.raises(DefinitionError):
        choice.full(["a"])
    (tmp_path / "b/solution/solution.yaml").unlink()
    with pytest.raises(DefinitionError):
        choice.full(["b"])


def test_fresh_runs_get_an_environment_each_and_reset_ones_share_their_labs(labs):
    chosen = {"a": ["untouched", "solution"], "b": ["untouched"], "c": []}
    fresh = matrix.plan(chosen, labs, repeat=2, reset=False)
    assert [(task.lab.id, task.runs) for task in fresh] == [
        ("a", (Run("untouched", 1),)),
        ("a", (Run("solution", 1),)),
        ("a", (Run("untouched", 2),)),
        ("a", (Run("solution", 2),)),
        ("b", (Run("untouched", 1),)),
        ("b", (Run("untouched", 2),)),
    ]
    shared = matrix.plan(chosen, labs, repeat=2, reset=True)
    assert [task.lab.id for task in shared] == ["a", "b"]
    assert [run.round for run in shared[0].runs] == [1, 1, 2, 2]


@pytest.fixture
def workers(labs, tmp_path):
    def make(*names: str) -> list[Worker]:
        store = Store(tmp_path / "store")
        tasks = [matrix.plan({n: ["untouched"]}, labs, repeat=1, reset=False)[0] for n in names]
        return [Worker(task, store, "s") for task in tasks]

    return make


PLENTY = admission.Free(memory=10_000, reserve=500, disk=None, networks=30)
SCARCE = admission.Free(memory=1_000, reserve=500, disk=None, networks=30)


def test_environments_share_the_processors(labs, workers, monkeypatch):
    monkeypatch.setattr(matrix.os, "cpu_count", lambda: 2)
    assert matrix.fits(labs["c"], workers("a"), PLENTY, None)
    assert not matrix.fits(labs["c"], workers("a", "b"), PLENTY, None)
    assert matrix.fits(labs["b"], workers("a", "a", "a"), PLENTY, None)


def test_a_number_of_jobs_is_taken_at_its_word(labs, workers):
    assert matrix.fits(labs["c"], workers("c", "c"), PLENTY, 3)
    assert not matrix.fits(labs["a"], workers("a"), PLENTY, 1)


def test_memory_limits_whatever_the_user_says(labs, workers):
    (running,) = workers("a")
    assert not matrix.fits(labs["a"], [running], SCARCE, 8)
    running.settled = True  # what it takes is no longer free
    assert matrix.fits(labs["a"], [running], SCARCE, 8)


def test_one_alone_always_may_run(labs):
    nothing = admission.Free(memory=0, reserve=500, disk=0, networks=0)
    assert matrix.fits(labs["c"], [], nothing, None)


def test_names_of_sessions_are_names(labs, tmp_path):
    from labctl.session.model import valid_name

    store = Store(tmp_path / "12ab")
    long = labs["a"].model_copy(update={"id": "quite-a-long-name-of-alab"})
    assert valid_name(matrix._name(store, 12, long)).startswith("t12ab-12-quite")


def outcome(round: int = 1, failure: str = "", bad: tuple[Wrong, ...] = (), **outcomes: str):
    found = None if failure else report(**outcomes)
    return Outcome("a", "sham", round, 1.0, found, bad, failure)


def test_what_a_test_ends_with():
    good, bad = outcome(one="failed"), outcome(bad=(Wrong("one", "failed", "passed", ""),))
    unasked = outcome(bad=(Wrong("one", "failed", "error", ""),))
    assert results.exit_code([good]) == 0
    assert results.exit_code([good, bad]) == 1
    assert results.exit_code([bad, unasked]) == 3
    assert results.exit_code([bad, outcome(failure="no engine")]) == 3


def test_what_flakes_is_counted_by_check():
    rounds = [
        outcome(1, one="failed", two="passed"),
        outcome(2, one="failed", two="failed"),
        outcome(3, one="failed", two="failed"),
        outcome(4, failure="no engine"),
    ]
    one, two = results.tallies(rounds)
    assert (one.check, one.passed, one.failed, one.flaky) == ("one", 0, 3, False)
    assert (two.check, two.passed, two.failed, two.flaky) == ("two", 1, 2, True)


def test_a_run_is_told_as_plain_data():
    told = outcome(2, one="failed").to_json()
    assert told["ok"] is True
    assert (told["lab"], told["variant"], told["round"], told["seed"]) == ("a", "sham", 2, "seed")
    assert told["outcomes"] == {"one": "failed"}
