"""What the cluster admits. Every pod is tried by a dry run: nothing is made."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from labctl.grading import check, weakness
from labctl.grading.rollout import rolled_out

DIGEST = "sha256:" + "5e" * 32
GOOD = f"registry:5000/shop/web@{DIGEST}"
BOTH = f"registry:5000/shop/web:v1.2@{DIGEST}"
# Names that are no digest, however they look.
TAGS = (
    "registry:5000/shop/web:v1.2",
    "registry:5000/shop/web",
    "web",
    f"registry:5000/shop/web:sha256-{'5e' * 32}",
    f"registry:5000/sha256/{'5e' * 32}:v1.2",
)


def _pod(*more: dict, image: str = GOOD, **spec) -> dict:
    name = f"{secrets.choice(('front', 'queue', 'mail'))}-{secrets.token_hex(3)}"
    containers = [{"name": "main", "image": image}, *more]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def _bad() -> dict[str, dict]:
    other = {"name": "other", "image": TAGS[0]}
    found = {f"the image {image}": _pod(image=image) for image in TAGS}
    found["a tag in a second container"] = _pod(other)
    found["a tag in an init container"] = _pod(initContainers=[other])
    found["a tag in a sidecar"] = _pod(initContainers=[{**other, "restartPolicy": "Always"}])
    return found


def _good() -> dict[str, dict]:
    helper = {"name": "helper", "image": BOTH}
    return {
        "a digest": _pod(),
        "a tag and a digest": _pod(image=BOTH),
        "digests in all containers": _pod({**helper, "name": "side"}, initContainers=[helper]),
    }


def _odd(kube, pods: dict[str, dict], places, *, admitted: bool) -> list[str]:
    """Those that the cluster treats otherwise than it should, in words."""

    def wrong(case) -> str:
        (name, pod), place = case
        answer = kube.create(f"/api/v1/namespaces/{place}/pods", pod, dry_run=True)
        if answer.ok == admitted:
            return ""
        return f"{name} in {place}" + (f" ({answer.message})" if answer.message else "")

    with ThreadPoolExecutor(10) as pool:
        return [text for text in pool.map(wrong, product(pods.items(), places)) if text]


def _few(found: list[str]) -> str:
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


@weakness("tags-welcome")
def test_tags_welcome(kube, production):
    "Production takes pods by tags"
    found = _odd(kube, {"a tag": _pod(image=TAGS[0])}, production, admitted=True)
    assert not found, _few(found)


@check(
    "tags-refused",
    points=4,
    seconds=60,
    hint="A ValidatingAdmissionPolicy needs a binding, and its action Deny. Pods have three lists "
    "of containers. A digest is @sha256: and 64 signs, at the end of the name.",
)
def test_tags_refused(kube, production):
    "Production refuses pods that name an image by a tag, in any of their containers"
    # Where a careful pod is refused, too, a refusal says nothing about tags.
    found = _odd(kube, {"a digest": _pod()}, production, admitted=True)
    assert not found, f"everything is refused: {_few(found)}"
    found = _odd(kube, _bad(), production, admitted=False)
    assert not found, f"admitted: {_few(found)}"


@check(
    "changes-refused",
    points=2,
    seconds=60,
    hint="A pod's image may be changed while it runs (`kubectl set image pod/...`): an UPDATE of "
    "pods. `kubectl debug` adds a container: an UPDATE of pods/ephemeralcontainers.",
)
def test_changes_refused(kube, apps):
    "A tag cannot get into a pod that runs, either"
    for app in apps:
        _, pods = rolled_out(kube, app.namespace, app.name)
        path = f"/api/v1/namespaces/{app.namespace}/pods/{pods[0].name}"
        name = pods[0].raw["spec"]["containers"][0]["name"]
        for image, admitted in ((TAGS[0], False), (GOOD, True)):
            change = {"spec": {"containers": [{"name": name, "image": image}]}}
            _merged(kube, path, change, image, admitted)
            debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": image}]}}
            _merged(kube, f"{path}/ephemeralcontainers", debug, image, admitted)


def _merged(kube, path: str, change: dict, image: str, admitted: bool) -> None:
    answer = kube.request(
        "PATCH",
        path,
        params={"dryRun": "All"},
        json=change,
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    )
    what = "refused" if admitted else "admitted"
    assert answer.ok == admitted, f"{what}: {image} as a change of {path}. {answer.message}"


@check(
    "others-served",
    points=2,
    seconds=60,
    hint="The namespaces of production have a label in common. A binding can say which namespaces "
    "it is for.",
)
def test_others_served(kube, production):
    "Production takes digests, while dev and kube-system may use tags"
    found = _odd(kube, _good(), production, admitted=True)
    assert not found, f"refused: {_few(found)}"
    found = _odd(kube, _bad(), production, admitted=False)
    assert not found, f"production takes tags: {_few(found)}"
    found = _odd(kube, _bad(), ("dev", "kube-system"), admitted=True)
    assert not found, f"refused: {_few(found)}"
