"""A lab's build pipeline, asked from outside: for checks about what it lets through.

The pipeline is a machine with the image `pipeline`: it runs the learner's script on the sources of
an app. Here it gets branches that nobody has seen. What the script really did, the registry tells,
and the place that keeps what scanners find; a status alone earns nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labctl.environment.outside import Http
from labctl.grading.evidence import Connectivity, Kernel

_PORT = 8080
_SECONDS = 60.0
_PAUSE = 0.2


@dataclass(frozen=True)
class Build:
    """One run of the pipeline; `status` is the exit status of its script."""

    app: str
    release: str
    status: int
    log: str

    @property
    def last_words(self) -> str:
        """The end of what it printed, in one line."""
        return " ".join(self.log.split())[-200:]


class Pipeline:
    """The machines `pipeline` and `findings`. What they fail to do is an AssertionError."""

    def __init__(self, probe: Connectivity, kernel: Kernel) -> None:
        for machine in ("pipeline", "findings"):
            served, first = kernel.listener(machine, _PORT), kernel.process(machine)
            own = served and first.pid in (served.pid, served.ppid)
            assert own, f"another program answers in place of `{machine}`"
        self._probe = probe

    def build(self, app: str, release: str, files: Mapping[str, str] | None = None) -> Build:
        """Have it build an app, from these files or from the workspace, and wait for the end."""
        asked = {"app": app, "release": release, "files": files}
        got = self._ask("pipeline", "POST", "/builds", json.dumps(asked).encode())
        assert got.status == 201, f"the pipeline takes no build of {app}: {got.text.strip()}"
        number = _object(got)["id"]
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            told = _object(self._ask("pipeline", "GET", f"/builds/{number}"))
            if told.get("status") is not None:
                return Build(app, release, int(told["status"]), str(told.get("log", "")))
            time.sleep(_PAUSE)
        raise AssertionError(f"pipeline.sh was not done with {app} after {_SECONDS:.0f} seconds")

    def findings(self, app: str, release: str) -> Sequence[Mapping[str, str]] | None:
        """What was uploaded of a scan of that release, `id` and `severity` each; None: nothing."""
        got = self._ask("findings", "GET", f"/{app}/{release}")
        if got.status == 404:
            return None
        found: list[dict[str, str]] = _object(got)["findings"]
        return found

    def _ask(self, machine: str, method: str, path: str, body: bytes = b"") -> Http:
        url = f"http://127.0.0.1:{_PORT}{path}"
        got = self._probe.http(machine, url, 10.0, method=method, body=body)
        assert got.status, f"`{machine}` does not answer: {got.outcome}"
        return got


def _object(got: Http) -> dict[str, Any]:
    try:
        found = json.loads(got.body)
    except (ValueError, RecursionError):
        found = None
    assert isinstance(found, dict), "the pipeline answers with something that is no object"
    return found
