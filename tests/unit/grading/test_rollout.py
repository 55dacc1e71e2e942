"""A Deployment is looked at once it is what it was last told to be, or it is said why it is not."""

from __future__ import annotations

import pytest

from labctl.grading.rollout import rolled_out

DONE = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}


class Kube:
    """A cluster that tells of one Deployment, each time the next status."""

    def __init__(self, *statuses, replicas=1):
        self.statuses, self.replicas = list(statuses), replicas

    def get(self, path):
        assert path == "/apis/apps/v1/namespaces/shop/deployments/web"
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": "web"}}}
        return status and {"metadata": {"generation": 2}, "spec": spec, "status": status}

    def pods(self, namespace, labels):
        return [(namespace, labels["app"])]


def test_it_is_waited_for():
    old = {**DONE, "observedGeneration": 1}
    deployment, pods = rolled_out(Kube(old, DONE), "shop", "web", 5)
    assert deployment["status"] == DONE
    assert pods == [("shop", "web")]


@pytest.mark.parametrize(
    ("kube", "why"),
    [
        (Kube(None), "is gone"),
        (Kube(DONE, replicas=0), "is shut down"),
        (
            Kube(
                {**DONE, "readyReplicas": 0, "conditions": [{"status": "False", "message": "no"}]}
            ),
            "do not run: no",
        ),
    ],
)
def test_what_is_wrong_is_said(kube, why):
    with pytest.raises(AssertionError, match=why):
        rolled_out(kube, "shop", "web", 0)
