"""Which commands there are and what each is for; one is loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# By what somebody wants to do: each command, its module, and its line in `labctl --help`.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Work on a lab": {
        "list": ("labs", "Show all labs"),
        "info": ("labs", "Show a lab's aims, machines, checks and text"),
        "start": ("sessions", "Bring a lab up, in its broken state"),
        "status": ("sessions", "Show the sessions and their machines"),
        "shell": ("machines", "Open a shell in a machine"),
        "exec": ("machines", "Run one command in a machine"),
        "logs": ("machines", "Show what a machine's main process wrote"),
        "kubeconfig": ("machines", "Print a cluster's kubeconfig, for your own kubectl"),
        "traffic": ("traffic", "Show who reaches whom in the lab's cluster, live"),
        "vm": ("vm", "A virtual machine's snapshots, its power, what was done to it"),
        "check": ("grading", "Grade the lab as it is now"),
        "hint": ("grading", "Show a hint for a check"),
        "quiz": ("quiz", "Answer questions about what a lab teaches"),
        "solve": ("sessions", "Apply the lab's solution"),
        "reset": ("sessions", "Make the machines anew, broken as at the start"),
        "stop": ("sessions", "Remove a session's machines; your files stay"),
        "submit": ("submission", "Pack your work into one file, to hand it in"),
    },
    "Teach and grade": {
        "course": ("course", "Make keys and tickets for a course"),
        "submission": ("submission", "Look at what was handed in"),
        "grade": ("grade", "Replay and grade a folder of submissions"),
        "gradebook": ("gradebook", "Show the grades, or turn them into other formats"),
        "lab": ("authoring", "Write, lint and test labs, or add others' labs"),
    },
    "Look after this machine": {
        "setup": ("setup", "Make this machine ready"),
        "doctor": ("setup", "Find what is missing, and what mends it"),
        "images": ("setup", "Build, list, save, load and remove labs' images"),
        "gc": ("sessions", "Remove what killed or failed commands left behind"),
        "demo": ("demo", "Run two labs from start to stop, untouched and solved"),
    },
}
MODULES = {name: where for section in SECTIONS.values() for name, (where, _) in section.items()}


def load(module: str) -> dict[str, Any]:
    """The commands of one module, by name."""
    app = typer.Typer(rich_markup_mode=None)
    import_module(f"labctl.cli.{module}").register(app)
    return dict(typer.main.get_group(app).commands)


class Index(TyperGroup):
    """A group that knows its commands' names, and loads what is called or asked for.

    Loading all commands takes as long as all else that a short one does.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the sections."""
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or None when there is none of this name."""
        if cmd_name in MODULES and cmd_name not in self.commands:
            self.commands.update(load(MODULES[cmd_name]))
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer does it, which looks among loaded commands for what a typing error meant."""
        if args[0] not in MODULES:
            for name in MODULES:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in `labctl --help`, with nothing loaded."""
        width = max(map(len, MODULES))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(name.ljust(width), about) for name, (_, about) in commands.items()]
                )
