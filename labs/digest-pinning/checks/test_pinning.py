"""Production runs by digests: of the right images, whatever happens to their tags."""

from __future__ import annotations

import time

from conftest import PINNED, images

from labctl.grading import check, weakness
from labctl.grading.rollout import rolled_out

_RESTART = 40.0


def _running(pod) -> set[str]:
    """The digests of the images that a pod's containers run, as the node has them."""
    statuses = pod.raw.get("status", {}).get("containerStatuses", [])
    return {one["imageID"].rpartition("@")[2] for one in statuses}


@weakness("tags-moved", seconds=60)
def test_tags_moved(apps, registry, kube):
    "Production names tags, and these mean other images by now"
    for app in apps:
        deployment, pods = rolled_out(kube, app.namespace, app.name)
        named = images(deployment["spec"]["template"]["spec"])
        assert named == [f"registry:5000/{app.repository}:v1.2"], f"{app.name} names {named}"
        now = registry.image(app.repository, "v1.2").digest
        assert now not in _running(pods[0]), f"the tag of {app.name} still means what runs"


@weakness("released-runs", seconds=60)
def test_released_runs(apps, kube, key_of):
    "What runs was released: it does not know yet what the tags mean by now"
    for app in apps:
        _, pods = rolled_out(kube, app.namespace, app.name)
        assert key_of(pods[0], app.key), f"{app.name} does not run what was released"


@check(
    "pinned",
    points=4,
    seconds=60,
    hint="An image's name may end with @sha256:... instead of a tag. `release-1.2.md` has what the "
    "pipeline pushed. What a tag means now is not what it meant then.",
)
def test_pinned(apps, registry, kube):
    "Each app names the image that was released by its digest, and runs that"
    for app in apps:
        deployment, pods = rolled_out(kube, app.namespace, app.name)
        for image in images(deployment["spec"]["template"]["spec"]):
            match = PINNED.fullmatch(image)
            assert match, f"{app.name} runs {image}, and what that means may change"
            its_key = registry.image(match["repository"], match["digest"]).environment.get("KEY")
            assert its_key == app.key, f"{app.name} is pinned, to an image not released"
            for pod in pods:
                assert _running(pod) == {match["digest"]}, f"{pod.name} runs another image"


@check(
    "restart",
    points=4,
    seconds=90,
    hint="The grader pushes an image of its own over every tag, and restarts each app, as "
    "`kubectl rollout restart` does. Only a digest means the same before and after.",
)
def test_restart(apps, registry, kube, key_of):
    "Every tag is overwritten, every app is restarted, and the released images run"
    before = {}
    for app in apps:
        deployment, pods = rolled_out(kube, app.namespace, app.name)
        # Nobody's lab is spoilt to show what is plain to see.
        named = images(deployment["spec"]["template"]["spec"])
        assert all(map(PINNED.fullmatch, named)), f"{app.name} runs {named[0]}, by a tag"
        assert key_of(pods[0], app.key), f"{app.name} does not run what was released"
        (before[app],) = _running(pods[0])
    for app, digest in before.items():
        tags = {*registry.tags(app.repository), "latest"}
        registry.vary(registry.image(app.repository, digest), *tags)
    # What `kubectl rollout restart` writes there. A pod with a new name is a new pull.
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    again = {"kubectl.kubernetes.io/restartedAt": now}
    for app in apps:
        body = {"spec": {"template": {"metadata": {"annotations": again}}}}
        answer = kube.patch(app.path, body)
        assert answer.ok, f"{app.name} cannot be restarted: {answer.message}"
    for app in apps:
        _, pods = rolled_out(kube, app.namespace, app.name, _RESTART)
        for pod in pods:
            same = key_of(pod, app.key) and _running(pod) == {before[app]}
            assert same, f"after a restart {app.name} runs another image"
