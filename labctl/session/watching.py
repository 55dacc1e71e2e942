"""What a lab wants to have watched: told to the probe's container, which goes on by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from labctl.environment.model import Found
from labctl.errors import EnvironmentFailure
from labctl.lab import facts
from labctl.lab.model import Goal, Spot, Watch
from labctl.session.opened import Session

_SECONDS = 20.0  # until the first look at everything must have been taken


def begin(session: Session) -> None:
    """Have everything in the lab's `watch` watched from now on, as a new record.

    When it returns, the probe has looked at each of them once. Does nothing in a lab that
    watches nothing. Raises EnvironmentFailure.
    """
    lab = session.lab
    if not lab.watch:
        return
    ends = [end for w in lab.watch.values() for end in (w.source, w.target) if end.machine]
    machines = {end.machine or "": _running(session, end.machine or "") for end in ends}
    request = {
        "watches": [_spec(session, name, w, machines) for name, w in lab.watch.items()],
        "clusters": {
            name: _cluster(session, name, machines[name].container)
            for name in sorted({end.machine or "" for end in ends if end.namespace})
        },
    }
    with session.probe.client() as probe:
        probe.request("watch", _SECONDS, **request)


def _running(session: Session, machine: str) -> Found:
    found = session.find(machine)
    if found is None or found.state != "running":
        raise EnvironmentFailure(f"The machine `{machine}`, which is to be watched, does not run")
    return found


def _spec(
    session: Session, name: str, watch: Watch, machines: Mapping[str, Found]
) -> dict[str, Any]:
    values = session.place.facts
    return {
        "name": name,
        "from": _pods(watch.source, values)
        or {"container": machines[watch.source.machine].container},
        "to": _pods(watch.target, values)
        or {"address": watch.target.address or _address(session, watch, machines)},
        "port": int(facts.fill(str(watch.target.port), values)),
        "path": watch.path or "",
        "send": watch.send or "",
        "says": facts.fill(watch.says or "", values),
        "every": watch.every,
        "seconds": watch.seconds,
    }


def _pods(end: Spot | Goal, values: facts.Facts) -> dict[str, Any]:
    if not end.namespace:
        return {}
    return {
        "cluster": end.machine,
        "namespace": facts.fill(end.namespace, values),
        "labels": end.labels,
    }


def _address(session: Session, watch: Watch, machines: Mapping[str, Found]) -> str:
    """The target's address in a network that the source is in, too, if there is one."""
    addresses = machines[watch.target.machine or ""].addresses
    near = session.lab.machines[watch.source.machine].networks
    shared = [ip for network, ip in addresses.items() if network in near]
    return next(iter([*shared, *addresses.values()]), "")


def _cluster(session: Session, machine: str, container: str) -> dict[str, Any]:
    """What the probe needs to ask a cluster's API; keys and certificates are base64 of PEM."""
    try:
        config = yaml.safe_load(session.place.kubeconfig(machine).read_text())
        user = config["users"][0]["user"]
        return {
            "container": container,
            "authority": config["clusters"][0]["cluster"]["certificate-authority-data"],
            "certificate": user["client-certificate-data"],
            "key": user["client-key-data"],
        }
    except (OSError, yaml.YAMLError, LookupError, TypeError) as e:
        raise EnvironmentFailure("The kubeconfig is missing or damaged", details=str(e)) from e
