"""What a cluster's administrator, who is the learner, does to its API and its pods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from labctl.environment.kubeapi import Answer, KubeAPI
from tests.e2e.redteam.arena import Arena
from tests.e2e.redteam.files import INK

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RIGHTS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:cluster-admins"
# An address of documentation's own: nobody answers there. The node drops what is sent to it.
NOWHERE = "198.51.100.7"
EVERYTHING = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]


def hanging_webhook(arena: Arena) -> Iterator[None]:
    """Nothing is created or changed without a webhook's word, and the webhook never speaks."""
    (machine,) = arena.of("kind")
    drop = f"OUTPUT -d {NOWHERE} -j DROP"
    arena.run(machine, f"iptables -I {drop}")
    with _webhook(arena.kube(machine), {"url": f"https://{NOWHERE}:443/"}):
        yield
    arena.run(machine, f"iptables -D {drop}")


def missing_webhook(arena: Arena) -> Iterator[None]:
    """The same with a webhook that is not there: everything is refused at once."""
    (machine,) = arena.of("kind")
    service = {"namespace": "default", "name": "nowhere", "port": 443}
    with _webhook(arena.kube(machine), {"service": service}):
        yield


@contextmanager
def _webhook(kube: KubeAPI, where: dict[str, Any]) -> Iterator[None]:
    hook = {
        "name": "deny.red.team",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 30,
        "clientConfig": where,
        "rules": EVERYTHING,
    }
    path = f"{ADMISSION}/validatingwebhookconfigurations"
    _did(kube.create(path, {"metadata": {"name": "red"}, "webhooks": [hook]}))
    time.sleep(1)  # the server reads it with some delay
    yield
    # Settings of admission are not themselves subject to webhooks.
    _did(kube.delete(f"{path}/red"))


def lying_admission(arena: Arena) -> Iterator[None]:
    """Whatever new pod is created is made into another: its program, its labels, its network."""
    (machine,) = arena.of("kind")
    kube = arena.kube(machine)
    change = (
        "Object{metadata: Object.metadata{labels: {'app': 'web', 'changed': 'yes'}}, "
        "spec: Object.spec{hostNetwork: true}}"
    )
    match = {"resourceRules": [{**EVERYTHING[0], "operations": ["CREATE"], "resources": ["pods"]}]}
    policy = {
        "metadata": {"name": "red"},
        "spec": {
            "matchConstraints": match,
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": change},
                }
            ],
        },
    }
    _did(kube.create(f"{ADMISSION}/mutatingadmissionpolicies", policy))
    binding = {"metadata": {"name": "red"}, "spec": {"policyName": "red"}}
    _did(kube.create(f"{ADMISSION}/mutatingadmissionpolicybindings", binding))
    time.sleep(2)
    yield
    _did(kube.delete(f"{ADMISSION}/mutatingadmissionpolicybindings/red"))
    _did(kube.delete(f"{ADMISSION}/mutatingadmissionpolicies/red"))


def impostors(arena: Arena) -> Iterator[None]:
    """The lab's own pods run something else that listens at their addresses and ports."""
    (machine,) = arena.of("kind")
    kube = arena.kube(machine)
    ports = {
        str(port["targetPort"])
        for service in kube.list("/api/v1/services")
        for port in service["spec"]["ports"]
        if str(port.get("targetPort", "")).isdigit()
    }
    change = {
        "image": "docker.io/labctl/probe:lab",
        "imagePullPolicy": "Never",
        "command": ["/probe", "listen", "--tcp", *sorted(ports)],
        "args": [],
        "env": [{"name": "TOKEN", "value": INK}],
    }
    path = "/apis/apps/v1"
    for item in kube.list(f"{path}/deployments"):
        meta, spec = item["metadata"], item["spec"]["template"]["spec"]
        if meta["namespace"].startswith(("kube-", "local-path")):
            continue
        containers = [{**container, **change} for container in spec["containers"]]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        _did(kube.patch(f"{path}/namespaces/{meta['namespace']}/deployments/{meta['name']}", body))
    kube.wait(lambda: all(_is_new(d) for d in kube.list(f"{path}/deployments")), seconds=30)
    yield


def _is_new(deployment: dict[str, Any]) -> bool:
    status = deployment.get("status", {})
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and status.get(
        "updatedReplicas"
    ) == status.get("replicas") == status.get("readyReplicas")


def stopped_server(arena: Arena) -> Iterator[None]:
    """The API server accepts connections, and never answers: it is stopped."""
    (machine,) = arena.of("kind")
    arena.run(machine, "pkill -STOP kube-apiserver")
    yield
    arena.run(machine, "pkill -CONT kube-apiserver")
    arena.kube(machine).wait(lambda: _well(arena.kube(machine)), seconds=60, every=1)


def removed_server(arena: Arena) -> Iterator[None]:
    """The API server is not there any more: the kubelet is no longer told to run it."""
    (machine,) = arena.of("kind")
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    arena.run(machine, f"mv {manifest} /root; sleep 1; pkill -KILL kube-apiserver; sleep 1")
    yield


def revoked_rights(arena: Arena) -> Iterator[None]:
    """The administrator, and so the grader, may do nothing any more."""
    (machine,) = arena.of("kind")
    _did(arena.kube(machine).delete(RIGHTS))
    time.sleep(1)
    yield


def _well(kube: KubeAPI) -> bool:
    try:
        return kube.request("GET", "/readyz").ok
    except Exception:
        return False


def _did(answer: Answer) -> None:
    assert answer.ok, answer
