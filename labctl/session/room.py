"""The clean room: a session without a way out, for work that was handed in by others.

Its machines reach each other and nothing else: no address outside, no service of the host on
the gateway of their network, and no name server but the engine's own, which then knows only the
session's machines. The grader's ways in stay open: the engine's API, the probe, and the port of
a cluster's API. A network without a gateway (Docker's `internal`) would close that one, too.

All of it is put into the network namespaces of the machines while they are pristine. A program
that holds CAP_NET_ADMIN in such a namespace could take it out again: that is why a submission
must not have privileged pods, or share the network of a machine with such a right.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from labctl.environment import containers
from labctl.environment.containers import engine_errors
from labctl.environment.kind_config import SERVICE_SUBNET
from labctl.errors import EnvironmentFailure
from labctl.lab.model import DockerMachine
from labctl.session.opened import PROBE, Session

_NAME = "seal"
# The routes of a machine: to its neighbours only. `prohibit` answers at once, with an error.
_BUSYBOX = "/bin/busybox"
_ROUTES = """
while ip route del default 2>/dev/null; do :; done
for gateway in "$@"; do ip route add prohibit "$gateway/32"; done
"""
# A node answers the grader through the gateway, so only what its pods send there is dropped.
# Addresses of services need a route, though packets for them never leave.
_NODE = f"""
while ip route del default 2>/dev/null; do :; done
ip route replace {SERVICE_SUBNET} dev eth0
chain=$1
shift
for gateway in "$@"; do
  iptables -w -t mangle -I "$chain" ! -i eth+ -d "$gateway" -j DROP
done
"""
# The gateway's port 53 is the engine's name server, by a rule of the node. Pods whose lab has
# machines with names to ask for (those with a certificate) reach it: the drop comes behind that
# rule, where only what leaves the node passes. All others do not even reach that.
_BEFORE_NAMES, _BEHIND_NAMES = "PREROUTING", "FORWARD"


def seal(session: Session) -> None:
    """Close all ways out of a session whose machines run. Raises EnvironmentFailure."""
    place = session.place
    clusters = containers.clusters(session.client)
    named = any(isinstance(m, DockerMachine) and m.certificate for m in place.lab.machines.values())
    chain = _BEHIND_NAMES if named else _BEFORE_NAMES
    with ThreadPoolExecutor(max_workers=8) as pool:
        work = []
        for name, machine in place.lab.machines.items():
            if machine.provider == "kind":
                for node in clusters[place.container(name)]:
                    work.append(pool.submit(_inside, session, node, _NODE, chain))
            elif machine.provider == "engine":
                work.append(pool.submit(_inside, session, place.container(name), _ROUTES))
            else:
                work.append(pool.submit(_beside, session, place.container(name)))
        for done in work:
            done.result()


def _inside(session: Session, container: str, script: str, *first: str) -> None:
    """Run a script in a privileged machine, with its own tools: nobody has been in it yet."""
    argv = ["sh", "-euc", script, "sh", *first, *_gateways(session, container)]
    done = containers.run(session.client, container, argv)
    if done.status != 0:
        raise _failure(container, (done.stdout + done.stderr).decode("utf-8", "replace"))


def _beside(session: Session, container: str) -> None:
    """Do it from a container of the grader's that shares only the machine's network."""
    import docker.errors

    gateways = _gateways(session, container)
    if not gateways:
        return
    place = session.place
    try:
        with engine_errors(f"seal `{container}`"):
            session.client.containers.run(
                place.images[PROBE],
                ["sh", "-euc", f'ip() {{ {_BUSYBOX} ip "$@"; }}{_ROUTES}', "sh", *gateways],
                entrypoint=[_BUSYBOX],
                labels=place.labels(_NAME, _NAME),
                network_mode=f"container:{container}",
                cap_drop=["ALL"],
                cap_add=["NET_ADMIN"],
                read_only=True,
                remove=True,
            )
    except EnvironmentFailure as e:
        if isinstance(e.__cause__, docker.errors.ContainerError):
            raise _failure(container, str(e.__cause__.stderr)) from e
        raise


def _gateways(session: Session, container: str) -> list[str]:
    told: dict[str, Any] = containers.inspect(session.client, container) or {}
    networks = told.get("NetworkSettings", {}).get("Networks", {})
    return [network["Gateway"] for network in networks.values() if network.get("Gateway")]


def _failure(container: str, output: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"The ways out of `{container}` could not be closed",
        details=output,
        resolution="Nothing that was handed in is run there.",
    )
