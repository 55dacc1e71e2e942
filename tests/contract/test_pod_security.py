"""Pod Security admission judges as its own authors say: the pods that they publish for tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from labctl import paths
from labctl.environment.images import golang
from labctl.environment.kind import KindProvider
from labctl.environment.kubeapi import KubeAPI

pytestmark = [pytest.mark.engine, pytest.mark.kind]
MODULE = "k8s.io/pod-security-admission"
LEVELS = ("baseline", "restricted")
LABEL = "pod-security.kubernetes.io/enforce"
# No pods at all: the API refuses them before Pod Security is asked. An unmasked /proc needs a user
# namespace, which they say that they do without.
NO_PODS = dict.fromkeys(("procmount0.yaml", "procmount1.yaml"), "procMount: Invalid value")
# Far fewer than there are: a folder that moved must not look like agreement.
LEAST = {"pass": 10, "fail": 25}


@pytest.fixture(scope="module")
def api(client, place):
    KindProvider(client).create(place, "kind")
    return KubeAPI(place.kubeconfig("kind"))


@pytest.fixture(scope="module")
def version(api):
    server = api.get("/version")
    return f"v{server['major']}.{server['minor']}"


@pytest.fixture(scope="module")
def published():
    """The folder of pods, by level, version, and what is to come of them."""
    return golang.module_folder(paths.clusters_dir() / "node-image", MODULE) / "test" / "testdata"


@pytest.fixture(scope="module", params=LEVELS)
def enforcing(request, api, version):
    """A level, and a namespace that enforces it."""
    level = request.param
    labels = {LABEL: level, f"{LABEL}-version": version}
    meta = {"name": f"enforces-{level}", "labels": labels}
    answer = api.create("/api/v1/namespaces", {"metadata": meta})
    assert answer.ok, answer.message
    account = f"/api/v1/namespaces/{meta['name']}/serviceaccounts/default"
    assert api.wait(lambda: api.get(account)), "the namespace takes no pods yet"
    return level, meta["name"]


def test_the_newest_published_pods_are_for_this_cluster(published, version):
    for level in LEVELS:
        known = [tuple(map(int, f.name[1:].split("."))) for f in (published / level).iterdir()]
        assert "v{}.{}".format(*max(known)) == version


@pytest.mark.parametrize("due", ["pass", "fail"])
def test_every_published_pod_gets_the_verdict_of_its_folder(
    due, api, enforcing, published, version
):
    level, namespace = enforcing
    files = sorted((published / level / version / due).glob("*.yaml"))
    assert len(files) >= LEAST[due], f"only {len(files)} pods are published"
    violation = f'violates PodSecurity "{level}:{version}"'

    def differs(file) -> str | None:
        pod = yaml.safe_load(file.read_text())
        # Names of the published pods may have an underscore in them.
        pod["metadata"]["name"] = pod["metadata"]["name"].replace("_", "-")
        answer = api.create(f"/api/v1/namespaces/{namespace}/pods", pod, dry_run=True)
        reason = NO_PODS.get(file.name, violation)
        agrees = answer.ok if due == "pass" else reason in answer.message
        return None if agrees else f"{file.name}: {answer.message or 'admitted'}"

    with ThreadPoolExecutor(8) as pool:
        assert [found for found in pool.map(differs, files) if found] == []
