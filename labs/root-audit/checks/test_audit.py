"""The learner's audit against the truth: what the seed, and so the API, said at the start."""

from __future__ import annotations

import pytest
import yaml
from conftest import offences

from labctl.grading import check, weakness

FIELDS = ("namespace", "deployment", "container", "why")
# Of the nine offenders, those that are running, and root, already.
ROOTS = 5


@pytest.fixture(scope="session")
def audit(workspace):
    """Reads audit.yaml: the reasons given, by container. A function, so that a bad file fails."""

    def read() -> dict[tuple[str, str, str], set[str]]:
        try:
            entries = yaml.safe_load(workspace.read("audit.yaml"))
        except (yaml.YAMLError, ValueError, RecursionError) as e:
            reason = " ".join(str(e).split())
            pytest.fail(f"audit.yaml is no YAML: {reason:.200}")
        assert entries, "audit.yaml holds no entry yet"
        assert isinstance(entries, list), "audit.yaml is to be a list of entries"
        found: dict[tuple[str, str, str], set[str]] = {}
        for number, entry in enumerate(entries, 1):
            given = entry if isinstance(entry, dict) else {}
            lacking = [field for field in FIELDS if not isinstance(given.get(field), str)]
            assert not lacking, f"entry {number} of audit.yaml has no {', '.join(lacking)}"
            *where, why = (given[field].strip().lower() for field in FIELDS)
            found.setdefault(tuple(where), set()).add(why)
        return found

    return read


@weakness("may-be-root", seconds=60)
def test_may_be_root(look, truth):
    "The API says what the seed says: who may be root, and who may not"
    told = {
        (*place, container): why
        for place, deployment in look().deployments.items()
        for container, why in offences(deployment["spec"]["template"]["spec"]).items()
    }
    assert told == truth, f"the API says: {told}"


@weakness("is-root", seconds=90)
def test_is_root(look):
    "Several of them are root already"
    roots = look().roots
    assert len(roots) == ROOTS, f"{len(roots)} run as root"


@check(
    "audit-complete",
    points=3,
    seconds=60,
    hint="A container's own setting goes before the pod's, both ways. A pod has more containers "
    "than those in `containers`. And `//` in jq takes a `false` for nothing.",
)
def test_audit_complete(audit, truth):
    "The audit names every container that may be root"
    missing = len(truth.keys() - audit().keys())
    assert not missing, f"of {len(truth)} containers that may be root, {missing} are not named"


@check(
    "audit-exact",
    points=2,
    seconds=60,
    hint="Ask for the setting that holds in the end, container by container: one that says "
    "nothing may be fine because of its pod, and a pod that says nothing because of its "
    "containers. runAsGroup is about groups.",
)
def test_audit_exact(audit, truth):
    "The audit accuses no container that cannot be root"
    accused = audit().keys()
    assert accused & truth.keys(), "the audit names no container that may be root"
    wrong = sorted("/".join(each) for each in accused - truth.keys())
    assert not wrong, f"{len(wrong)} accused wrongly, or not there at all, such as {wrong[0]}"


@check(
    "audit-reasons",
    points=2,
    seconds=60,
    hint="The first reason that fits counts: uid-0, then switched-off, then missing. Ask for both "
    "settings, runAsUser first, and in effect: a container that is silent has its pod's.",
)
def test_audit_reasons(audit, truth):
    "The audit gives the right reason for each of them, and only that"
    given = audit()
    wrong = sum(given.get(where) != {why} for where, why in truth.items())
    assert not wrong, f"for {wrong} of {len(truth)} containers the right reason is not given"
