"""What production runs is signed, and what is not signed does not get in."""

from __future__ import annotations

import time

from conftest import Trial, name_of

from labctl.grading import check, weakness
from labctl.grading.rollout import rolled_out

_POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
_HOOK = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/policy.sigstore.dev"
# As policy-controller was installed, and what it has added itself.
_SELECTOR = [
    {"key": "webhooks.knative.dev/exclude", "operator": "DoesNotExist"},
    {"key": "policy.sigstore.dev/include", "operator": "In", "values": ["true"]},
]


def _running(pod) -> set[tuple[str, str]]:
    """Repository and digest of the images that a pod's containers run, as the node has them."""
    status = pod.raw.get("status", {})
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    found = set()
    for one in (one for kind in kinds for one in status.get(kind, [])):
        name, _, digest = one["imageID"].rpartition("@")
        found.add((name.partition("/")[2], digest))
    return found


def _few(found: list[str]) -> str:
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


@weakness("unsigned", seconds=60)
def test_unsigned(kube, apps, signatures, keys):
    "Production runs images that the release key has never signed"
    for app in apps:
        _, pods = rolled_out(kube, app.namespace, app.name)
        for repository, digest in _running(pods[0]):
            assert not signatures.has(repository, digest, keys["release"]), f"{app.name} is signed"


@weakness("all-let-in", seconds=60)
def test_all_let_in(court, stock, production):
    "Every image is let into production, whoever has made it"
    name = name_of(stock.unsigned())
    found = court.kept_out([Trial("an image without a signature", n, (name,)) for n in production])
    assert not found, _few(found)


@weakness("stranger-runs", seconds=60)
def test_stranger_runs(kube, facts, registry, signatures, keys):
    "A program that no pipeline has built runs in production, and developers' key has signed it"
    _, pods = rolled_out(kube, "payments", facts["stranger"])
    for repository, digest in _running(pods[0]):
        assert registry.image(repository, digest).environment["KEY"] == facts["other-key"]
        assert signatures.has(repository, digest, keys["developers"])


@check(
    "signed",
    points=3,
    seconds=60,
    hint="`cosign sign --key ... registry:5000/shop/web@sha256:...` in the pipeline, for every "
    "app. `cosign verify --key release.pub` shows whether it worked.",
)
def test_signed(kube, apps, registry, signatures, keys):
    "Each app runs an image that the pipeline built, and that the release key has signed"
    for app in apps:
        _, pods = rolled_out(kube, app.namespace, app.name)
        for pod in pods:
            for repository, digest in _running(pod):
                its_key = registry.image(repository, digest).environment.get("KEY")
                assert its_key == app.key, f"{app.name} runs what the pipeline has not built"
                signed = signatures.has(repository, digest, keys["release"])
                assert signed, f"{app.name} runs an image that the release key has not signed"


@check(
    "unsigned-refused",
    points=3,
    seconds=90,
    hint="Two things are needed: a ClusterImagePolicy with `mode: enforce` (the default), and on "
    "each namespace of production the label policy.sigstore.dev/include=true.",
)
def test_unsigned_refused(kube, court, stock, production):
    "Production refuses images without a signature, in any container"
    _as_installed(kube)
    bad, good = name_of(stock.unsigned()), name_of(stock.signed("release"))
    trials = [Trial("an image without a signature", place, (bad,)) for place in production]
    trials += [
        Trial("one beside a signed image", production[0], (good, bad)),
        Trial("one in an init container", production[1], (good,), (bad,)),
    ]
    # A new policy takes a moment to count.
    kube.wait(lambda: not court.let_in(trials[:1]), seconds=4, every=0.5)
    found = court.let_in(trials)
    assert not found, _few(found)


