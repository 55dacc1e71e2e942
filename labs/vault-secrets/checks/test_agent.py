"""The Agent Injector brings passwords into pods, keeps them fresh, and brings nothing else."""

from __future__ import annotations

import secrets
import time

from conftest import in_use, running, stamps

from labctl.grading import check, weakness

_ARGS = [
    "echo ${VAULT_CONFIG?} | base64 -d > /home/vault/config.json"
    " && vault agent -config=/home/vault/config.json"
]
_AGENTS = ("vault-agent", "vault-agent-init")
_ROLE = "vault.hashicorp.com/role"
_STATUS = "vault.hashicorp.com/agent-inject-status"
_ROLES = "auth/kubernetes/role"


@weakness("no-agent", seconds=60)
def test_no_agent(kube, kernel, apps):
    "No app has an agent"
    for app in apps:
        _, pods = running(kube, kernel, app)
        assert all(_STATUS not in (p.raw["metadata"].get("annotations") or {}) for p in pods)


@check(
    "injected",
    points=3,
    seconds=60,
    hint="The annotations belong into the Deployment's `spec.template.metadata`: the injector "
    "looks at pods. KEY_FILE is to name the file below /vault/secrets, and KEY must go.",
)
def test_injected(kube, kernel, vault, probe, apps):
    "Each app reads its password from a file in memory, which the agent of the injector writes"
    for app in apps:
        _, pods = running(kube, kernel, app)
        for pod in pods:
            notes = pod.raw["metadata"].get("annotations") or {}
            assert notes.get(_STATUS) == "injected", f"nothing was injected into {pod.name}"
            agents = _agents(pod)
            assert agents, f"{pod.name} has no agent"
            for agent in agents:
                same = agent["image"] == vault.image and agent.get("args") == _ARGS
                assert same, f"{agent['name']} of {pod.name} is not what the injector makes"
            _file_is_fresh(kernel, vault, probe, app, pod)


def _agents(pod) -> list[dict]:
    spec = pod.raw["spec"]
    both = [*spec["containers"], *spec.get("initContainers", [])]
    return [one for one in both if one["name"] in _AGENTS]


def _file_is_fresh(kernel, vault, probe, app, pod) -> None:
    (container,) = (c for c in pod.raw["spec"]["containers"] if c["name"] == app.name)
    env = {one["name"]: one.get("value", "") for one in container.get("env", [])}
    assert "KEY" not in env, f"{app.name} still gets KEY"
    file = env.get("KEY_FILE", "")
    assert file.startswith("/"), f"{app.name} has no KEY_FILE"
    process = kernel.process(pod.only(app.name))
    within = [m for m in kernel.mounts(process) if f"{file}/".startswith(m.place.rstrip("/") + "/")]
    place = max(within, key=lambda m: len(m.place))
    assert place.type == "tmpfs", f"{file} of {app.name} is on a disk"
    found = kernel.read(process, file)
    assert found, f"{file} of {app.name} is missing or empty"
    assert found.decode("utf-8", "replace").split("\n")[0] == in_use(vault, probe, app, [pod]), (
        f"{file} of {app.name} holds something else than it uses"
    )
    now = vault.password(app.path) or ""
    assert stamps(probe, pod, now), f"{app.name} does not use what Vault has"


@check(
    "follows-rotation",
    points=4,
    seconds=120,
    hint="The agent must stay beside the app, as a sidecar, to look for new values; and the app "
    "must read the file, not something that was copied from it when the pod began.",
)
def test_follows_rotation(kube, kernel, probe, vault, apps):
    "A new password in Vault is used by each app within 30 seconds, without a restart"
    for app in apps:
        _, pods = running(kube, kernel, app)
        before = vault.password(app.path)
        assert before, f"Vault has no `password` in secret/{app.name}"
        for pod in pods:
            assert stamps(probe, pod, before), f"{app.name} does not use what Vault has"
        began = {(p.uid, kernel.process(p.only(app.name)).pid) for p in pods}
        new = secrets.token_hex(16)
        vault.keep(app.path, new)
        try:
            seen = _all_stamp(probe, pods, new, 30)
        finally:
            vault.keep(app.path, before)
        assert seen, f"{app.name} goes on with the old password after a rotation"
        assert _all_stamp(probe, pods, before, 30), f"{app.name} follows one rotation only"
        _, pods = running(kube, kernel, app)
        now = {(p.uid, kernel.process(p.only(app.name)).pid) for p in pods}
        assert began == now, f"{app.name} was restarted to follow"


