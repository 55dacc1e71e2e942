from pathlib import Path
from typing import Any

import yaml

from labctl.environment import kind_config


def rendered(**settings: Any) -> dict[str, Any]:
    return kind_config.cluster(image="labctl/node:1", **settings)


def patches(config: dict[str, Any]) -> dict[str, Any]:
    return {p["kind"]: p for p in map(yaml.safe_load, config["kubeadmConfigPatches"])}


def test_the_first_node_is_the_control_plane_and_the_others_are_workers() -> None:
    nodes = rendered(nodes=3)["nodes"]
    assert [n["role"] for n in nodes] == ["control-plane", "worker", "worker"]
    assert {n["image"] for n in nodes} == {"labctl/node:1"}


def test_kind_picks_the_api_port_unless_told() -> None:
    assert "apiServerPort" not in rendered()["networking"]
    assert rendered(api_port=16443)["networking"]["apiServerPort"] == 16443


def test_the_api_is_not_published_to_the_network_by_default() -> None:
    assert rendered()["networking"]["apiServerAddress"] == "127.0.0.1"


def test_subnets_can_be_moved_out_of_the_way_of_an_outer_cluster() -> None:
    networking = rendered(pod_subnet="10.245.0.0/16", service_subnet="10.97.0.0/16")["networking"]
    assert networking["podSubnet"] == "10.245.0.0/16"
    assert networking["serviceSubnet"] == "10.97.0.0/16"


def test_the_kubelet_is_told_of_cgroup_v1_only_where_it_is() -> None:
    assert "KubeletConfiguration" not in patches(rendered())
    assert patches(rendered(cgroup_v1=True))["KubeletConfiguration"]["failCgroupV1"] is False


def test_what_kind_sets_for_the_controller_manager_is_kept() -> None:
    args = patches(rendered())["ClusterConfiguration"]["controllerManager"]["extraArgs"]
    assert {"name": "enable-hostpath-provisioner", "value": "true"} in args


def test_an_audit_log_is_the_control_planes() -> None:
    config = rendered(nodes=2, audit=Path("/session/audit"), trust=Path("/session/trust"))
    first, second = ([m["hostPath"] for m in n["extraMounts"]] for n in config["nodes"])
    assert first == ["/session/trust", "/session/audit"]
    assert second == ["/session/trust"]
    server = patches(config)["ClusterConfiguration"]["apiServer"]
    arguments = {a["name"]: a["value"] for a in server["extraArgs"]}
    assert arguments["audit-log-path"] == kind_config.AUDIT_LOG
    assert arguments["runtime-config"] == ""
    where = {v["mountPath"] for v in server["extraVolumes"]}
    assert where == {
        str(Path(arguments["audit-policy-file"]).parent),
        str(Path(kind_config.AUDIT_LOG).parent),
    }


def test_without_one_the_api_server_is_as_kind_has_it() -> None:
    assert "apiServer" not in patches(rendered())["ClusterConfiguration"]
    assert rendered()["nodes"][0]["extraMounts"] == []
