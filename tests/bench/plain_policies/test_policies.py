"""What the checks of `default-deny` look at, as one would write it with kubectl and testinfra.

Fewer connections than the lab's own checks try, because each costs a `kubectl exec`.
"""

import os

import pytest

PRODUCTION = {
    "web": "storefront",
    "api": "orders",
    "db": "orders",
    "payments": "payments",
    "parcels": os.environ["FACT_HIDDEN"],
}
PARCELS = f"parcels.{os.environ['FACT_HIDDEN']}:{os.environ['FACT_PARCELS_PORT']}"
TARGETS = {"db": "db.orders:5432", "payments": "payments.payments:8443", "parcels": PARCELS}
NAMES = (*PRODUCTION,)


def reaches(host, source, target, namespace=None):
    place = namespace or PRODUCTION[source]
    where = f"--namespace {place} deploy/{source} -- /shop get {target}"
    return host.run(f"kubectl exec {where}").rc == 0


def test_ingress_denied(host):
    open_ = [t for t in TARGETS.values() if reaches(host, "report", f"tcp://{t}", "dev")]
    assert not open_


def test_egress_denied(host):
    internet = os.environ["INTERNET"]
    assert not [name for name in NAMES if reaches(host, name, f"tcp://{internet}:443")]


def test_new_pods_denied(host):
    image = host.check_output(
        "kubectl get -n orders deploy/db -o jsonpath='{.spec.template.spec.containers[0].image}'"
    )
    run = f"kubectl run newcomer -n orders --image={image} --restart=Never --rm -i --quiet"
    assert host.run(f"{run} -- get tcp://db.orders:5432").rc != 0


@pytest.mark.parametrize(
    ("source", "target"),
    [("web", "db"), ("web", "payments"), ("payments", "db"), ("db", "parcels")],
)
def test_only_needed_paths(host, source, target):
    assert not reaches(host, source, f"tcp://{TARGETS[target]}")


def test_shop_works(host):
    assert reaches(host, "web", "http://127.0.0.1:8080/?order=1")


@pytest.mark.parametrize("name", ["api.orders", "db.orders", "payments.payments"])
def test_metrics_scraped(host, name):
    assert reaches(host, "collector", f"http://{name}:9090/", "monitoring")
