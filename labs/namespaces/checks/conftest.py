"""Who is shop, and who is monitor? Found by what they do, never by what they are called.

Shop is what signs an order with the seeded key. Monitor is what shows that order on a page
within moments, because it keeps asking shop. Every TCP port of every network namespace in the
machine is tried, so a second monitor somewhere else is found, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

ENGINE = "engine"
SHOP = "http://127.0.0.1:8080"
PAGE = "http://127.0.0.1:9090/"
PATIENCE = 4.0  # seconds for an order to get from shop to the status page
DNS_OF_DOCKER = "127.0.0.11"  # listens in containers, and hangs when it is asked for a page


@dataclass(frozen=True)
class Scene:
    """What was found. `strangers`: addresses that watch shop, but are no monitor's of `inner`."""

    engine: object
    host: object  # the namespaces that the kernel started with
    key: str
    sells: bool  # shop signs orders on the engine's port
    live: bool  # the page on the engine's port is live
    shops: tuple
    inner: tuple  # monitors in other network namespaces than the engine's
    outer: tuple  # what answers like monitor in the engine's: monitor itself, or Docker's proxy
    strangers: tuple

    def monitors(self):
        """The processes that do monitor's work; a failed check when that cannot be said."""
        assert self.shops, "shop does not answer with orders signed with its key: is it running?"
        found = self.inner or self.outer
        assert found, (
            "no status page shows what shop is doing right now: monitor is not running, or does "
            "not reach shop"
        )
        assert not self.inner or not self.strangers, (
            f"shop is also watched from {', '.join(self.strangers)}, and the monitor that has a "
            "network namespace of its own does not do that. Stop whatever else watches, and let "
            "monitor reach shop directly, not round by a port of the engine"
        )
        return found


class _Search:
    def __init__(self, kernel, probe, key):
        self.kernel, self.probe, self.key = kernel, probe, key
        self.order = "order-" + secrets.token_hex(8)
        self.receipt = hmac.new(key.encode(), self.order.encode(), hashlib.sha256).hexdigest()

    def ports(self):
        """(process, address of its port), one per listening socket of the machine."""
        homes = {}
        for process in self.kernel.processes(ENGINE):
            homes.setdefault(process.ns.net, process)
        for inhabitant in homes.values():
            for listener in self.kernel.listeners(inhabitant):
                if listener.proto == "tcp" and listener.address != DNS_OF_DOCKER:
                    address = listener.address
                    if address in ("0.0.0.0", "::"):
                        address = "127.0.0.1"
                    elif ":" in address:
                        address = f"[{address}]"
                    for process in listener.processes:
                        yield process, f"http://{address}:{listener.port}"

    def signs(self, where, url):
        """Whether a correctly signed receipt comes back for the order."""
        answer = self.probe.http(
            where, url + "/orders", timeout=1.0, method="POST", body=self.order.encode()
        )
        return answer.ok and self.receipt in answer.text

    def shows(self, where, url):
        """Whether the order is on the page. The receipt is only on shop's own."""
        text = self.probe.http(where, url, timeout=1.0).text
        return self.order in text and self.receipt not in text

    def json(self, where, url):
        answer = self.probe.http(where, url, timeout=1.0)
        try:
            return json.loads(answer.text) if answer.ok else None
        except ValueError:
            return None

    def strangers(self, inner):
        """The addresses that shop is watched from, but for those of the monitors in `inner`."""
        found = []
        for look in self.json(ENGINE, SHOP + "/watchers") or []:
            if look["looks"] < 2:
                continue  # someone had a look by hand
            whoami = f"http://{look['to']}/whoami"
            own = [(self.json(monitor, whoami) or {}).get("from") for monitor in inner]
            if look["from"] not in own:
                found.append(look["from"])
        return tuple(dict.fromkeys(found))


def unique(processes):
    return tuple({process.pid: process for process in processes}.values())


@pytest.fixture(scope="session")
def scene(kernel, probe, facts):
    """The state of the lab; one order is placed for it."""
    search = _Search(kernel, probe, f"sk_live_{facts['shop-key']}")
    engine = kernel.process(ENGINE)
    with ThreadPoolExecutor(8) as pool:

        def which(test, ports):
            return [port for port, yes in zip(ports, pool.map(lambda p: test(*p), ports)) if yes]

        ports = list(search.ports())
        shops = which(search.signs, ports)
        sells = search.signs(ENGINE, SHOP)
        pages = [port for port in ports if port not in shops]
        found, deadline = [], time.monotonic() + PATIENCE
        while pages and not found and time.monotonic() < deadline:
            time.sleep(0.2)
            found = which(search.shows, pages)
        if found:  # others may be half a second behind the first
            time.sleep(0.7)
            found = which(search.shows, pages)
    monitors = unique(process for process, _ in found)
    inner = tuple(m for m in monitors if m.ns.net != engine.ns.net)
    return Scene(
        engine=engine,
        host=kernel.host().ns,
        key=search.key,
        sells=sells,
        live=search.shows(ENGINE, PAGE),
        shops=unique(process for process, _ in shops),
        inner=inner,
        outer=tuple(m for m in monitors if m.ns.net == engine.ns.net),
        strangers=search.strangers(inner),
    )
