"""etcd's gateway: what it is sent, in which portions, and what its refusals become."""

from __future__ import annotations

import base64
import json

import pytest

from labctl.environment.etcd import Etcd
from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Gateway:
    def __init__(self, answer=None, status=0):
        self.answer, self.status, self.calls = answer or {}, status, []

    def __call__(self, argv, stdin):
        self.calls.append((argv[-1].partition("/v3/")[2], json.loads(stdin)))
        return ExecResult(self.status, json.dumps(self.answer).encode(), b"refused")


def test_all_keys_are_read_with_any_bytes_as_their_values():
    gateway = Gateway({"kvs": [{"key": coded(b"/registry/a"), "value": coded(b"k8s\0\xff")}]})
    assert Etcd(gateway).read() == {"/registry/a": b"k8s\0\xff"}
    ((call, body),) = gateway.calls
    assert call == "kv/range"
    assert body == {"key": coded(b"/registry/"), "range_end": coded(b"/registry0")}


def test_keys_are_deleted_before_others_are_put():
    gateway = Gateway()
    Etcd(gateway).change({"/registry/b": b"x"}, ["/registry/a"])
    ((call, body),) = gateway.calls
    assert call == "kv/txn"
    assert body["success"] == [
        {"requestDeleteRange": {"key": coded(b"/registry/a")}},
        {"requestPut": {"key": coded(b"/registry/b"), "value": coded(b"x")}},
    ]


def test_nothing_to_do_is_no_call():
    gateway = Gateway()
    Etcd(gateway).change({}, [])
    assert gateway.calls == []


def test_many_changes_and_large_ones_go_in_portions_that_etcd_takes():
    gateway = Gateway()
    Etcd(gateway).change({}, [f"/registry/{n}" for n in range(250)])
    assert [len(body["success"]) for _, body in gateway.calls] == [100, 100, 50]
    gateway = Gateway()
    Etcd(gateway).change({f"/registry/{n}": bytes(600_000) for n in range(3)}, [])
    assert [len(body["success"]) for _, body in gateway.calls] == [1, 1, 1]


def test_forgetting_is_up_to_now_and_in_the_file():
    gateway = Gateway({"header": {"revision": "77"}})
    Etcd(gateway).forget()
    assert gateway.calls[1:] == [
        ("kv/compaction", {"revision": "77", "physical": True}),
        ("maintenance/defragment", {}),
    ]


def test_a_refusal_is_told():
    with pytest.raises(EnvironmentFailure, match="did not do `kv/range`") as caught:
        Etcd(Gateway(status=22)).read()
    assert "refused" in caught.value.details
