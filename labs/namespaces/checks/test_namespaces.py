"""The kernel's ids of monitor's namespaces, and whether monitor still does its work."""

from __future__ import annotations

from labctl.grading import check

WORDS = {"pid": "PID", "net": "network", "mnt": "mount", "uts": "UTS", "ipc": "IPC", "user": "user"}

# Docker gives every container these files of its own, from the folder where it keeps them.
DOCKERS_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
# In a user namespace nobody may make devices, so Docker mounts these from outside. It also
# covers files below /proc with one of them.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "console")


def owns(scene, kind, shared):
    """Every monitor has a namespace of that kind which nobody else uses."""
    for monitor in scene.monitors():
        mine = getattr(monitor.ns, kind)
        assert mine not in (getattr(scene.engine.ns, kind), getattr(scene.host, kind)), shared
        for shop in scene.shops:
            assert mine != getattr(shop.ns, kind), (
                f"monitor left the engine's {WORDS[kind]} namespace, but moved into shop's"
            )


def files_of_the_engine(kernel, monitor):
    """Where parts of the engine's own file systems are mounted in monitor."""
    kept = {"/", "/var/lib/docker", "/workspace", "/run", "/dev", "/etc/hosts"}
    engines = {m.device for m in kernel.mounts("engine") if m.place in kept}
    for mount in kernel.mounts(monitor):
        device = mount.place.startswith(("/dev/", "/proc/")) and mount.root.strip("/") in DEVICES
        if mount.device in engines and mount.place not in DOCKERS_FILES and not device:
            yield mount.place


def maps_to(ids, wanted):
    return any(outside <= wanted < outside + count for _, outside, count in ids)


def sees(kernel, monitor, shops):
    """Whether one of shop's processes is in monitor's PID namespace or below it."""
    visible = {process.pid for process in kernel.processes(monitor)}
    return any(shop.pid in visible for shop in shops)


@check("own-pid", points=2, hint="Which option of `docker run` shares the host's processes?")
def test_own_pid(scene):
    "monitor has a PID namespace of its own"
    owns(scene, "pid", "monitor shares the engine's PID namespace: it sees and can end everything")


@check(
    "own-net",
    points=2,
    hint="Containers on one Docker network find each other by name, without the host's network.",
)
def test_own_net(scene):
    "monitor has a network namespace of its own"
    owns(scene, "net", "monitor shares the engine's network namespace: its interfaces and ports")


@check("own-uts", points=1, hint="UTS is the kernel's word for the host's name.")
def test_own_uts(scene):
    "monitor has a UTS namespace of its own"
    owns(scene, "uts", "monitor shares the engine's UTS namespace: it can change the host's name")


@check("own-ipc", points=1, hint="Compare `ipcs` in the engine machine and in monitor.")
def test_own_ipc(scene):
    "monitor has an IPC namespace of its own"
    owns(scene, "ipc", "monitor shares the engine's IPC namespace: shared memory is open to it")


@check(
    "own-mount",
    points=2,
    hint="A mount namespace of one's own helps little when the host's files are mounted in it.",
)
def test_own_mount(scene, kernel):
    "monitor has a mount namespace of its own, with none of the engine's files in it"
    owns(scene, "mnt", "monitor shares the engine's mount namespace: it sees the engine's files")
    for monitor in scene.monitors():
        places = sorted(files_of_the_engine(kernel, monitor))
        assert not places, f"files of the engine are mounted in monitor, at {', '.join(places)}"


@check(
    "own-user",
    points=3,
    hint="Docker's engine can do this for all its containers: look for `userns-remap`.",
)
def test_own_user(scene):
    "monitor has a user namespace of its own, and root in it is not the engine's root"
    owns(scene, "user", "monitor has no user namespace: its root is the engine's root (uid 0)")
    for monitor in scene.monitors():
        for word, ids, root in (
            ("user", monitor.uid_map, scene.engine.uid),
            ("group", monitor.gid_map, scene.engine.gid),
        ):
            assert not maps_to(ids, root), (
                f"monitor has a user namespace, but its {word} map leads to the engine's root: "
                + "; ".join(" ".join(map(str, line)) for line in ids)
            )
        assert scene.engine.uid not in monitor.uids, "monitor still runs as the engine's root"


@check(
    "key-out-of-reach",
    points=3,
    hint="Nobody reads /proc/PID/environ of a process that has no PID where they are.",
)
def test_key_out_of_reach(scene, kernel):
    "shop still signs orders on port 8080, and its process and key are out of monitor's reach"
    monitors = scene.monitors()
    assert scene.sells, "shop does not answer on the engine's port 8080 as it should"
    for monitor in monitors:
        assert not sees(kernel, monitor, scene.shops), (
            "shop's process is visible in monitor's PID namespace, and with it the key in "
            "its environment"
        )
        number = monitor.nspid[len(scene.engine.nspid) - 1]
        told = kernel.read("engine", f"/proc/{number}/environ") or b""
        told += "\0".join(monitor.argv).encode()
        assert scene.key.encode() not in told, "monitor was handed shop's key"


@check(
    "still-watching",
    points=2,
    hint="In a network namespace of its own, what is 127.0.0.1? And who opens port 9090?",
)
def test_still_watching(scene):
    "an isolated monitor keeps the status page on port 9090 live"
    for monitor in scene.monitors():
        assert monitor in scene.inner, (
            "the status page is live, but who fills it lives in the engine's network namespace"
        )
        assert monitor.ns.pid != scene.engine.ns.pid, (
            "the status page is live, but who fills it lives in the engine's PID namespace"
        )
    assert scene.live, "port 9090 of the engine machine does not show the live status page"
