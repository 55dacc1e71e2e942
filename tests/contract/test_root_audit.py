"""The lab `root-audit` judges pods as Kubernetes' own Pod Security admission does.

Its published module brings pods along that each version of the standard Restricted lets in or
refuses. They are read where Go keeps the module; nothing of them is in this repository.
"""

from __future__ import annotations

import re
import runpy

import pytest
import yaml

from labctl import paths
from labctl.environment.images import golang

MODULE = "k8s.io/pod-security-admission"
# The two rules that the lab is about; `runasuser` is one since 1.23.
RULES = re.compile(r"(?:runasnonroot|runasuser)\d+\.yaml")


@pytest.fixture(scope="module")
def offences():
    """The lab's own verdict about a pod's spec."""
    file = paths.labs_dir() / "root-audit" / "checks" / "conftest.py"
    return runpy.run_path(str(file))["offences"]


@pytest.fixture(scope="module")
def pods():
    """(Version, pass or fail, file's name, the pod's spec) of every fixture of Restricted."""
    folder = golang.module_folder(paths.clusters_dir() / "node-image", MODULE)
    found = []
    for file in sorted((folder / "test" / "testdata" / "restricted").glob("v*/*/*.yaml")):
        version, outcome = file.parts[-3:-1]
        pod = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        found.append((version, outcome, file.name, pod["spec"]))
    return found


def test_root_is_found_where_upstream_refuses_it(offences, pods):
    refused = [each for each in pods if each[1] == "fail" and RULES.fullmatch(each[2])]
    assert {"runasnonroot0.yaml", "runasuser2.yaml"} <= {name for _, _, name, _ in refused}
    assert [each[:3] for each in refused if not offences(each[3])] == []


def test_nobody_is_accused_whom_upstream_lets_in(offences, pods):
    let_in = [each for each in pods if each[1] == "pass"]
    assert len({version for version, *_ in let_in}) > 30
    assert [each[:3] for each in let_in if offences(each[3])] == []


def test_what_is_refused_for_another_reason_is_not_root(offences, pods):
    others = [each for each in pods if each[1] == "fail" and not RULES.fullmatch(each[2])]
    assert others
    assert [each[:3] for each in others if offences(each[3])] == []


@pytest.mark.parametrize(
    ("pod", "container", "why"),
    [
        ({}, {"runAsNonRoot": True}, None),
        ({"runAsNonRoot": True}, None, None),
        ({"runAsNonRoot": True, "runAsUser": 0}, {"runAsUser": 7}, None),
        ({"runAsUser": 7}, {"runAsGroup": 0}, "missing"),
        ({"runAsNonRoot": True}, {"runAsNonRoot": False, "runAsUser": 7}, "switched-off"),
        ({"runAsNonRoot": False, "runAsUser": 0}, {}, "uid-0"),
        ({"runAsNonRoot": True, "runAsUser": 7}, {"runAsUser": 0}, "uid-0"),
    ],
)
@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_a_container_says_more_than_its_pod(offences, kind, pod, container, why):
    one = {"name": "x"} | ({} if container is None else {"securityContext": container})
    assert offences({"securityContext": pod, kind: [one]}) == ({"x": why} if why else {})
