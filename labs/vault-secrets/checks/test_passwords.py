"""Where passwords are, and where they must not be."""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from functools import partial

from conftest import in_use, running, stamps

from labctl.grading import check, weakness
from labctl.grading.vault import spellings

# Its log, which is beside that, outlives a reset; what is in there now is here.
_ETCD = "/var/lib/etcd/member/snap"
_PODS = "/api/v1/pods"
_CONTROLLERS = (
    *("/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets"),
    *("/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs", "/api/v1/replicationcontrollers"),
)
_LEAST = 16


@weakness("plain", seconds=60)
def test_plain(kube, kernel, probe, machine, apps):
    "Both apps use passwords that lie in the cluster's database, for everybody to read"
    for app in apps:
        _, pods = running(kube, kernel, app)
        for pod in pods:
            assert stamps(probe, pod, app.leaked), f"{app.name} uses another password"
        assert _in_etcd(machine, app.leaked), f"the password of {app.name} is not in etcd"


@check(
    "works",
    points=2,
    seconds=60,
    hint="`vault kv put secret/till password=...` on the operator's machine, and KEY_FILE in the "
    "Deployment names the file that the app reads. `kubectl describe pod` tells more.",
)
def test_works(kube, kernel, probe, vault, apps):
    "Both apps run, and stamp with the passwords that Vault has for them"
    for app in apps:
        _, pods = running(kube, kernel, app)
        password = vault.password(app.path)
        assert password, f"Vault has no `password` in secret/{app.name}"
        for pod in pods:
            good = kube.wait(partial(stamps, probe, pod, password), seconds=8, every=0.5)
            assert good, f"{app.name} stamps with something else than Vault has"


@check(
    "rotated",
    points=2,
    seconds=60,
    hint="Whoever has read the old password still has it. Vault needs a new one for each app, that "
    f"nobody has chosen: {_LEAST} signs at least, as of `openssl rand -hex 16`. vault.sh makes it, "
    "and does not tell it.",
)
def test_rotated(kube, kernel, probe, vault, apps, workspace):
    "What leaked is worth nothing any more: each app uses a new password, that no file tells"
    found = []
    for app in apps:
        _, pods = running(kube, kernel, app)
        password = in_use(vault, probe, app, pods)
        assert password != app.leaked, f"{app.name} still uses the password that leaked"
        assert password not in {a.leaked for a in apps}, f"{app.name} uses another's leak"
        assert len(password) >= _LEAST, f"the password of {app.name} is too short"
        found.append(password)
    assert len(set(found)) == len(found), "both apps have the same password"
    if workspace.exists("vault.sh"):
        script = workspace.read("vault.sh").encode()
        told = [a.name for a, p in zip(apps, found, strict=True) if _holds(script, [p])]
        assert not told, f"vault.sh tells the password of {' and '.join(told)}"


@check(
    "no-secret",
    points=2,
    seconds=60,
    hint="`kubectl get secrets,configmaps -A`. A Secret is a ConfigMap with another name: its "
    "values are in base64, which everybody can undo. What Vault keeps is to be in neither.",
)
def test_no_secret(kube, vault, apps, facts):
    "No Secret and no ConfigMap holds a password, be it old or new, or a token of Vault"
    words = [*_words(vault, apps), *_tokens(vault, facts)]
    for kind in ("secrets", "configmaps"):
        for item in kube.list(f"/api/v1/{kind}"):
            texts = [json.dumps(item.get("data") or {}), *(item.get("data") or {}).values()]
            raw = [_decoded(value) for value in (item.get("data") or {}).values()]
            raw += [_decoded(value) for value in (item.get("binaryData") or {}).values()]
            meta = json.dumps(item["metadata"])
            held = _holds(b"\n".join([*(t.encode() for t in texts), *raw, meta.encode()]), words)
            where = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            assert not held, f"there is one in the {kind[:-1]} {where}"


@check(
    "not-in-spec",
    points=2,
    seconds=60,
    hint="`kubectl get deployments -A -o yaml`: what is in `env`, `args` or annotations is there "
    "for whoever may look at pods. A pod needs no token of Vault either: it has its own account.",
)
def test_not_in_spec(kube, vault, apps, facts):
    "No pod and no controller names a password, be it old or new, or a token of Vault"
    words = [*_words(vault, apps), *_tokens(vault, facts)]
    for path in (_PODS, *_CONTROLLERS):
        for item in kube.list(path):
            where = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            held = _holds(json.dumps(item).encode(), words)
            assert not held, f"there is one in {path.rpartition('/')[2][:-1]} {where}"
    # Old revisions of a Deployment stay for a while; what has leaked may be there.
    current = {*words} - {app.leaked for app in apps}
    for item in kube.list("/apis/apps/v1/replicasets"):
        name = item["metadata"]["name"]
        assert not _holds(json.dumps(item).encode(), current), f"there is one in replicaset {name}"


@check(
    "not-in-etcd",
    points=3,
    seconds=90,
    hint="What was once in the cluster's database may stay in its files for long, also when the "
    "object is deleted. Rotate again, and write the new password to Vault alone.",
)
def test_not_in_etcd(kube, kernel, probe, machine, vault, apps):
    "The passwords in use are in no file of the cluster's database"
    for app in apps:
        _, pods = running(kube, kernel, app)
        password = in_use(vault, probe, app, pods)
        assert not _in_etcd(machine, password), f"the password of {app.name} is in etcd's files"


def _words(vault, apps) -> list[str]:
    """All passwords, old and new."""
    return [word for app in apps for word in (app.leaked, vault.password(app.path)) if word]


def _tokens(vault, facts) -> list[str]:
    """Tokens that open all of Vault."""
    return [vault.token, f"operator-{facts['vault-token']}"]


def _holds(data: bytes, words) -> bool:
    return any(spelling in data for spelling in spellings(words))


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _in_etcd(machine, password: str) -> bool:
    """Whether etcd's files hold a password, in any spelling: the node's disk, the grader's grep."""
    wanted = " ".join(f"-e {shlex.quote(s.decode())}" for s in sorted(spellings([password])))
    done = machine("cluster").run(f"grep -rlF {wanted} {_ETCD}")
    assert done.rc in (0, 1), f"etcd's files cannot be read: {done.stderr.strip()}"
    return done.rc == 0
