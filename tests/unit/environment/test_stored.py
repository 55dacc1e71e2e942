"""What a cluster's database needs to be as it was, and nothing else of it is touched."""

from __future__ import annotations

import pytest

from labctl.environment import stored
from labctl.environment.stored import changes


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def part(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def thing(uid="u1", *, spec=b"", state=b"", labels=b"", managed=b"", deep=b""):
    """An object as the API server stores it, with a number and a fixed field among the rest."""
    metadata = part(1, b"name") + part(5, uid.encode()) + varint(7 << 3) + varint(300)
    metadata += part(11, labels) + part(17, managed) + varint(9 << 3 | 1) + b"12345678"
    raw = part(1, metadata) + part(2, spec) + part(3, state) + deep
    return b"k8s\0" + part(1, part(1, b"v1") + part(2, b"Pod")) + part(2, raw) + part(3, b"")


POD = "/registry/pods/shop/till-1"
NODE = "/registry/minions/worker"
DEPLOYMENT = "/registry/deployments/shop/till"


def test_nothing_changed_is_nothing_to_do():
    state = {POD: thing(), NODE: thing(), "/registry/crd.example/things/a": b'{"kind": "A"}'}
    done = changes(state, dict(state))
    assert not done.put
    assert not done.delete
    assert not done.pods


def test_what_came_goes_what_went_comes_and_what_changed_is_as_before():
    old, new = "/registry/secrets/shop/old", "/registry/secrets/shop/new"
    done = changes(
        {old: thing("u1"), DEPLOYMENT: thing("u2", spec=b"1")},
        {new: thing("u3"), DEPLOYMENT: thing("u2", spec=b"2")},
    )
    assert done.put == {old: thing("u1"), DEPLOYMENT: thing("u2", spec=b"1")}
    assert done.delete == [new]


def test_what_makes_pods_goes_before_them_and_pods_are_named_for_the_nodes():
    now = {POD: thing("the-pod"), DEPLOYMENT: thing("u2"), "/registry/replicasets/a/b": thing()}
    done = changes({}, now)
    assert done.delete[-1] == POD
    assert sorted(done.delete) == sorted(now)
    assert done.pods == ["the-pod"]


@pytest.mark.parametrize("kind", ["pods", "replicasets", "controllerrevisions", "endpointslices"])
def test_what_controllers_make_is_left_to_them(kind):
    key = f"/registry/{kind}/shop/x"
    assert not changes({key: thing()}, {}).put
    changed = changes({key: thing(spec=b"1")}, {key: thing(spec=b"2")})
    assert changed.delete == [key]
    assert not changed.put


def test_a_pod_that_only_reports_stays_and_one_that_was_relabelled_goes():
    was = {POD: thing(labels=b"app=till")}
    assert not changes(was, {POD: thing(labels=b"app=till", state=b"ready", managed=b"x")}).delete
    assert changes(was, {POD: thing(labels=b"app=other")}).delete == [POD]


def test_a_pod_of_the_same_name_is_another_pod():
    done = changes({POD: thing("first")}, {POD: thing("second")})
    assert done.pods == ["second"]


def test_pods_that_keep_something_are_made_anew():
    vault = "/registry/pods/vault/vault-0"
    state = {vault: thing("v"), POD: thing("p")}
    done = changes(state, dict(state), renew=["vault"])
    assert done.delete == [vault]
    assert done.pods == ["v"]


def test_a_node_is_put_back_when_more_than_its_report_changed():
    was = {NODE: thing(labels=b"")}
    assert not changes(was, {NODE: thing(labels=b"", state=b"heartbeat")}).put
    assert changes(was, {NODE: thing(labels=b"mine")}).put == was
    assert changes(was, {}).put == was


def test_heartbeats_are_left_alone_and_news_are_forgotten():
    lease, event = "/registry/leases/kube-node-lease/worker", "/registry/events/shop/killed"
    server = "/registry/masterleases/172.18.0.2"
    was = {lease: thing(spec=b"1"), event: thing(), server: b"1"}
    now = {lease: thing(spec=b"2"), server: b"2", event + "2": thing()}
    done = changes(was, now)
    assert not done.put
    assert done.delete == [event + "2"]


def test_what_still_came_into_a_namespace_that_is_gone_goes_too():
    before = {"/registry/services/specs/kube-system/dns": thing()}
    done = changes(before, {**before, "/registry/namespaces/specs": thing()})
    late_pod, account = "/registry/pods/specs/late", "/registry/serviceaccounts/specs/default"
    now = {**before, late_pod: thing("l"), account: thing(), "/registry/pods/default/own": thing()}
    late = stored.late(before, now, done)
    assert sorted(late.delete) == [late_pod, account]
    assert late.pods == ["l"]


def test_what_is_no_object_of_the_api_has_no_uid():
    assert stored.uid(b'{"kind": "Constraint"}') == ""
    assert stored.uid(thing("u")) == "u"
