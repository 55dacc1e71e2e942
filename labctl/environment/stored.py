"""What to change in a cluster's database so that the cluster is as it was.

Kubernetes does what its database says: controllers and kubelets follow every change. So objects
are put back as they were, those that came later are deleted, and what controllers make of others
is left to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Somebody renews these all the time, and would not know an older one.
_HEARTBEATS = ("masterleases/", "peerserverleases/")
# These are never put back: whoever needs one makes it.
_NEWS = ("events/", "leases/")
# Controllers make these of other objects, and make them again when they are missing.
_MADE = (
    *("pods/", "replicasets/", "controllerrevisions/"),
    *("endpointslices/", "services/endpoints/"),
)
_REGISTRY = "/registry/"

# The numbers of fields. Of an object in the database (k8s.io/apimachinery, runtime.Unknown):
_RAW = 2
# Of most kinds: what everything has, and what is wanted. Field 3 is what is.
_METADATA, _SPEC = 1, 2
# Of metadata (ObjectMeta): which managers wrote which field when is no part of what it is.
_UID, _MANAGED_FIELDS = 5, 17
_MAGIC = b"k8s\0"


@dataclass(frozen=True)
class Changes:
    """What to put and what to delete; `pods` are the uids of pods that go."""

    put: Mapping[str, bytes]
    delete: Sequence[str]
    pods: Collection[str]


def changes(
    before: Mapping[str, bytes], now: Mapping[str, bytes], renew: Collection[str] = ()
) -> Changes:
    """What makes of `now` what was `before`. All pods of the namespaces `renew` go, too."""
    delete = [key for key, value in now.items() if _goes(key, value, before.get(key), renew)]
    put = {key: value for key, value in before.items() if _comes(key, value, now.get(key))}
    # First what makes pods, or it would make more of them.
    delete.sort(key=lambda key: _kind(key).startswith("pods/"))
    return Changes(put, delete, _pods(delete, now))


def late(before: Mapping[str, bytes], now: Mapping[str, bytes], done: Changes) -> Changes:
    """What to delete, some changes being done, of what came into namespaces that are gone."""
    gone = {key.split("/")[-1] for key in done.delete if _kind(key).startswith("namespaces/")}
    delete = [key for key in now if key not in before and key.split("/")[-2] in gone]
    return Changes({}, delete, _pods(delete, now))


def _pods(keys: Sequence[str], now: Mapping[str, bytes]) -> list[str]:
    return [uid(now[key]) for key in keys if _kind(key).startswith("pods/")]


def _kind(key: str) -> str:
    return key.removeprefix(_REGISTRY)


def _goes(key: str, value: bytes, was: bytes | None, renew: Collection[str]) -> bool:
    kind = _kind(key)
    if kind.startswith(_HEARTBEATS):
        return False
    if was is None:
        return True
    if kind.startswith("pods/") and kind.split("/")[1] in renew:
        return True
    return kind.startswith(_MADE) and essence(value) != essence(was)


def _comes(key: str, was: bytes, value: bytes | None) -> bool:
    kind = _kind(key)
    if kind.startswith((*_HEARTBEATS, *_NEWS, *_MADE)):
        return False
    if value is not None and kind.startswith("minions/"):  # nodes, which report all the time
        return essence(value) != essence(was)
    return value != was


def essence(value: bytes) -> object:
    """What an object is, without its state and without who wrote what when.

    Only for kinds whose third field is their state: pods, nodes and the like.
    """
    parts = _object(value)
    if parts is None:
        return value
    metadata = [part for part in _fields(parts[_METADATA]) if part[0] != _MANAGED_FIELDS]
    return metadata, parts.get(_SPEC)


def uid(value: bytes) -> str:
    """The uid of an object; "" when it is none of the API's own kinds."""
    parts = _object(value)
    return "" if parts is None else dict(_fields(parts[_METADATA])).get(_UID, b"").decode()


def _object(value: bytes) -> dict[int, bytes] | None:
    if not value.startswith(_MAGIC):
        return None
    return dict(_fields(dict(_fields(value[len(_MAGIC) :]))[_RAW]))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protocol buffers message: https://protobuf.dev/programming-guides/encoding"""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind, start = tag & 7, at
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            size, start = _varint(message, at)
            at = start + size
        else:
            at += {1: 8, 5: 4}[kind]
        yield tag >> 3, message[start:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
