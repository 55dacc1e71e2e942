"""Address ranges of the engine, and what on this machine they might hide."""

from __future__ import annotations

import ipaddress
import struct
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

# What the engine uses unless it is told otherwise: each pool with the size of its networks.
_DEFAULT_POOLS = (
    *((IPv4Network(f"172.{n}.0.0/16"), 16) for n in range(17, 32)),
    (IPv4Network("192.168.0.0/16"), 20),
)
_UP, _GATEWAY = 1, 2

Pool = tuple[IPv4Network, int]


def pools(info: dict[str, Any]) -> tuple[Pool, ...]:
    """The ranges that the engine takes new networks from, each with its networks' prefix."""
    own = info.get("DefaultAddressPools") or ()
    chosen = ((IPv4Network(p["Base"]), int(p["Size"])) for p in own if ":" not in p["Base"])
    return tuple(chosen) or _DEFAULT_POOLS


def room(ranges: tuple[Pool, ...]) -> int:
    """How many networks fit into the pools."""
    return sum(2 ** max(0, size - pool.prefixlen) for pool, size in ranges)


def subnets(client: docker.DockerClient) -> dict[str, IPv4Network]:
    """The ranges that the engine's networks have, by network and number."""
    found = {}
    for network in client.networks.list():
        for number, config in enumerate((network.attrs["IPAM"] or {}).get("Config") or ()):
            subnet = ipaddress.ip_network(config.get("Subnet") or "::/128", strict=False)
            if isinstance(subnet, IPv4Network):
                found[f"{network.name}#{number}" if number else str(network.name)] = subnet
    return found


def routes(table: str) -> dict[str, list[IPv4Network]]:
    """The ranges that this machine reaches, by interface, from the text of /proc/net/route.

    The default route and the engine's own interfaces are left out.
    """
    found: dict[str, list[IPv4Network]] = {}
    for line in table.splitlines()[1:]:
        interface, destination, _, flags, *_, mask = line.split()[:8]
        ours = interface.startswith(("docker", "br-", "veth", "lo"))
        if ours or not int(flags, 16) & _UP or mask == "00000000":
            continue
        address = _swapped(destination)
        bits = bin(int(mask, 16)).count("1")
        found.setdefault(interface, []).append(IPv4Network((address, bits)))
    return found


def resolvers(file: Path) -> list[IPv4Address]:
    """The name servers that this machine asks, those of its own left out."""
    found = []
    for line in file.read_text().splitlines() if file.is_file() else ():
        keyword, _, value = line.strip().partition(" ")
        try:
            address = ipaddress.ip_address(value.strip())
        except ValueError:
            continue
        if keyword == "nameserver" and isinstance(address, IPv4Address) and not address.is_loopback:
            found.append(address)
    return found


def clashes(
    used: dict[str, IPv4Network],
    ranges: tuple[Pool, ...],
    reached: dict[str, list[IPv4Network]],
    name_servers: list[IPv4Address],
) -> list[str]:
    """What the engine's networks hide, or will hide when more are made, as sentences.

    The engine itself keeps new networks away from routes, but not from name servers that are
    reached through the default route.
    """
    found = [
        f"network {name} ({subnet}) overlaps {route} on {interface}"
        for name, subnet in used.items()
        for interface, networks in reached.items()
        for route in networks
        if subnet.overlaps(route)
    ]
    for server in name_servers:
        hidden = [f"network {name}" for name, subnet in used.items() if server in subnet]
        future = [f"pool {pool}" for pool, _ in ranges if server in pool]
        direct = any(server in route for networks in reached.values() for route in networks)
        if hidden or (future and not direct):
            found.append(f"{(hidden + future)[0]} hides the name server {server}")
    return found


def _swapped(text: str) -> IPv4Address:
    return IPv4Address(struct.pack("<I", int(text, 16)))