@check(
    "wrongly-signed-refused",
    points=3,
    seconds=90,
    hint="In a policy, any one of the authorities is enough. Whose keys are in it? And a signature "
    "is about a digest: a tag may mean another image a moment later.",
)
def test_wrongly_signed_refused(kube, court, stock, production, keys):
    "Production refuses images with another's signature, and no policy trusts another key"
    _as_installed(kube)
    lifted, moved = name_of(stock.misled()), stock.moved()
    trials = [
        Trial(f"an image that {who} have signed", place, (name_of(stock.signed(key)),))
        for place in production
        for who, key in (("developers", "developers"), ("strangers", "stranger"))
    ]
    trials += [
        Trial("an image with the signature of another", production[0], (lifted,)),
        Trial("a tag that meant a signed image a moment ago", production[1], (moved,)),
    ]
    found = court.let_in(trials)
    assert not found, _few(found)
    for policy in kube.list(_POLICIES):
        for authority in policy["spec"].get("authorities", []):
            named = f"{policy['metadata']['name']}, {authority.get('name', 'unnamed')}"
            if authority.get("static", {}).get("action") == "fail":
                continue
            pem = authority.get("key", {}).get("data", "")
            assert keys["release"].is_public(pem), f"not only the release key is trusted: {named}"


@check(
    "signed-runs",
    points=3,
    seconds=90,
    hint="Images that the release key has signed must get in, and every app must be able to start "
    "again. `kubectl rollout restart` asks the same question.",
)
def test_signed_runs(kube, apps, court, stock, production):
    "What the release key has signed is let into production, and every app can start again"
    _strict(court, stock, production)
    trials = [
        Trial(
            "an image that the release key has signed", place, (name_of(stock.signed("release")),)
        )
        for place in production
    ]
    good = name_of(stock.signed("release"))
    trials.append(Trial("signed images in all containers", production[0], (good, good), (good,)))
    found = court.kept_out(trials)
    assert not found, _few(found)
    again = {
        "kubectl.kubernetes.io/restartedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    }
    for app in apps:
        deployment, _ = rolled_out(kube, app.namespace, app.name)
        path = f"/apis/apps/v1/namespaces/{app.namespace}/deployments/{app.name}"
        body = {"spec": {"template": {"metadata": {"annotations": again}}}}
        before = deployment["metadata"]["generation"]
        answer = kube.patch(path, body)
        assert answer.ok, f"{app.name} cannot be restarted: {answer.message}"
        after, _ = rolled_out(kube, app.namespace, app.name, 40)
        assert after["metadata"]["generation"] > before, f"{app.name} was not restarted"


@check(
    "stranger-gone",
    points=2,
    seconds=60,
    hint="Admission looks at what comes, never at what is there. Which pods in production are "
    "older than the policy, and who has built them? Signing a stranger's program does not help.",
)
def test_stranger_gone(kube, facts, production, registry, signatures, keys):
    "Nothing runs in production but what the release key has signed, and the stranger is not signed"
    repository = f"shop/{facts['stranger']}"
    for tag in registry.tags(repository):
        digest = registry.find(repository, tag)[0]
        if not tag.endswith(".sig"):
            signed = signatures.has(repository, digest, keys["release"])
            assert not signed, f"the release key has signed {repository}:{tag}"
    for place in production:
        for pod in kube.pods(place):
            for repository, digest in _running(pod):
                signed = signatures.has(repository, digest, keys["release"])
                assert signed, f"{pod.name} in {place} runs an image without the right signature"
                named = registry.image(repository, digest).environment.get("KEY")
                assert named != facts["other-key"], f"{pod.name} in {place} is the stranger"


@check(
    "others-served",
    points=2,
    seconds=60,
    hint="policy-controller looks only at namespaces with its label. Which need it?",
)
def test_others_served(court, stock, production):
    "Developers and the cluster itself go on without signatures, while production does not"
    _strict(court, stock, production)
    name = name_of(stock.unsigned())
    trials = [Trial("an image without a signature", n, (name,)) for n in ("dev", "kube-system")]
    found = court.kept_out(trials)
    assert not found, _few(found)


def _strict(court, stock, production) -> None:
    """That something gets in says nothing where everything does."""
    bad = name_of(stock.unsigned())
    found = court.let_in([Trial("an image without a signature", n, (bad,)) for n in production])
    assert not found, _few(found)


def _as_installed(kube) -> None:
    """Every pod of a namespace with the label is shown to policy-controller."""
    item = kube.get(_HOOK)
    assert item, "the webhook configuration policy.sigstore.dev is gone"
    (hook,) = item["webhooks"]
    changed = [
        key
        for key, value in (
            ("failurePolicy", "Fail"),
            ("namespaceSelector", {"matchExpressions": _SELECTOR}),
            ("objectSelector", {}),
            ("matchConditions", None),
        )
        if hook.get(key) != value
    ]
    assert not changed, f"policy-controller's webhook was changed: {', '.join(changed)}"
