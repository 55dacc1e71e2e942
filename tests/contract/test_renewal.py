"""A cluster that is put back: three nodes with an audit log, of which a learner changed a lot."""

from __future__ import annotations

import pytest

from labctl.environment import containers, wait
from labctl.environment.kind import KUBECONFIG, KindProvider
from labctl.environment.kind_config import AUDIT_LOG
from labctl.environment.kubeapi import KubeAPI

pytestmark = [pytest.mark.engine, pytest.mark.kind]

WORKER = "worker2"
# Everything that a learner may do to a cluster, the last such that the API helps no more.
HAVOC = """
kubectl create namespace lab
kubectl -n lab create secret generic pin --from-literal=pin=271828182845
kubectl -n lab apply -f - <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: stubborn}
spec:
  selector: {matchLabels: {app: stubborn}}
  template:
    metadata: {labels: {app: stubborn}}
    spec:
      containers:
        - {name: app, image: docker.io/labctl/probe:lab, imagePullPolicy: Never, args: [idle]}
END
kubectl -n lab rollout status deployment/stubborn --timeout 60s
kubectl -n kube-system delete deployment coredns
kubectl -n kube-system delete configmap coredns
kubectl label node --all mine=yes
kubectl delete clusterrolebinding system:basic-user
kubectl create -f - <<END
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: odds.lab.example}
spec:
  group: lab.example
  scope: Cluster
  names: {plural: odds, singular: odd, kind: Odd}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
END
kubectl wait --for=condition=established crd/odds.lab.example
echo '{"apiVersion": "lab.example/v1", "kind": "Odd", "metadata": {"name": "one"}}' |
  kubectl create -f -
kubectl create -f - <<END
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: nothing}
webhooks:
  - name: nothing.lab.example
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    clientConfig: {url: "https://127.0.0.1:1/"}
    rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]}]
END
"""
ON_A_NODE = """
mkdir -p '/srv/of mine' /var/lib/mine
touch '/srv/of mine/a' /var/lib/mine/b
ctr --namespace k8s.io images tag docker.io/labctl/probe:lab mine.example/probe:1
"""


@pytest.fixture(scope="module")
def cluster(three_nodes, client):
    provider = KindProvider(client)
    try:
        provider.create(three_nodes, "cluster")
        provider.mark(three_nodes, "cluster")
        yield provider
    finally:
        provider.remove(three_nodes, "cluster")


@pytest.fixture
def api(three_nodes):
    return KubeAPI(three_nodes.kubeconfig("cluster"))


def on_node(client, place, node, *argv):
    return containers.run(client, f"{place.container('cluster')}-{node}", argv)


def deployments(api):
    return {d["metadata"]["name"]: d for d in api.list("/apis/apps/v1/deployments")}


def running(client, place, program):
    """In which nodes a program runs, by its arguments."""
    nodes = ("control-plane", "worker", "worker2")
    return [n for n in nodes if on_node(client, place, n, "pgrep", "-f", program).status == 0]


def test_it_is_as_it_was_marked(cluster, three_nodes, client, api):
    done = cluster.exec(
        three_nodes,
        "cluster",
        ["sh", "-euc", HAVOC],
        environment={"KUBECONFIG": KUBECONFIG},
        timeout=120,
    )
    assert done.status == 0, done.stderr
    assert on_node(client, three_nodes, WORKER, "sh", "-euc", ON_A_NODE).status == 0
    assert running(client, three_nodes, "^/probe idle")
    nodes = cluster.marked(three_nodes, "cluster")
    three_nodes.kubeconfig("cluster").write_text("damaged")

    assert cluster.renew(three_nodes, "cluster")

    assert cluster.marked(three_nodes, "cluster") == nodes  # and it is no new one
    assert len(nodes) == 3
    assert not running(client, three_nodes, "^/probe idle")
    assert api.get("/api/v1/namespaces/lab") is None
    assert not api.list("/apis/lab.example/v1/odds")
    assert not api.list("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations")
    rights = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    assert api.get(f"{rights}/system:basic-user")
    labels = [node["metadata"]["labels"] for node in api.list("/api/v1/nodes")]
    assert not any("mine" in of_one for of_one in labels)
    assert set(deployments(api)) == {"coredns"}
    assert on_node(client, three_nodes, WORKER, "ls", "/srv/of mine").status != 0
    assert on_node(client, three_nodes, WORKER, "ls", "/var/lib/mine").status != 0
    images = on_node(client, three_nodes, WORKER, "ctr", "-n", "k8s.io", "images", "ls").text
    assert "labctl/probe" in images
    assert "mine.example" not in images
    log = on_node(client, three_nodes, "control-plane", "cat", AUDIT_LOG).text
    assert "stubborn" not in log
    database = ["grep", "-rqF", "271828182845", "/var/lib/etcd/member/snap"]
    assert on_node(client, three_nodes, "control-plane", *database).status == 1


def test_it_works_again(cluster, three_nodes, api):
    wait.until(
        "the name server",
        lambda: deployments(api)["coredns"]["status"].get("readyReplicas"),
        seconds=60,
    )
    again = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "lab"}}
    assert api.create("/api/v1/namespaces", again).ok
    accounts = "/api/v1/namespaces/lab/serviceaccounts/default"
    assert wait.until("an account", lambda: api.get(accounts), seconds=10)
    pod = {
        "metadata": {"name": "new"},
        "spec": {
            "containers": [
                {
                    "name": "probe",
                    "image": "docker.io/labctl/probe:lab",
                    "imagePullPolicy": "Never",
                    "args": ["idle"],
                }
            ]
        },
    }
    assert api.create("/api/v1/namespaces/lab/pods", pod).ok
    assert wait.until("a pod", lambda: api.pods("lab"), seconds=30)


def test_it_is_put_back_again_and_again(cluster, three_nodes, api):
    for _ in range(3):
        lab = {"metadata": {"name": "another"}}
        assert api.create("/api/v1/namespaces", lab).ok
        assert cluster.renew(three_nodes, "cluster")
        assert api.get("/api/v1/namespaces/another") is None
        assert api.get("/api/v1/namespaces/lab") is None


def test_a_node_whose_own_files_changed_needs_a_new_cluster(cluster, three_nodes, client):
    on_node(client, three_nodes, WORKER, "sh", "-c", "echo 'KUBELET=worse' >> /etc/default/kubelet")
    assert not cluster.renew(three_nodes, "cluster")
    assert cluster.find(three_nodes, "cluster") is None
    assert cluster.marked(three_nodes, "cluster") == []
