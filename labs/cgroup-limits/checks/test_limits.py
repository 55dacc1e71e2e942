"""The grader lets the hog make noise and reads from the kernel whom it hurts."""

from labctl.grading import check, weakness

MB = 1 << 20
ENDLESS = float("inf")
NO_FEATURE = "this kernel has no {}: the statement cannot be graded on this computer"


@weakness("unlimited")
def test_unlimited(arena):
    "The hog has no limits of its own"
    own = arena.cgroup(arena.hog).own
    assert (own.memory_max, own.pids_max, own.cpus, own.io) == (None, None, None, ())
    assert not any(q.rate for q in arena.kernel.qdiscs(arena.hog.process))


@weakness("starving")
def test_starving(arena):
    "A fork bomb in the hog leaves the victim without processes"
    with arena.noise("processes", 1.5):
        assert arena.until(lambda: arena.work("processes") == "refused", 1.4)


@check("cpu", points=2, hint="docker update has a --cpus option. Then make the hog noisy again.")
def test_cpu(arena):
    "The hog gets half a processor at most, and it alone is throttled"
    hog, victim = arena.both()
    if hog.nr_throttled is None:
        raise RuntimeError(NO_FEATURE.format("CPU bandwidth control"))
    limit = hog.effective.cpus or ENDLESS
    assert limit <= 0.5, f"the hog may use {limit:g} of a processor; give it 0.5 at most"
    with arena.noise("cpu", 5):
        assert arena.until(
            lambda: arena.cgroup(arena.hog).nr_throttled >= hog.nr_throttled + 3, 5
        ), (
            "the hog was asked for CPU noise, and the kernel never had to throttle it: "
            "it does not do its work any more"
        )
        wrong = arena.work("cpu")
        assert not wrong, f"the victim cannot do its sums while the hog is busy: {wrong}"
        assert arena.cgroup(arena.victim).nr_throttled == victim.nr_throttled, (
            "the victim was throttled, too: its own CPU limit is too tight"
        )


@check("memory", points=2, hint="docker update --memory wants --memory-swap with it.")
def test_memory(arena):
    "The hog gets 192 MiB at most, and out-of-memory kills stay within it"
    hog, victim = arena.both()
    if hog.memory_current is None:
        raise RuntimeError(NO_FEATURE.format("memory control group"))
    limit = hog.effective.memory_max or ENDLESS
    assert limit <= 192 * MB, f"the hog may fill {limit / MB:g} MiB; give it 192 MiB at most"
    with arena.noise("memory", 10):
        assert arena.until(lambda: arena.cgroup(arena.hog).oom_kills > hog.oom_kills, 10), (
            "the hog was asked to fill memory, and nothing in it was ever killed: "
            "it does not do its work any more"
        )
        wrong = arena.work("memory")
        assert not wrong, f"the victim's report, which needs 96 MiB, is {wrong} beside the hog"
        assert arena.cgroup(arena.victim).oom_kills == victim.oom_kills, (
            "something in the victim was killed for want of memory"
        )


@check("disk", points=2, hint="`disk` names the disk. Only docker run can set this, not update.")
def test_disk(arena, kernel):
    "The hog writes 4 MB a second at most to the disk"
    disk = arena.disk()
    hog = arena.cgroup(arena.hog)
    controllers = kernel.read("engine", "/sys/fs/cgroup/cgroup.controllers")
    if "io" not in hog.paths or (controllers is not None and b"io" not in controllers.split()):
        raise RuntimeError(NO_FEATURE.format("I/O control group"))
    limits = [limit.wbps for limit in hog.effective.io if limit.device == disk and limit.wbps]
    assert limits, f"nothing limits how fast the hog writes to disk {disk}"
    limit = min(limits)
    assert limit <= 4 * MB, f"the hog may still write {limit / MB:.1f} MiB/s; 4 MB/s is enough"
    before = written(arena)
    with arena.noise("disk", 10):
        assert arena.until(lambda: written(arena) > before, 8), (
            "the hog was asked to write, and wrote nothing: it does not do its work any more"
        )
        rate = arena.rate(lambda: written(arena), 1.5)
        # The kernel hands out the allowance in slices, so that a short look sees some more.
        assert rate < 2 * limit + MB, f"the hog writes {rate / MB:.1f} MiB/s all the same"
        wrong = arena.work("disk")
        assert not wrong, f"the victim cannot write to its disk: {wrong}"


