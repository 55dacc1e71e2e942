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
        """(who lives there, who listens, its address) for each listening socket."""
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
                        yield inhabitant, process, f"http://{address}:{listener.port}"

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

    def looks(self):
        """How often shop's health was asked for, by address of who asked and who was asked."""
        found = self.json(ENGINE, SHOP + "/watchers") or []
        return {(look["from"], look["to"]): look["looks"] for look in found}

    def strangers(self, inner, before):
        """The addresses that watch shop since `before`, but for the monitors' in `inner`."""
        found = []
        for (watcher, shop), looks in self.looks().items():
            if looks > before.get((watcher, shop), 0):
                whoami = f"http://{shop}/whoami"
                own = [(self.json(monitor, whoami) or {}).get("from") for monitor in inner]
                found += [watcher] if watcher not in own else []
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
            answers = pool.map(lambda port: test(port[0], port[2]), ports)
            return [port for port, yes in zip(ports, answers, strict=True) if yes]

        ports = list(search.ports())
        before = search.looks()
        shops = which(search.signs, ports)
        sells = search.signs(ENGINE, SHOP)
        pages = [port for port in ports if port not in shops]
        found, deadline = [], time.monotonic() + PATIENCE
        while pages and not found and time.monotonic() < deadline:
            time.sleep(0.2)
            found = which(search.shows, pages)
        if found:  # whoever else watches asks twice a second, too
            time.sleep(0.7)
            found = which(search.shows, pages)
    monitors = unique(process for _, process, _ in found)
    inner = tuple(m for m in monitors if m.ns.net != engine.ns.net)
    return Scene(
        engine=engine,
        host=kernel.host().ns,
        key=search.key,
        sells=sells,
        live=search.shows(ENGINE, PAGE),
        shops=unique(process for _, process, _ in shops),
        inner=inner,
        outer=tuple(m for m in monitors if m.ns.net == engine.ns.net),
        strangers=search.strangers(inner, before),
    )
