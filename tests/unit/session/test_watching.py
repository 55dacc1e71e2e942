"""What the probe is told to watch: facts filled in, machines and pods as it can find them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from labctl.environment.model import Found
from labctl.errors import EnvironmentFailure
from labctl.lab.model import Watch
from labctl.session import watching

CONFIG = {
    "clusters": [{"cluster": {"certificate-authority-data": "CA", "server": "https://x"}}],
    "users": [{"user": {"client-certificate-data": "CERT", "client-key-data": "KEY"}}],
}


class Probe:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def client(self) -> Probe:
        return self

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def request(self, op: str, timeout: float, **args: Any) -> dict[str, Any]:
        assert op == "watch"
        self.told.append(args)
        return {}


def session(tmp_path, watch, state="running"):
    (tmp_path / "config").write_text(yaml.safe_dump(CONFIG))
    addresses = {
        "cluster": {"kind": "10.9.0.9"},
        "shop": {"back": "10.1.0.2", "front": "10.2.0.2"},
        "customer": {"front": "10.2.0.3"},
    }
    networks = {name: SimpleNamespace(networks=list(a)) for name, a in addresses.items()}
    return SimpleNamespace(
        lab=SimpleNamespace(
            watch={name: Watch.model_validate(w) for name, w in watch.items()}, machines=networks
        ),
        place=SimpleNamespace(
            facts={"hidden": "depot", "db-port": "5433", "motto": "cheap"},
            kubeconfig=lambda machine: tmp_path / "config",
        ),
        probe=Probe(),
        find=lambda name: Found(name, "x", state, f"id-{name}", 7, "", addresses[name]),
    )


def test_nothing_to_watch_asks_nobody(tmp_path):
    scene = session(tmp_path, {})
    watching.begin(scene)
    assert scene.probe.told == []


def test_between_machines_in_a_network_that_both_are_in(tmp_path):
    watch = {
        "from": {"machine": "customer"},
        "to": {"machine": "shop", "port": 8080},
        "path": "/",
        "says": "good and $motto",
    }
    scene = session(tmp_path, {"shop": watch})
    watching.begin(scene)
    assert scene.probe.told == [
        {
            "watches": [
                {
                    "name": "shop",
                    "from": {"container": "id-customer"},
                    "to": {"address": "10.2.0.2"},
                    "port": 8080,
                    "path": "/",
                    "send": "",
                    "says": "good and cheap",
                    "every": 0.5,
                    "seconds": 1.0,
                }
            ],
            "clusters": {},
        }
    ]


def test_pods_are_found_by_the_probe_with_the_clusters_keys(tmp_path):
    watch = {
        "from": {"machine": "cluster", "namespace": "dev", "labels": {"app": "report"}},
        "to": {"machine": "cluster", "namespace": "$hidden", "port": "$db_port"},
    }
    scene = session(tmp_path, {"line": watch})
    watching.begin(scene)
    (told,) = scene.probe.told
    (line,) = told["watches"]
    assert line["from"] == {"cluster": "cluster", "namespace": "dev", "labels": {"app": "report"}}
    assert line["to"] == {"cluster": "cluster", "namespace": "depot", "labels": {}}
    assert line["port"] == 5433
    assert told["clusters"] == {
        "cluster": {
            "container": "id-cluster",
            "authority": "CA",
            "certificate": "CERT",
            "key": "KEY",
        }
    }


def test_an_address_is_taken_as_the_source_knows_it(tmp_path):
    watch = {"from": {"machine": "shop"}, "to": {"address": "127.0.0.1", "port": 80}}
    scene = session(tmp_path, {"self": watch})
    watching.begin(scene)
    assert scene.probe.told[0]["watches"][0]["to"] == {"address": "127.0.0.1"}


def test_what_cannot_be_watched_is_told(tmp_path):
    watch = {"from": {"machine": "shop"}, "to": {"address": "127.0.0.1", "port": 80}}
    with pytest.raises(EnvironmentFailure, match="`shop`, which is to be watched, does not run"):
        watching.begin(session(tmp_path, {"self": watch}, state="paused"))
    pods = {"from": {"machine": "cluster", "namespace": "dev"}, "to": watch["to"]}
    scene = session(tmp_path, {"self": pods})
    (tmp_path / "config").write_text("users: []")
    with pytest.raises(EnvironmentFailure, match="kubeconfig"):
        watching.begin(scene)
