"""Objects of a cluster without what the cluster itself adds to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from labctl.environment.kubeapi import Answer, KubeAPI
from labctl.errors import EnvironmentFailure
from labctl.lab import addons
from labctl.lab.model import KindMachine, Lab

Key = tuple[str, str, str]

_UPDATES = 5  # tries, while a controller writes to the same object
_META = ("name", "namespace", "labels", "annotations")
_NOISY_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)
# What every namespace or cluster gets unasked.
_UNASKED = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
# Secrets of these types are keys to the cluster itself: its own, and of no use to another.
CLUSTER_KEYS = {"bootstrap.kubernetes.io/token", "kubernetes.io/service-account-token"}


@dataclass(frozen=True)
class Kind:
    """A resource of the API, as `networking.k8s.io/v1/networkpolicies`, and what it is called."""

    group_version: str
    plural: str
    name: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Where its objects are: all, those of a namespace, or one of them."""
        root = f"/apis/{self.group_version}"
        if "/" not in self.group_version:
            root = f"/api/{self.group_version}"
        if namespace and self.namespaced:
            root += f"/namespaces/{quote(namespace, safe='')}"
        return f"{root}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


def kind(api: KubeAPI, resource: str) -> Kind | None:
    """Ask the API what a resource is; None when it does not know it (yet)."""
    group_version, _, plural = resource.rpartition("/")
    root = "apis" if "/" in group_version else "api"
    for known in (api.get(f"/{root}/{group_version}") or {}).get("resources", []):
        if known["name"] == plural:
            return Kind(group_version, plural, known["kind"], bool(known["namespaced"]))
    return None


def items(api: KubeAPI, kind: Kind, own: Collection[Key] = ()) -> list[dict[str, Any]]:
    """All objects of a kind that somebody made, cleaned; without the cluster's `own`."""
    found = (clean(value, kind) for value in api.list(kind.path()) if not _unasked(value, kind))
    return [value for value in found if key(value) not in own]


def own(lab: Lab, machine: str) -> set[Key]:
    """What a lab's cluster has of its add-ons: nobody hands that in."""
    spec = lab.machines[machine]
    return addons.objects_of(spec.addons) if isinstance(spec, KindMachine) else set()


def clean(value: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """An object as somebody could have written it: without status, ids, times and managers."""
    meta = {key: value["metadata"][key] for key in _META if value["metadata"].get(key)}
    notes = {k: v for k, v in meta.get("annotations", {}).items() if k not in _NOISY_ANNOTATIONS}
    meta.pop("annotations", None)
    if notes:
        meta["annotations"] = notes
    rest = {
        k: v
        for k, v in value.items()
        if k not in ("apiVersion", "kind", "metadata", "status") and v is not None
    }
    return {"apiVersion": kind.group_version, "kind": kind.name, "metadata": meta, **rest}


def key(value: Mapping[str, Any]) -> Key:
    """What tells one object from another: kind, namespace, name."""
    meta = value["metadata"]
    return value["kind"], meta.get("namespace", ""), meta["name"]


def replace(
    api: KubeAPI,
    kind: Kind,
    wanted: Mapping[Key, Mapping[str, Any]],
    own: Collection[Key] = (),
) -> list[str]:
    """Make the objects of a kind those that are wanted, besides the cluster's `own`.

    No other is left, and none is merged.

    Gives back notes about those that the API refuses. Raises EnvironmentFailure when it does
    not answer, or refuses what it should not.
    """
    there = {key(value): value for value in items(api, kind, own)}
    notes = []
    for gone in sorted(there.keys() - wanted.keys()):
        answer = api.delete(kind.path(*gone[1:]))
        if answer.status == 403:
            notes.append(f"{gone[0]} `{gone[2]}` stays: {answer.message}")
        elif not answer.ok and answer.status != 404:
            raise EnvironmentFailure(
                f"The clean cluster does not let go of {' '.join(gone)}", details=answer.message
            )
    for place, value in sorted(wanted.items()):
        if place not in there:
            answer = api.create(kind.path(place[1]), value)
        elif there[place] != value:
            answer = _update(api, kind.path(*place[1:]), value)
        else:
            continue
        if not answer.ok:
            notes.append(f"{place[0]} `{place[2]}` in `{place[1]}` is refused: {answer.message}")
    return notes


def _update(api: KubeAPI, path: str, value: Mapping[str, Any]) -> Answer:
    """Put a value in the place of an object, whoever else writes to that meanwhile."""
    for _ in range(_UPDATES):
        # Some kinds take an update only of the version that they have.
        version = ((api.get(path) or {}).get("metadata") or {}).get("resourceVersion", "")
        newer = {**value, "metadata": {**value["metadata"], "resourceVersion": version}}
        answer = api.request("PUT", path, json=newer)
        if answer.status != 409:
            break
    return answer


def _unasked(value: Mapping[str, Any], kind: Kind) -> bool:
    meta = value["metadata"]
    return (
        (kind.name, meta["name"]) in _UNASKED
        or (
            kind.name == "Service"
            and (meta["namespace"], meta["name"]) == ("default", "kubernetes")
        )
        or (kind.name == "Secret" and str(value.get("type")) in CLUSTER_KEYS)
        or "deletionTimestamp" in meta
        or bool(meta.get("ownerReferences"))
        or meta.get("labels", {}).get("kubernetes.io/bootstrapping") == "rbac-defaults"
    )
