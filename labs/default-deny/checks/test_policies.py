"""Who reaches whom. Every connection is tried by the grader, from inside the pods' networks."""

from __future__ import annotations

import re
import secrets
import time

from labctl.grading import check, weakness

METRICS = 9090
# Who may call whom in the shop. Everybody may call web: it is the front door.
NEEDED = {("web", "api"), ("api", "db"), ("api", "payments"), ("api", "parcels")}


@weakness("everything-talks", seconds=90)
def test_everything_talks(shop, network, internet):
    "Every pod reaches all pods of production, and the internet"
    ends = [*shop.production(), *shop["collector"], *shop["report"]]
    dials = [(a, b, b.port) for a in ends for b in shop.production() if a != b]
    dials += [(a, internet, 443) for a in ends]
    through = network.reached(dials)
    missing = [dial for dial in dials if dial not in through]
    assert not missing, f"cut already: {network.told(missing)}"


@weakness("shop-sells", seconds=90)
def test_shop_sells(kube, probe, stamps):
    "Customers can buy"
    page = _page(kube, probe, order := _order())
    assert not _missing(page, stamps(order)), f"the shop does not sell yet: {page}"


@weakness("report-copies", seconds=90)
def test_report_copies(shop, probe):
    "The report job copies the database"
    assert _report_row(shop, probe) > 0, "the report job has no connection yet"


@check(
    "ingress-denied",
    points=3,
    seconds=60,
    hint="A policy that selects every pod and allows no ingress closes one namespace. Are you "
    "sure that you know all production namespaces? And think twice about whom an allowed "
    "label can be worn by: without a namespaceSelector beside it, or with an empty one?",
)
def test_ingress_denied(shop, newcomers, network):
    "Nothing from outside of production gets into it, but customers at the front door"
    strangers = [newcomers.visitor, *shop["report"]]
    inner = [end for end in shop.production() if end.name != "web"]
    dials = [(a, b, b.port) for a in [*strangers, *shop["collector"]] for b in inner]
    dials += [(a, b, METRICS) for a in strangers for b in shop.production()]
    through = network.reached(dials)
    assert not through, f"still open from outside of production: {network.told(through)}"


@check(
    "egress-denied",
    points=3,
    seconds=60,
    hint="policyTypes decides what a policy governs: without Egress in it, everything may leave. "
    "And a rule for port 53 needs a `to`, or it is a way out for anybody who listens there.",
)
def test_egress_denied(shop, newcomers, internet, network):
    "Nothing leaves production: not to the internet, not to dev, not to other namespaces"
    dials = []
    for source in shop.production():
        dials += [(source, internet, port) for port in (443, 53)]
        dials.append((source, internet, 53, "udp"))
        dials.append((source, newcomers.visitor, newcomers.visitor.port))
        dials += [(source, report, report.port) for report in shop["report"]]
    through = network.reached(dials)
    assert not through, f"an intruder could still send data out: {network.told(through)}"


@check(
    "new-pods-denied",
    points=3,
    seconds=60,
    hint="The grader has just made a pod in every production namespace, with a name and labels "
    "that you have never seen. An empty podSelector selects all pods, those to come included. "
    "Look at your allow rules, too: do they select more pods than they need to?",
)
def test_new_pods_denied(shop, newcomers, internet, network):
    "A pod that is new in a production namespace is cut off from the start, both ways"
    fresh = list(newcomers.settled.values())
    dials = []
    for pod, other in zip(fresh, [*fresh[1:], fresh[0]], strict=True):
        dials += [(pod, end, end.port) for end in (internet, newcomers.visitor, other)]
        dials += [(pod, end, end.port) for end in shop.production() if end.name != "web"]
        dials += [(end, pod, pod.port) for end in (newcomers.visitor, *shop.production())]
        dials += [(end, pod, pod.port) for end in (*shop["report"], *shop["collector"])]
    through = network.reached(dials)
    assert not through, f"a pod that is new still talks: {network.told(through)}"


