"""Gatekeeper's verdicts are those that published policies promise for their own samples.

The policies, and samples of what they allow and refuse, come with Gatekeeper's module: those of a
made-up bank, and those that once were pod security policies.
"""

from __future__ import annotations

import pytest
import yaml

from labctl.environment import addons as installer
from labctl.environment.images import golang
from labctl.environment.kind import KindProvider
from labctl.environment.kubeapi import KubeAPI
from labctl.lab import addons
from tests.contract.conftest import place_for

pytestmark = [pytest.mark.engine, pytest.mark.kind]

BANK = "demo/agilebank"
PODS = "pkg/webhook/testdata/psp-all-violations"
POLICIES = {
    f"{BANK}/templates": ["k8sallowedrepos", "k8scontainterlimits", "k8srequiredlabels"],
    f"{PODS}/psp-templates": [""],  # all
    f"{BANK}/constraints": ["containers_must", "owner_must", "prod_repo"],
    f"{PODS}/psp-constraints": [""],  # all
}
ALLOWED = [f"{BANK}/good_resources/namespace.yaml", f"{BANK}/good_resources/opa.yaml"]
REFUSED = {
    f"{BANK}/bad_resources/namespace.yaml": "all-must-have-owner",
    f"{BANK}/bad_resources/opa_limits_too_high.yaml": "container-must-have-limits",
    f"{BANK}/bad_resources/opa_no_limits.yaml": "container-must-have-limits",
    f"{BANK}/bad_resources/opa_wrong_repo.yaml": "prod-repo-is-openpolicyagent",
    f"{PODS}/psp-pods/host-filesystem-example.yaml": "psp-host-filesystem",
    f"{PODS}/psp-pods/host-namespaces-example.yaml": "psp-host-namespace",
    f"{PODS}/psp-pods/host-network-example.yaml": "psp-host-network-ports",
    f"{PODS}/psp-pods/privileged-containers-example.yaml": "psp-privileged-container",
    f"{PODS}/psp-pods/volumes-example.yaml": "psp-volume-types",
}


@pytest.fixture(scope="module")
def module():
    """The folder of Gatekeeper's module."""
    lock = addons.images()["gatekeeper"]
    return golang.module_folder(lock, "github.com/open-policy-agent/gatekeeper/v3")


@pytest.fixture(scope="module")
def cluster(client, module, tmp_path_factory):
    """The API of a cluster with the add-on, in which the policies are in force."""
    with place_for("gatekeeper", client, tmp_path_factory.mktemp("store")) as place:
        provider = KindProvider(client)
        provider.create(place, "cluster")
        installer.install(provider, place, "cluster", addons.load("gatekeeper"))
        installer.await_ready(provider, place, "cluster", addons.load("gatekeeper"))
        api = KubeAPI(place.kubeconfig("cluster"))
        space = yaml.safe_load((module / ALLOWED[0]).read_text())
        assert api.create("/api/v1/namespaces", space).ok
        account = "/api/v1/namespaces/production/serviceaccounts/default"
        assert api.wait(lambda: api.get(account))
        made = [
            policy
            for folder, names in POLICIES.items()
            for name in names
            for file in sorted((module / folder).glob(f"{name}*.yaml"))
            for policy in yaml.safe_load_all(file.read_text())
        ]
        for policy in made:
            assert api.wait(lambda policy=policy: api.create(_path(policy), policy).ok, seconds=20)
        assert api.wait(lambda: all(_in_force(api, policy) for policy in made), seconds=30)
        yield api


def _path(policy) -> str:
    """Where the objects of a policy's kind are made."""
    kind = policy["kind"].lower()
    plural = "constrainttemplates" if kind == "constrainttemplate" else kind
    return f"/apis/{policy['apiVersion']}/{plural}"


def _in_force(api: KubeAPI, policy) -> bool:
    found = api.get(f"{_path(policy)}/{policy['metadata']['name']}") or {}
    # Gatekeeper writes the status first without a list, then with a null one, then fills it.
    told = (found.get("status", {}).get("byPod") or [{}])[0]
    assert not told.get("errors"), told
    return told.get("observedGeneration") == found["metadata"]["generation"]


def _verdict(api: KubeAPI, file) -> str:
    """What is said to the sample; empty: it is welcome."""
    sample = yaml.safe_load(file.read_text())
    space = sample["metadata"].get("namespace", "default")
    kinds = {"Namespace": "namespaces", "Pod": f"namespaces/{space}/pods"}
    answer = api.create(f"/api/v1/{kinds[sample['kind']]}", sample, dry_run=True)
    return "" if answer.ok or answer.body["reason"] == "AlreadyExists" else answer.message


@pytest.mark.parametrize("sample", ALLOWED)
def test_what_a_policy_allows_is_welcome(cluster, module, sample):
    assert _verdict(cluster, module / sample) == ""


@pytest.mark.parametrize("sample", REFUSED)
def test_what_a_policy_forbids_is_refused_by_that_policy(cluster, module, sample):
    verdict = _verdict(cluster, module / sample)
    assert "validation.gatekeeper.sh" in verdict
    assert f"[{REFUSED[sample]}]" in verdict
