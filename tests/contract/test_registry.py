"""The registry's one name is good for its nodes, its pods and its machines, over TLS."""

from __future__ import annotations

import io
import tarfile
from dataclasses import asdict

import pytest

from labctl.environment import tls
from labctl.environment.docker import DockerProvider
from labctl.environment.kind import KindProvider
from labctl.environment.kubeapi import KubeAPI
from labctl.environment.probe import Probe
from labctl.grading.evidence import Connectivity, Targets
from tests.contract.conftest import place_for

pytestmark = [pytest.mark.engine, pytest.mark.kind]
IMAGE = "registry:5000/some/thing:v1"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def place(client, tmp_path_factory):
    with place_for("registry", client, tmp_path_factory.mktemp("store")) as made:
        tls.make(made)
        yield made


@pytest.fixture(scope="module")
def registry(client, place):
    """A function: run crane in the registry's machine."""
    provider = DockerProvider(client)
    provider.create(place, "registry")

    def crane(*argv, stdin=None, **environment):
        return provider.exec(
            place, "registry", ["/crane", *argv], stdin=stdin, environment=environment
        )

    return crane


@pytest.fixture(scope="module")
def pushed(client, registry):
    """An image with one file in it, in the registry."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    done = registry("append", "--new_layer", "-", "--new_tag", IMAGE, stdin=data.getvalue())
    assert done.status == 0, done.stderr
    platform = f"linux/{client.version()['Arch']}"
    done = registry("mutate", IMAGE, "--tag", IMAGE, "--set-platform", platform)
    assert done.status == 0, done.stderr
    return IMAGE


@pytest.fixture(scope="module")
def cluster(client, place):
    provider = KindProvider(client)
    provider.create(place, "cluster")
    return provider


def test_a_machine_reaches_it(registry, pushed):
    assert registry("ls", pushed.rpartition(":")[0]).stdout == b"v1\n"


def test_who_does_not_know_the_authority_is_warned(registry, pushed):
    done = registry("ls", pushed.rpartition(":")[0], SSL_CERT_FILE="/dev/null")
    assert done.status != 0
    assert b"certificate signed by unknown authority" in done.stderr


@pytest.fixture(scope="module")
def api(place, cluster):
    return KubeAPI(place.kubeconfig("cluster"))


def test_a_node_pulls_from_it(api, pushed):
    body = {
        "metadata": {"name": "pulled"},
        "spec": {"containers": [{"name": "it", "image": pushed}], "restartPolicy": "Never"},
    }
    assert api.wait(lambda: api.create(PODS, body).ok, seconds=20)

    def told():
        events = api.get("/api/v1/namespaces/default/events")["items"]
        return [e["message"] for e in events if e["involvedObject"]["name"] == "pulled"]

    # There is no program in this image, so it is seen to come, and not to run.
    wanted = f'Successfully pulled image "{pushed}"'
    assert api.wait(lambda: any(wanted in m for m in told()), seconds=60), told()


def test_a_pod_reaches_it(client, place, cluster, api, registry):
    container = {
        "name": "probe",
        "image": "docker.io/labctl/probe:lab",
        "imagePullPolicy": "Never",
        "args": ["listen", "--tcp", "8080"],
    }
    body = {"metadata": {"name": "pod"}, "spec": {"containers": [container]}}
    assert api.wait(lambda: api.create(PODS, body).ok, seconds=20)

    def running():
        return [p for p in api.pods("default") if p.name == "pod" and p.ip and p.container_ids]

    assert api.wait(running, seconds=60)
    probe = Probe(client, place)
    probe.create()
    machines = {"cluster": asdict(cluster.find(place, "cluster"))}
    with probe.client() as asking:
        looks = Connectivity(Targets(asking, machines, "cluster", "cluster"))
        (pod,) = running()
        dns = (
            api.get("/api/v1/namespaces/kube-system/services/kube-dns")["spec"]["clusterIP"] + ":53"
        )
        answer = looks.http(pod, "https://registry:5000/v2/", dns=dns)
    assert (answer.outcome, answer.status) == ("open", 200)
