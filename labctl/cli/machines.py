"""shell, exec, logs, kubeconfig: working in a session's machines."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.session.opened import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(shell)
    app.command("exec", context_settings={"ignore_unknown_options": True})(execute)
    app.command()(logs)
    app.command()(kubeconfig)


def shell(machine: options.OptionalMachine = None, session: options.Session = None) -> None:
    """Open a shell in a machine.

    Examples: labctl shell; labctl shell engine --session a
    """
    found = _ready(session)
    name = machine or found.lab.shell
    _become(found, name, found.provider(name).shell())


def execute(
    machine: options.Machine,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]...")],
    session: options.Session = None,
) -> None:
    """Run one command in a machine; its exit code is labctl's.

    Examples: labctl exec engine -- docker ps; labctl exec -s a workstation -- kubectl get pods
    """
    found = _ready(session)
    argv = command[1:] if command[0] == "--" else command
    stdin = not sys.stdin.isatty()
    _become(found, machine, found.provider(machine).command(argv, stdin=stdin))


def logs(
    machine: options.OptionalMachine = None,
    session: options.Session = None,
    lines: Annotated[int, typer.Option("--tail", "-n", min=1, help="How many lines.")] = 100,
) -> None:
    """Show what a machine's main process wrote.

    Examples: labctl logs; labctl logs engine --tail 20
    """
    from labctl.cli import output

    found = _ready(session)
    name = machine or found.lab.shell
    output.print_plain(found.provider(name).logs(found.place, name, lines))


def kubeconfig(
    machine: options.OptionalMachine = None,
    session: options.Session = None,
    path: Annotated[bool, typer.Option("--path", help="Print the file's path instead.")] = False,
) -> None:
    """Print a cluster's kubeconfig, for kubectl on this machine.

    Examples: export KUBECONFIG=$(labctl kubeconfig --path); labctl kubeconfig > lab.yaml
    """
    from labctl.cli import output
    from labctl.errors import UsageError

    found = _ready(session)
    clusters = [name for name, spec in found.lab.machines.items() if spec.provider == "kind"]
    name = machine or next(iter(clusters), "")
    if name not in clusters:
        raise UsageError(
            f"The lab `{found.lab.id}` has no cluster `{name}`".replace(" ``", ""),
            resolution="Clusters: " + (", ".join(clusters) or "none"),
        )
    file = found.place.kubeconfig(name)
    output.print_plain(str(file) if path else file.read_text())


def _ready(name: str | None) -> Session:
    from labctl import host
    from labctl.session.opened import ready
    from labctl.session.store import Store

    return ready(Store(), host.find("local"), name)


def _become(session: Session, machine: str, command: list[str]) -> None:
    from labctl import process
    from labctl.errors import NotFound

    found = session.find(machine)
    if found is None or found.state != "running":
        state = found.state if found else "missing"
        raise NotFound(f"`{machine}` is {state}", resolution="`labctl reset` makes it anew.")
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    environment = [f"--env=TERM={os.environ.get('TERM', 'xterm')}"] if terminal else []
    process.replace(["docker", "exec", "-i", *terminal, *environment, found.container, *command])
