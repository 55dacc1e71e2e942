"""The state that the learner finds. Nobody has had a chance to lie yet, so names will do."""

from __future__ import annotations

from labctl.grading import weakness

PAGE = "http://127.0.0.1:9090/"


@weakness("monitor-is-the-host")
def test_shares_everything(kernel, probe):
    assert "shop        open" in probe.http("engine", PAGE).text, "monitor does not see shop open"
    engine, monitor = kernel.process("engine"), kernel.listener("engine", 9090)
    for kind in ("pid", "net", "ipc", "uts", "user"):
        shared = getattr(monitor.ns, kind) == getattr(engine.ns, kind)
        assert shared, f"monitor does not share the engine's {kind} namespace"


@weakness("monitor-reads-the-key")
def test_reads_the_key(kernel):
    monitor, shop = (kernel.find("engine", comm=name) for name in ("monitor", "shop"))
    assert monitor, "monitor does not run"
    assert shop, "shop does not run"
    seen = {process.pid for process in kernel.processes(monitor)}
    assert shop.pid in seen, "monitor does not see shop's process"
    assert "/host" in {mount.place for mount in kernel.mounts(monitor)}, "no /host in monitor"
    # What the kernel asks before it lets one process read another's environment.
    same = shop.uids == monitor.uids and shop.ns.user == monitor.ns.user
    assert same, "monitor is not the same user as shop"
    assert not shop.cap_prm & ~monitor.cap_prm, "monitor has fewer rights than shop"