@check(
    "only-needed-paths",
    points=3,
    hint="Compare `labctl traffic` with the table in the lab's text: every `open` that is not in "
    "the table has to go. Rules that allow a whole namespace often allow too much.",
)
def test_only_needed_paths(shop, network):
    "Inside production only the paths that the shop needs are open"
    dials = []
    for a in shop.production():
        for b in shop.production():
            if a.name != b.name:
                ports = {b.port, METRICS} - ({b.port} if (a.name, b.name) in NEEDED else set())
                dials += [(a, b, port) for port in sorted(ports)]
    through = network.reached(dials)
    assert not through, f"nobody needs these, and they are open: {network.told(through)}"


@check(
    "open-connection-cut",
    points=2,
    hint="The report job in dev keeps one connection to db that is older than your policies. "
    "Leave the job alone: who must refuse its packets?",
)
def test_open_connection_cut(shop, probe, history):
    "The report job's old connection to the database was open, and carries nothing any more"
    before, db_before = _report_row(shop, probe), _db_row(shop, probe)
    time.sleep(1.6)  # three rows
    after, db_after = _report_row(shop, probe), _db_row(shop, probe)
    assert db_after > db_before, "db does not work: it has no new rows"
    assert after == before, (
        f"the report job in dev still copies the database: row {before} a moment ago, {after} now"
    )
    line = history("report-line")
    assert line.now == "cut", (
        "the grader has kept a connection of its own beside the report job's, from before your "
        f"policies; it was to be cut, and is found to be `{line.now}`"
    )
    line.require(line.order("open", "cut"), "that connection was never open before it was cut")


@check(
    "shop-works",
    points=4,
    hint="`curl` the shop: it tells which hop fails, and whether it is the name or the way. A "
    "path needs two rules, egress at the caller and ingress at the called; and before "
    "anybody can call db.orders, somebody has to tell its address.",
)
def test_shop_works(shop, kube, probe, network, stamps):
    "Customers can buy: the shop works end to end, by names, behind default-deny"
    dials = [(a, b, b.port) for a in shop["web"] for b in shop["db"]]
    dials += [(a, b, b.port) for a in shop["report"] for b in shop["payments"]]
    through = network.reached(dials)
    assert not through, f"the shop works, but behind no default-deny: {network.told(through)}"
    # Its connections may just have been cut and allowed again.
    deadline = time.monotonic() + 3
    while missing := _missing(page := _page(kube, probe, order := _order()), stamps(order)):
        assert time.monotonic() < deadline, (
            f"a customer cannot buy, {' and '.join(missing)} missing. The shop says: {page}"
        )
        time.sleep(0.3)


@check(
    "metrics-scraped",
    points=2,
    hint="The collector lives in monitoring, where egress is free. What it needs is ingress: "
    "from one app in one namespace, to one port of each of the shop's pods.",
)
def test_metrics_scraped(shop, probe, network):
    "Monitoring reads the shop's metrics, and nothing else"
    private = [end for end in shop.production() if end.name != "web"]
    dials = [(a, b, b.port) for a in shop["collector"] for b in private]
    through = network.reached(dials)
    assert not through, f"the collector reaches more than metrics: {network.told(through)}"
    for collector in shop["collector"]:
        for end in shop.production():
            got = probe.http(collector.place, f"http://{end.ip}:{METRICS}/metrics", timeout=5)
            assert f'shop_up{{role="{end.name}"}} 1' in got.text, (
                f"the collector in monitoring cannot read the metrics of {end.name} any more"
            )


def _order() -> str:
    return secrets.token_hex(8)


def _page(kube, probe, order: str) -> str:
    """What a customer sees who comes to the front door: port 30080 of the node."""
    node = kube.list("/api/v1/nodes")[0]
    addresses = {a["type"]: a["address"] for a in node["status"]["addresses"]}
    url = f"http://{addresses['InternalIP']}:30080/?order={order}"
    got = probe.http("workstation", url, timeout=3)
    return " ".join(got.text.split()) or f"nothing ({got.outcome})"


def _missing(page: str, stamps: dict[str, str]) -> list[str]:
    """The parts of an order that are not on the page."""
    return [part for part, stamp in stamps.items() if stamp not in page]


def _report_row(shop, probe) -> int:
    page = probe.http(shop["report"][0].place, "http://127.0.0.1:8082/").text
    row = re.search(r"newest row (\d+)", page)
    return int(row[1]) if row else 0


def _db_row(shop, probe) -> int:
    got = probe.tcp(shop["db"][0].place, "127.0.0.1", 5432, send=b"ROW\n")
    return int(got.received or 0)
