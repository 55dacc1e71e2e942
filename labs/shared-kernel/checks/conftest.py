"""What the checks on runner share: where it is, and one job of the grader's own in it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from labctl.environment.outside import Outage

ENGINE = "engine"
CHUNK = 512 << 10
CONNECTIONS = 12
ESTABLISHED = "01"  # as /proc/net/tcp writes that state

# Runs in runner, by the grader's busybox. For as long as nobody connects to `held` there are a
# process with the token in its command line and an open port: a kernel that runs this knows both.
# The sums are there because only what runs the script can tell them.
SCRIPT = """
PATH=/nonexistent
(exec -a busybox /proc/self/exe sleep 8.{token}) &
sleeper=$!
echo $(({a} * {b} + {c})) | nc -l -p {held} >/dev/null &
holder=$!
echo $(({a} + {b} * {c})) | nc -l -p {ready} >/dev/null
wait $holder
kill $sleeper && echo alive
uname -r
cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo none
"""


@dataclass(frozen=True)
class Trial:
    """How the grader's job went, and what the machine's kernel knew of it meanwhile."""

    trouble: str = ""
    as_process: bool = False
    as_listener: bool = False
    release: str = ""
    boot_id: str = ""


@pytest.fixture(scope="session")
def runner(facts) -> SimpleNamespace:
    address, port = f"198.19.200.{facts['runner-host']}", int(facts["runner-port"])
    return SimpleNamespace(
        address=address, port=port, url=f"http://{address}:{port}", key=facts["runner-key"]
    )


@pytest.fixture(scope="session")
def receipt(runner):
    """Whether an answer of runner carries the receipt that its key makes."""

    def good(answer) -> bool:
        found = {k.lower(): v for k, v in answer.headers.items()}.get("x-receipt", "")
        due = hmac.new(runner.key.encode(), answer.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(found.encode(), due.encode())

    return good


@pytest.fixture(scope="session")
def spaces(kernel):
    """One list of processes for each network namespace in the machine."""

    def look() -> dict[int, list]:
        found: dict[int, list] = {}
        for process in kernel.processes(ENGINE):
            found.setdefault(process.ns.net, []).append(process)
        return found

    return look


@pytest.fixture(scope="session")
def listening(kernel, spaces):
    """Every socket that the machine's kernel holds open for peers, in any network namespace."""

    def look() -> Iterator:
        for members in spaces().values():
            for process in members:
                try:
                    found = kernel.listeners(process)
                except Outage:  # this one has ended since; another stands for the namespace
                    continue
                yield from ((process, listener) for listener in found)
                break

    return look


@pytest.fixture(scope="session")
def ends_here(runner, host, kernel, probe, spaces) -> bool:
    """Whether connections to runner end in this machine's own kernel, on whatever port or way.

    A redirected port hides who listens, but not that a kernel which speaks TCP with the grader
    holds a second end of every connection.
    """
    depth = len(kernel.process(ENGINE).nspid) - 1
    members = [group[0].nspid[depth] for group in spaces().values()]
    files = " ".join(f"/proc/{pid}/net/tcp /proc/{pid}/net/tcp6" for pid in members)

    def established() -> int:
        lines = host.run(f"cat {files} 2>/dev/null").stdout.splitlines()
        return sum(line.split()[3:4] == [ESTABLISHED] for line in lines)

    with ExitStack() as stack:
        before = established()
        held = [
            stack.enter_context(probe.hold(ENGINE, runner.address, runner.port))
            for _ in range(CONNECTIONS)
        ]
        if not all(connection.open for connection in held):
            pytest.fail(f"runner does not answer at {runner.address}:{runner.port}")
        time.sleep(0.2)  # for whoever passes connections on
        more = established() - before
    assert more >= CONNECTIONS, f"the grader's own ends are {CONNECTIONS} connections, not {more}"
    return more >= CONNECTIONS * 3 // 2


@pytest.fixture(scope="session")
def trial(runner, host, kernel, probe, listening) -> Trial:
    """Give runner the grader's own program to run, and look from outside while it runs.

    A job is what its author made it. This one is not made of anything in the machine, so what it
    says it saw is what the kernel under it showed; and a kernel cannot run it unknowingly.

    What this cannot rule out is a runner that tells this job from a customer's, and sandboxes this
    one alone: a black box is judged by samples. So no two of these jobs have the same bytes.
    """
    a, b, c = (secrets.randbelow(9000) + 1000 for _ in range(3))
    ready, held = secrets.SystemRandom().sample(range(20000, 60000), 2)
    token = "".join(secrets.choice("123456789") for _ in range(12))
    script = SCRIPT.format(a=a, b=b, c=c, ready=ready, held=held, token=token)
    url = f"{runner.url}/run?" + urlencode([("arg", "sh"), ("arg", "-c"), ("arg", script)])
    program = busybox(host) + secrets.token_bytes(64 + secrets.randbelow(4096))
    with ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(probe.http, ENGINE, url, 15.0, method="POST", body=program)
        end = time.monotonic() + 8
        told = b""
        while not told and not job.done() and time.monotonic() < end:
            told = probe.tcp(ENGINE, runner.address, ready, timeout=1.0, send=b"\n").received
            if not told:
                time.sleep(0.1)
        as_process = any(token in " ".join(p.argv) for p in kernel.processes(ENGINE))
        as_listener = any(listener.port == held for _, listener in listening())
        last = probe.tcp(ENGINE, runner.address, held, timeout=2.0, send=b"\n").received
        answer = job.result()
    told_right = (told.strip(), last.strip()) == (str(a + b * c).encode(), str(a * b + c).encode())
    lines = answer.text.split("\n")
    if not answer.ok:
        trouble = "runner does not run programs any more, or not at its address"
    elif lines[0] != "alive" or len(lines) < 3:
        trouble = f"a program in runner did not run as it should: {answer.text[-200:]!r}"
    elif not told_right:
        trouble = "a program in runner opened a port, and it could not be reached there"
    else:
        return Trial("", as_process, as_listener, lines[1].strip(), lines[2].strip())
    return Trial(trouble, as_process, as_listener)


def busybox(host) -> bytes:
    """The grader's busybox, from where commands of the grader find it."""
    parts = []
    while not parts or len(parts[-1]) == CHUNK:
        skip = len(parts)
        done = host.run(f"dd if=/proc/driver/busybox bs={CHUNK} count=1 skip={skip} 2>/dev/null")
        assert done.rc == 0, "the machine keeps the grader's own tools from running"
        parts.append(done.stdout_bytes)
    return b"".join(parts)