def _all_stamp(probe, pods, password: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (good := all(stamps(probe, pod, password) for pod in pods)):
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return good


@check(
    "least-privilege",
    points=4,
    seconds=90,
    hint="A policy names one path, `secret/data/till`, and one capability, `read`. A role "
    "names one account in one namespace. The grader logs in as several, with every role there is.",
)
def test_least_privilege(kube, vault, apps):
    "Each app's account may read that app's password in Vault, and that alone; no other may"
    places = {app.name: app.namespace for app in apps}
    owners = {(app.namespace, app.name): app for app in apps}
    strangers = [(place, "default") for place in (*places.values(), "default", "kube-system")]
    # The accounts' names in each other's namespaces: a role is for a name and a place.
    crossed = [(places["till"], "parcels"), (places["parcels"], "till"), ("default", "till")]
    tokens = {account: _token(kube, *account) for account in (*owners, *strangers)}
    status, answer = vault.ask("LIST", _ROLES)
    roles = answer["data"]["keys"] if status == 200 else []
    assert roles, "Vault has no role for pods"
    for account, token in tokens.items():
        may, who = _reach(vault, token, roles, apps), "/".join(account)
        own = {f"{owners[account].path}: read"} if account in owners else set()
        assert own <= may, f"the account {who} cannot read its own password"
        assert may == own, f"the account {who} may also {_few(may - own)}"
    for place, name in crossed:
        _not_bound(vault, roles, place, name)


def _token(kube, place: str, name: str) -> str:
    """What a pod with this account would log in with."""
    path = f"/api/v1/namespaces/{place}/serviceaccounts/{name}/token"
    made = kube.create(path, {"spec": {"expirationSeconds": 600}})
    assert made.ok, f"there is no token for the account {place}/{name}: {made.message}"
    return made.body["status"]["token"]


def _reach(vault, jwt: str, roles: list[str], apps) -> set[str]:
    """What an account may do in Vault, with whatever role lets it in."""
    paths = [app.path for app in apps]
    paths += [f"secret/metadata/{app.name}" for app in apps]
    paths += ["secret/data/wages", f"secret/data/{secrets.token_hex(4)}", "secret/metadata/"]
    paths += ["sys/policies/acl/default", _ROLES, "sys/auth", "auth/token/create-orphan"]
    found = set()
    for role in roles:
        status, answer = vault.ask("POST", "auth/kubernetes/login", {"role": role, "jwt": jwt})
        if status != 200:
            continue
        token = answer["auth"]["client_token"]
        _, told = vault.ask("POST", "sys/capabilities", {"token": token, "paths": paths})
        for each in paths:
            found |= {f"{each}: {c}" for c in told["data"][each] if c != "deny"}
        vault.ask("POST", "auth/token/revoke", {"token": token})
    return found


def _not_bound(vault, roles: list[str], place: str, name: str) -> None:
    """No role is for an account of this name in this namespace, though there is none today."""
    for role in roles:
        _, answer = vault.ask("GET", f"{_ROLES}/{role}")
        data = answer["data"]
        names = data.get("bound_service_account_names") or []
        spaces = data.get("bound_service_account_namespaces") or []
        selector = data.get("bound_service_account_namespace_selector")
        assert not selector, f"the role {role} is for whole kinds of namespaces"
        both = any(_fits(n, name) for n in names) and any(_fits(s, place) for s in spaces)
        assert not both, f"the role {role} is also for an account {name} in {place}"


def _fits(pattern: str, word: str) -> bool:
    head, star, tail = pattern.partition("*")
    return word.startswith(head) and word.endswith(tail) if star else pattern == word


def _few(found: set[str]) -> str:
    told = sorted(found)
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")
