"""Imports go one way, programs start in one place, files stay small."""

import ast
from pathlib import Path

import labctl

ROOT = Path(labctl.__file__).parent
LAYERS = ["lab", "environment", "host", "session", "grading", "authoring", "cli"]
LEAVES = {"errors", "process", "paths", "progress", "__init__"}


def modules() -> dict[str, ast.Module]:
    return {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text())
        for file in sorted(ROOT.rglob("*.py"))
        if not {"labs", "clusters"} & set(file.relative_to(ROOT).parts)
    }


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_imports_go_down_only():
    wrong = []
    for name, tree in modules().items():
        own = name.split("/")[0].removesuffix(".py")
        if own == "__main__":
            continue
        for target in imported(tree):
            if not target.startswith("labctl."):
                continue
            other = layer(target)
            if other in LEAVES or other == "__version__":
                continue
            if own in LEAVES or LAYERS.index(other) > LAYERS.index(own):
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_only_process_starts_programs():
    spawners = {"subprocess", "pty", "multiprocessing"}
    guilty = [
        name
        for name, tree in modules().items()
        if name != "process.py" and spawners & {target.split(".")[0] for target in imported(tree)}
    ]
    assert not guilty


def test_only_the_cli_prints():
    guilty = [
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "input"}
        and not name.startswith("cli/")
    ]
    assert not guilty


def test_only_provider_names_the_providers():
    own = {"docker", "engine", "kind", "qemu"}
    named = {f"labctl.environment.{name}.{name.capitalize()}Provider" for name in own}
    named |= {f"{name.capitalize()}Provider" for name in own}
    users = {
        name
        for name, tree in modules().items()
        for target in imported(tree)
        if target in named and not name.startswith("environment/")
    }
    # A kind machine is the only one that manifests can be applied to, and a virtual machine the
    # only one with snapshots and a kernel of its own.
    assert users <= {"session/bringup.py", "cli/vm.py", "grading/submission/computer.py"}


def test_no_module_is_too_long_to_read():
    long = [
        f"{name}: {lines}"
        for name in modules()
        if (lines := len((ROOT / name).read_text().splitlines())) > 400
    ]
    assert not long
