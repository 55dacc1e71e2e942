"""What the engine holds of labctl's sessions: found by label, removed for good."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from labctl.environment import containers
from labctl.environment.containers import engine_errors
from labctl.environment.direct import status_of
from labctl.environment.model import (
    LABEL_MACHINE,
    LABEL_PROVIDER,
    LABEL_SESSION,
    LABEL_STORE,
    session_of,
)

if TYPE_CHECKING:
    import docker


# Docker (20.10, libnetwork) may lose count of a network's endpoints when many of them go at once.
# Then it takes the network for used, and keeps it until the engine is started anew.
_AT_ONCE = 4


def sessions(client: docker.DockerClient) -> dict[str, str]:
    """The sessions that have anything in the engine, each with the id of its store.

    kind's nodes carry no label of labctl's; when their network is gone too, the store is "".
    """
    found: dict[str, str] = {}
    with engine_errors("list what labctl made"):
        labelled = [c["Labels"] for c in client.api.containers(all=True, filters=_filter())]
        labelled += [n["Labels"] for n in client.api.networks(filters=_filter())]
        labelled += [v["Labels"] for v in client.api.volumes(filters=_filter())["Volumes"] or []]
    for labels in labelled:
        found[labels[LABEL_SESSION]] = labels.get(LABEL_STORE, "")
    for cluster in containers.clusters(client):
        found.setdefault(session_of(cluster), "")
    return found


def of_machine(client: docker.DockerClient, machine: str) -> dict[str, list[str]]:
    """The containers of a machine of that name, by session."""
    found: dict[str, list[str]] = {}
    labels = {"label": [LABEL_SESSION, f"{LABEL_MACHINE}={machine}"]}
    with engine_errors("list what labctl made"):
        for container in client.api.containers(all=True, filters=labels):
            found.setdefault(container["Labels"][LABEL_SESSION], []).append(container["Id"])
    return found


def remove(client: docker.DockerClient, session: str, keep: Collection[str] = ()) -> None:
    """Remove all machines of a session, their volumes and networks.

    The containers `keep` stay, and so do the networks for them.
    """
    own = _filter(session)
    with engine_errors(f"list what is left of `{session}`"):
        labelled = client.api.containers(all=True, filters=own)
    ids = [c["Id"] for c in labelled]
    for container in labelled:
        if container["Labels"].get(LABEL_PROVIDER) == "engine":
            containers.thaw(client, container["Id"])
    for cluster, nodes in containers.clusters(client).items():
        if session_of(cluster) == session:
            ids += nodes
    if len(ids) > _AT_ONCE:
        _detach(client, own, keep)
    containers.remove_all(client, [one for one in ids if one not in keep])
    with engine_errors(f"remove what is left of `{session}`"):
        for volume in client.api.volumes(filters=own)["Volumes"] or []:
            _forget(client.api.remove_volume, volume["Name"])
    # A container that somebody attached by hand must not keep the session alive.
    _detach(client, own, keep)
    if not keep:
        with engine_errors(f"remove what is left of `{session}`"):
            for network in client.api.networks(filters=own):
                _forget(client.api.remove_network, network["Id"])


def _detach(client: docker.DockerClient, own: dict[str, str], keep: Collection[str]) -> None:
    """Take all containers but `keep` off a session's networks, one after the other."""
    with engine_errors("take machines off their networks"):
        for network in client.api.networks(filters=own):
            for container in client.api.inspect_network(network["Id"])["Containers"] or {}:
                if container not in keep:
                    client.api.disconnect_container_from_network(
                        container, network["Id"], force=True
                    )


def _forget(remove: Callable[[str], object], name: str) -> None:
    try:
        remove(name)
    except Exception as e:
        if status_of(e) != 404:
            raise


def _filter(session: str | None = None) -> dict[str, str]:
    return {"label": f"{LABEL_SESSION}={session}" if session else LABEL_SESSION}
