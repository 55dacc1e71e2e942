"""What root does in machines, and to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from docker.errors import APIError

from labctl.environment import wait
from tests.e2e.redteam.arena import SCRIPTS, Arena
from tests.e2e.redteam.library import hostile

PRELOAD = "/etc/ld.so.preload"
REACHED = ("docker", "engine", "kind")


def forged_tools(arena: Arena) -> Iterator[None]:
    """Replaced programs, profiles, and a library that is loaded before every program."""
    machines = arena.of(*REACHED)
    library = hostile(arena.session.client.info()["Architecture"])
    for machine in machines:
        provider = arena.lab.machines[machine].provider
        if provider != "docker":
            arena.run(machine, _script("proc.sh"))
        arena.run(machine, _script("tools.sh"))
        if provider != "kind":  # its node would start no pods any more
            arena.put(machine, "/usr/lib/hostile.so", library)
            arena.put(machine, PRELOAD, b"/usr/lib/hostile.so\n")
        lie = arena.container(machine).exec_run(["cat", "/proc/1/status"]).output
        assert lie == b"forged: all is well\n", f"the attack itself does not work: {lie}"
    yield
    for machine in machines:
        arena.put(machine, PRELOAD, b"")
        arena.container(machine).exec_run(["/forger", "-c", _script("undo.sh")], user="root")
        assert "forged" not in arena.run(machine, "cat /proc/1/status; sh -c ps")


def impostors(arena: Arena) -> Iterator[None]:
    """Something of the services' names, at their addresses and ports, that floods and hangs."""
    (machine,) = arena.of("engine")
    arena.put(machine, "/impostor.pl", (SCRIPTS / "impostor.pl").read_bytes())
    arena.run(machine, _script("impostor.sh"))
    yield


def fork_bomb(arena: Arena) -> Iterator[None]:
    """As many processes as the machine may have, and more whenever one of them ends."""
    machines = arena.of("docker", "engine")
    for machine in machines:
        container = arena.container(machine)
        _limit_processes(container, container.attrs["HostConfig"]["PidsLimit"] or 700)
        container.exec_run(["bash", "-c", _script("bomb.sh")], user="root", detach=True)
    time.sleep(3)
    yield
    for machine in machines:
        _limit_processes(arena.container(machine), 10_000)
        arena.run(machine, "pkill -KILL -f 'for [f]use' || true; pkill -KILL -f 'sleep [9]00'")


def _limit_processes(container: Any, most: int) -> None:
    """So that the bomb does not reach the computer that the tests run on, and can be ended."""
    api = container.client.api
    answer = api._post_json(api._url("/containers/{0}/update", container.id), {"PidsLimit": most})
    api._raise_for_status(answer)


def paused(arena: Arena) -> Iterator[None]:
    machines = arena.of(*REACHED)
    for machine in machines:
        _pause(arena.container(machine))
    yield
    for machine in machines:
        arena.container(machine).unpause()


def _pause(container: Any) -> None:
    """On cgroup v1, runc gives up on a machine in which processes come and go all the time."""

    def done() -> bool:
        try:
            container.pause()
        except APIError as e:
            if "unable to freeze" not in str(e):
                raise
            return False
        return True

    wait.until("the machine to be paused", done, seconds=20, every=0.5)


def stopped(arena: Arena) -> Iterator[None]:
    for machine in arena.of(*REACHED):
        arena.container(machine).kill()
    yield


def recreated(arena: Arena) -> Iterator[None]:
    """By hand, with the same name, labels, image and rights: another machine all the same."""
    for machine in arena.of(*REACHED):
        old = arena.container(machine)
        api, config, told = old.client.api, old.attrs["Config"], old.attrs["HostConfig"]
        old.remove(force=True)
        copy = {**config, "HostConfig": told, "NetworkingConfig": {}}
        copy["HostConfig"]["PortBindings"] = {}
        made = api.create_container_from_config(copy, old.name)
        api.start(made["Id"])
    yield


def _script(name: str) -> str:
    return (SCRIPTS / name).read_text()
