"""Item 5: passwords come from Vault by its agents, and are in no object of the cluster."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time

from conftest import answers

from labctl.grading import check, weakness
from labctl.grading.vault import spellings

_STATUS = "vault.hashicorp.com/agent-inject-status"
_AGENTS = ("vault-agent", "vault-agent-init")
_ARGS = [
    "echo ${VAULT_CONFIG?} | base64 -d > /home/vault/config.json"
    " && vault agent -config=/home/vault/config.json"
]
_LISTS = (
    *("/api/v1/pods", "/api/v1/secrets", "/api/v1/configmaps"),
    *("/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets"),
    *("/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"),
)


@weakness("plain", seconds=60)
def test_plain(shop, probe):
    "Both apps use passwords that are in the cluster's own objects"
    for app in shop.with_password:
        for one in shop.pods[app.name]:
            answers(probe, one, app.leaked)


@check(
    "injected",
    points=4,
    seconds=120,
    hint="The annotations belong into spec.template.metadata. Roles and policies are called as "
    "the apps are. `kubectl logs POD -c vault-agent-init` tells what the agent misses: the way to "
    "Vault, perhaps.",
)
def test_injected(shop, probe, kernel, vault):
    "Each app reads what Vault has from a file in memory, which an agent keeps fresh beside it"
    for app in shop.with_password:
        password = vault.password(app.path)
        assert password, f"Vault has no password in {app.path} any more"
        for one in shop.pods[app.name]:
            _injected(one, vault)
            file = _file(one, app.name)
            process = kernel.process(one.only(app.name))
            within = [
                m for m in kernel.mounts(process) if file.startswith(f"{m.place.rstrip('/')}/")
            ]
            assert max(within, key=lambda m: len(m.place)).type == "tmpfs", f"{file} is on a disk"
            answers(probe, one, password)
        _follows(shop, probe, vault, app, password)


def _injected(one, vault) -> None:
    notes = one.raw["metadata"].get("annotations") or {}
    assert notes.get(_STATUS) == "injected", f"nothing was injected into {one.name}"
    spec = one.raw["spec"]
    both = [*spec["containers"], *spec.get("initContainers", [])]
    agents = [each for each in both if each["name"] in _AGENTS]
    assert agents, f"{one.name} has no agent"
    for agent in agents:
        same = agent["image"] == vault.image and agent.get("args") == _ARGS
        assert same, f"{agent['name']} of {one.name} is not what the injector makes"


def _file(one, name: str) -> str:
    (own,) = (each for each in one.raw["spec"]["containers"] if each["name"] == name)
    values = {each["name"]: each.get("value", "") for each in own.get("env", [])}
    assert "KEY" not in values, f"{name} still gets KEY"
    assert values.get("KEY_FILE", "").startswith("/"), f"{name} has no KEY_FILE"
    return values["KEY_FILE"]


def _follows(shop, probe, vault, app, before: str) -> None:
    new = secrets.token_hex(16)
    vault.keep(app.path, new)
    try:
        seen = _all_stamp(shop.pods[app.name], probe, new)
    finally:
        vault.keep(app.path, before)
    assert seen, f"{app.name} goes on with the old password after a rotation"
    assert _all_stamp(shop.pods[app.name], probe, before), f"{app.name} follows one rotation only"


def _all_stamp(pods, probe, password: str) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            for one in pods:
                answers(probe, one, password)
        except AssertionError:
            time.sleep(0.5)
        else:
            return True
    return False


@check(
    "nowhere-else",
    points=3,
    seconds=60,
    hint="`kubectl get secrets,configmaps -A`, and the env of every Deployment. Base64 is an "
    "alphabet, not a lock.",
)
def test_nowhere_else(shop, kube, vault):
    "No Secret, ConfigMap, pod or controller holds a password of the shop, be it old or new"
    words = [vault.token]
    for app in shop.with_password:
        words += [app.leaked, vault.password(app.path) or app.leaked]
    wanted = spellings(words)
    for path in _LISTS:
        for item in kube.list(path):
            values = [*(item.get("data") or {}).values(), *(item.get("binaryData") or {}).values()]
            held = b"\n".join([json.dumps(item).encode(), *map(_decoded, values)])
            where = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            kind = path.rpartition("/")[2][:-1]
            assert not any(word in held for word in wanted), f"there is one in the {kind} {where}"


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except (ValueError, binascii.Error):
        return b""
