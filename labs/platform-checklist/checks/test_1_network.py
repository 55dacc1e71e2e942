"""Item 1: every production namespace is closed both ways, and the shop's own paths are open."""

from __future__ import annotations

from labctl.grading import check, weakness
from labctl.grading.dials import End

_NEEDED = (("web", "till"), ("web", "parcels"))


@weakness("open", seconds=90)
def test_open(shop, newcomers, network, probe):
    "Strangers reach what they should not, and the shop reaches the outside"
    visitor, outside = newcomers.visitor, _outside(probe)
    dials = [(visitor, shop.end(n), 8080) for n in ("till", "parcels")]
    dials += [(shop.end(n), outside, outside.port) for n in ("web", "till", "parcels")]
    closed = [dial for dial in dials if dial not in network.reached(dials)]
    assert not closed, f"cut already: {network.told(closed)}"


@check(
    "denied",
    points=4,
    seconds=60,
    hint="`kubectl get networkpolicy -A`, and `kubectl get namespaces -L environment`: which "
    "production namespace has none? An empty podSelector selects all pods, and policyTypes "
    "says which ways a policy governs. A policy that allows everything is no default-deny, "
    "whatever its name is.",
)
def test_denied(shop, newcomers, network, probe):
    "No pod of production, be it old or new, may be called or may call without a rule that says so"
    web, till, parcels = (shop.end(name) for name in ("web", "till", "parcels"))
    visitor, outside, fresh = newcomers.visitor, _outside(probe), list(newcomers.settled.values())
    dials = [(visitor, end, end.port) for end in (till, parcels, *fresh)]
    dials += [(end, visitor, visitor.port) for end in (web, till, parcels, *fresh)]
    dials += [(end, outside, port) for end in (web, till, parcels, *fresh) for port in (5000, 53)]
    dials += [(one, other, other.port) for one in fresh for other in (web, till, parcels)]
    dials += [(till, parcels, 8080), (parcels, till, 8080), (till, web, 8080)]
    through = network.reached(dials)
    assert not through, f"still open: {network.told(through)}"


@check(
    "shop-open",
    points=3,
    seconds=60,
    hint="web calls till and parcels by name, and customers call web from anywhere. The agents "
    "beside till and parcels call vault.vault.svc, port 8200. Each path needs egress where it "
    "begins and ingress where it ends; and names come from kube-dns, over UDP and TCP.",
)
def test_shop_open(kube, shop, newcomers, network, probe):
    "Customers reach web, web reaches till and parcels, and both reach Vault: by their names"
    dials = [(newcomers.visitor, shop.end(n), 8080) for n in ("till", "parcels")]
    through = network.reached(dials)
    assert not through, f"that is open to strangers, too: {network.told(through)}"
    called = {n: f"{n}.{app.namespace}.svc.cluster.local" for n, app in shop.apps.items()}
    paths = [(shop.end(a).place, a, called[b], 8080) for a, b in _NEEDED]
    paths += [(shop.end(a.name).place, a.name, _VAULT, 8200) for a in shop.with_password]
    paths.append((newcomers.visitor.place, "a customer", called["web"], 8080))
    for place, who, name, port in paths:
        got = probe.tcp(place, name, port, timeout=3.0, dns=kube.dns)
        assert got.open, f"{who} does not reach {name}:{port} ({got.outcome})"


_VAULT = "vault.vault.svc.cluster.local"


def _outside(probe) -> End:
    """A computer outside of the cluster."""
    # 127.0.0.11 is the engine's own name server, seen from any container.
    got = probe.tcp("workstation", "registry", 5000, dns="127.0.0.11:53")
    assert got.open, "the registry does not answer the workstation"
    return End("the registry outside", "registry", got.address, 5000)
