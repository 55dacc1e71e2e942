"""Item 6: the node pools, as their definition has them. Nothing here is made in any cloud."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from labctl.grading import check, weakness

_FILE = "nodepools.yaml"
_GROUP = "container.cnrm.cloud.google.com/v1beta1"
_IMAGE = "COS_CONTAINERD"
_PLACE = "europe-west3"
# What stays as it is: the cluster's pools, what their machines are, and how many.
_SIZES = {"general": (3, "e2-standard-4"), "batch": (1, "e2-highmem-8")}


@pytest.fixture(scope="module")
def objects(workspace):
    """What the file defines, by kind and name."""
    try:
        found = [each for each in yaml.safe_load_all(workspace.read(_FILE)) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise AssertionError(f"{_FILE} is no YAML: {' '.join(str(e).split())[:200]}") from None
    named = {}
    for each in found:
        good = isinstance(each, dict) and each.get("apiVersion") == _GROUP
        assert good, f"{_FILE} has something that is not of {_GROUP}"
        key = (str(_at(each, "kind")), str(_at(each, "metadata", "name")))
        assert key not in named, f"{_FILE} has two of {key[0]} {key[1]}"
        named[key] = each
    return named


@pytest.fixture(scope="module")
def pools(objects):
    """Both pools, with what must not change."""
    wanted = {("ContainerCluster", "platform-c"), *(("ContainerNodePool", n) for n in _SIZES)}
    assert set(objects) == wanted, f"{_FILE} is to define one cluster and its pools, as before"
    found = {name: _at(objects["ContainerNodePool", name], "spec") for name in _SIZES}
    for name, spec in found.items():
        now = (_at(spec, "initialNodeCount"), _at(spec, "nodeConfig", "machineType"))
        place = (_at(spec, "location"), _at(spec, "clusterRef", "name"))
        same = now == _SIZES[name] and place == (_PLACE, "platform-c")
        assert same, f"the pool {name} is not what it was: {now[0]} of {now[1]} in {place[0]}"
    return found


def _at(value: object, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@weakness("careless-pools")
def test_careless_pools(objects, pools, facts):
    "One pool is not COS, one has no Secure Boot and no upgrades, and no node is shielded"
    one = pools[facts["unlike"]]
    (other,) = (spec for name, spec in pools.items() if name != facts["unlike"])
    assert _at(one, "nodeConfig", "imageType") != _IMAGE
    assert not _at(other, "nodeConfig", "shieldedInstanceConfig", "enableSecureBoot")
    assert _at(other, "management", "autoUpgrade") is False
    assert _at(objects["ContainerCluster", "platform-c"], "spec", "enableShieldedNodes") is False


@check(
    "hardened-image",
    points=2,
    hint="Container-Optimized OS with containerd is called COS_CONTAINERD.",
)
def test_hardened_image(pools):
    "Every node pool uses Container-Optimized OS"
    for name, spec in pools.items():
        found = _at(spec, "nodeConfig", "imageType")
        assert found == _IMAGE, f"the pool {name} uses {found}"


@check(
    "shielded",
    points=2,
    hint="Shielded nodes, and with them the vTPM, are the cluster's setting; Secure Boot and "
    "integrity monitoring are each pool's.",
)
def test_shielded(objects, pools):
    "Nodes are shielded: a vTPM, Secure Boot and integrity monitoring in every pool"
    cluster = objects["ContainerCluster", "platform-c"]
    assert _at(cluster, "spec", "enableShieldedNodes") is True, (
        "the cluster's nodes are not shielded"
    )
    for name, spec in pools.items():
        found = _at(spec, "nodeConfig", "shieldedInstanceConfig")
        for key in ("enableSecureBoot", "enableIntegrityMonitoring"):
            assert _at(found, key) is True, f"the pool {name} has no {key}"


@check("upgraded", points=1, hint="`management` of each pool.")
def test_upgraded(pools):
    "Every node pool is upgraded and repaired without anybody asking"
    for name, spec in pools.items():
        for key in ("autoUpgrade", "autoRepair"):
            assert _at(spec, "management", key) is True, f"the pool {name} has no {key}"