@check("processes", points=3, hint="docker update has a --pids-limit option.")
def test_processes(arena):
    "A fork bomb in the hog stays within the hog: 64 processes at most"
    hog, victim = arena.both()
    if hog.pids_failures is None:
        raise RuntimeError(NO_FEATURE.format("process-number control group"))
    limit = hog.effective.pids_max or ENDLESS
    assert limit <= 64, f"the hog may have {limit:g} processes; give it 64 at most"
    with arena.noise("processes", 5):
        assert arena.until(lambda: arena.cgroup(arena.hog).pids_failures > hog.pids_failures, 5), (
            "the fork bomb was lit, and the kernel never refused a fork: "
            "the hog does not do its work any more"
        )
        wrong = arena.work("processes")
        assert not wrong, f"while the fork bomb goes on, the victim's new process is {wrong}"
        assert arena.cgroup(arena.victim).pids_failures == victim.pids_failures, (
            "the victim was refused a process: its own limit is too tight"
        )


@check("bandwidth", points=3, hint="Root in the machine can run tc in the hog's network: nsenter.")
def test_bandwidth(arena, kernel):
    "The hog sends 10 Mbit/s at most, by a queue that it cannot remove"
    most = 10_000_000 / 8
    shared = [q for q in kernel.qdiscs("engine") if q.rate]
    inside = [q for q in kernel.qdiscs(arena.hog.process) if q.rate]
    peers = [q for q in shared if q.device.startswith(("veth", "ifb"))]
    if not shared and not inside:
        raise RuntimeError("no queue limits the machine's line: tbf is missing, or was removed")
    slow = [q for q in inside + peers if q.device != "lo" and max(q.rate, q.ceil or 0) <= most]
    assert slow, (
        "no queue on the hog's network interface limits it to 10 Mbit/s or less; "
        "control groups do not do that"
    )
    assert "CAP_NET_ADMIN" not in arena.hog.process.capabilities, (
        "the hog has the capability NET_ADMIN: it can remove the queue itself"
    )
    before = sent(arena)
    with arena.noise("network", 10):
        assert arena.until(lambda: sent(arena) > before + 20_000, 8), (
            "the hog was asked to upload, and sent nothing: it does not do its work any more"
        )
        rate = arena.rate(lambda: sent(arena), 1.5)
        assert rate < 1.3 * most, f"the hog sends {rate * 8 / 1e6:.1f} Mbit/s all the same"
        limited = [q.device for q in kernel.qdiscs(arena.victim.process) if q.rate]
        assert not limited, f"the victim's own interface {limited[0]} is limited, too"
        page = arena.probe.http("customer", "http://engine:8080/", timeout=8, dns="127.0.0.11:53")
        assert arena.victim.token in page.text, "the victim's page does not reach the customer"


def written(arena):
    """Bytes that the hog had written to disks, as the kernel counts them."""
    return arena.counter(arena.hog, "io", "write_bytes")


def sent(arena):
    """Bytes that the hog sent on all interfaces but its loopback, as the kernel counts them."""
    text = arena.kernel.read(arena.hog.process, f"/proc/{arena.hog.pid}/net/dev") or b""
    rows = [line.partition(":") for line in text.decode().splitlines() if ":" in line]
    return sum(int(rest.split()[8]) for name, _, rest in rows if name.strip() != "lo")


@check("together", points=3, hint="All limits at once: try `noise all` and `latency`.", seconds=60)
def test_together(arena):
    "While the hog makes every noise at once, the victim does all of its work"
    before = arena.cgroup(arena.hog).pids_failures
    with arena.noise("all", 8):
        # From here on no process can be had, by the hog or by anybody: that is the question.
        assert arena.until(lambda: arena.cgroup(arena.hog).pids_failures > before, 8), (
            "the hog was asked for every noise, and ran into no limit: it does not work any more"
        )
        for piece in ("processes", "memory", "cpu", "disk"):
            wrong = arena.work(piece)
            assert not wrong, f"the victim's work fails while the hog is noisy ({piece}): {wrong}"
        page = arena.probe.http("customer", "http://engine:8080/", timeout=8, dns="127.0.0.11:53")
        assert arena.victim.token in page.text, "the victim's page does not reach the customer"
        arena.kernel.process(arena.hog.process)  # it did not fall over itself
