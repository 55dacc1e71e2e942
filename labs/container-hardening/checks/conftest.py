"""Who is judged: the process that stamps, what a break-in gets, and every container's processes.

Nothing goes by names. Each stamp names the process that made it, and the kernel knows that
process. The grader also breaks in by the hole in notary's search, as anybody could, and then
looks from outside at what it got there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

ENGINE = "engine"
PORT = 8080
URL = f"http://127.0.0.1:{PORT}"
PATIENCE = 5.0  # seconds for connections to get through
CONNECTIONS = 8
ESTABLISHED = "01"  # as /proc/net/tcp writes that state
NAMESPACES = {"pid": "PID", "net": "network", "mnt": "mount", "uts": "UTS", "ipc": "IPC"}

# Runs in notary: a try at the machine's files, one program that any filter of system calls lets
# run, and one that Docker's default filter does not.
BREAK_IN = """';
cat /proc/1/root/root/safe-code
setarch -R /bin/sleep {odd} &
/bin/sleep {plain}
wait #"""


@dataclass(frozen=True)
class Scene:
    """What was found.

    `intruders` are the processes of the break-in, which have ended since, and live in notary's
    mount namespace; `everyone`: notary, they, and all other containers' processes. `unfiltered`:
    a system call that Docker's default filter refuses was let through. `loot`: what the break-in
    printed.
    """

    engine: object
    notary: object
    intruders: tuple
    everyone: tuple
    unfiltered: bool
    loot: str
    line: str  # what was stamped

    def number(self, process) -> int:
        """The process's number in the engine machine, as `ps` shows it there."""
        return process.nspid[len(self.engine.nspid) - 1]

    def name(self, process) -> str:
        """How messages call a process."""
        return f"`{process.comm}` (process {self.number(process)})"


@pytest.fixture(scope="session")
def scene(kernel, probe, host, facts) -> Scene:
    """The state of the lab. One line is stamped for it, and notary is broken into once."""
    before = {(process.pid, process.start) for process in kernel.processes(ENGINE)}
    line = "grader-" + secrets.token_hex(8)
    stamp = stamped(probe, f"nk_{facts['notary-key']}", line)
    plain, odd = ("1.5" + "".join(secrets.choice("123456789") for _ in "12345678") for _ in "12")
    word = BREAK_IN.format(plain=plain, odd=odd)
    intruders = {}
    with ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(probe.http, ENGINE, f"{URL}/search?{urlencode({'word': word})}", 10.0)
        while not job.done():
            found = [p for p in kernel.processes(ENGINE) if mentions(p, plain) or mentions(p, odd)]
            intruders |= {process.pid: process for process in found}
            time.sleep(0.1)
        answer = job.result()
    found = kernel.processes(ENGINE)
    engine = kernel.process(ENGINE)
    notary = next((p for p in found if (p.ns.mnt, p.start) == stamp), None)
    assert notary, "the stamp names a process that does not run in the engine machine"
    if not (answer.ok and any(runs(p, plain) for p in intruders.values())):
        pytest.fail(f"notary's search does not work any more: {told(answer)}")
    assert all(p.ns.mnt == notary.ns.mnt for p in intruders.values()), (
        "searches are run in another container than stamps are made in"
    )
    number = notary.nspid[len(engine.nspid) - 1]
    assert ends_at(host, probe, number), (
        f"connections to the engine's port {PORT} do not end at the notary whose stamps come back"
    )
    # Anything with a namespace of its own is somebody's container. What lives for a moment only
    # may be Docker on its way to start a program, when it has not yet given up its rights.
    others = [p for p in found if (p.pid, p.start) in before and is_apart(p, engine)]
    return Scene(
        engine=engine,
        notary=notary,
        intruders=tuple(intruders.values()),
        everyone=tuple({p.pid: p for p in (notary, *intruders.values(), *others)}.values()),
        unfiltered=any(runs(p, odd) for p in intruders.values()),
        loot=answer.text,
        line=line,
    )


def stamped(probe, key: str, line: str) -> tuple[int, int]:
    """Has a line stamped; gives back who did it: a mount namespace, and when it was started."""
    answer = probe.http(ENGINE, URL + "/stamp", method="POST", body=line.encode())
    assert answer.ok, f"notary does not stamp on the engine's port 8080: {told(answer)}"
    try:
        made = json.loads(answer.text)
        by = int(made["mount_namespace"]), int(made["started"])
        stamp = str(made["stamp"])
    except (ValueError, KeyError, TypeError):
        pytest.fail("what answers on the engine's port 8080 is not notary")
    due = hmac.new(key.encode(), f"{line}\n{by[0]}\n{by[1]}".encode(), hashlib.sha256).hexdigest()
    assert hmac.compare_digest(stamp.encode(), due.encode()), (
        "the stamp was not made with notary's key"
    )
    return by


def ends_at(host, probe, number: int) -> bool:
    """Whether connections to the port end in the network that a process lives in.

    A stamp says who made it. That cannot be made up without the key, but the machine's root has
    that, too; the kernel's own count of connections is nobody's to make up.
    """

    def established() -> set[str]:
        net = f"/proc/{number}/net"
        lines = host.run(f"cat {net}/tcp {net}/tcp6 2>/dev/null").stdout.splitlines()
        fields = [line.split() for line in lines]
        return {" ".join(f[1:3]) for f in fields if f[3:4] == [ESTABLISHED]}

    with ExitStack() as stack:
        before, until = established(), time.monotonic() + PATIENCE
        for _ in range(CONNECTIONS):
            stack.enter_context(probe.hold(ENGINE, "127.0.0.1", PORT))
        while len(established() - before) < CONNECTIONS:  # Docker's proxy may take a moment
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
    return True


def told(answer) -> str:
    """What is known of an answer that is not good."""
    if not answer.status:
        return f"the connection is {answer.outcome}"
    return " ".join(answer.text.splitlines()[:1])[:200] or f"status {answer.status}"


def mentions(process, word: str) -> bool:
    """Whether it was started with that word somewhere in its command line."""
    return word in " ".join(process.argv)


def runs(process, seconds: str) -> bool:
    """Whether it is the program that sleeps for so many seconds."""
    return process.argv == ("/bin/sleep", seconds)


def is_apart(process, engine) -> bool:
    """Whether it has any namespace that the engine machine itself does not live in."""
    return any(
        getattr(process.ns, kind) != getattr(engine.ns, kind) for kind in (*NAMESPACES, "user")
    )
