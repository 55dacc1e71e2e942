"""A lab as its own test: untouched fails all checks, the solution passes, mistakes fail theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labctl.grading import live
from labctl.grading.report import CheckResult, Report
from labctl.host.model import Host
from labctl.lab import loader
from labctl.lab.model import Lab
from labctl.progress import Progress
from labctl.session import lifecycle, removal
from labctl.session.bringup import apply
from labctl.session.opened import Session, ready
from labctl.session.store import Store

UNTOUCHED = "untouched"
SOLUTION = "solution"


@dataclass(frozen=True)
class Wrong:
    """A verdict that is not what it must be: what the check was to end as, and how it ended."""

    check: str
    expected: str
    outcome: str
    message: str

    def __str__(self) -> str:
        return f"{self.check}: expected {self.expected}, came {self.outcome}: {self.message}"


@dataclass
class Bench:
    """One environment of a lab that variants are tried on, one after another.

    It is made for the first variant, and reset before each later one.
    """

    lab: str
    name: str
    store: Store
    host: Host
    progress: Progress
    running: bool = False
    clean: bool = False  # nothing was done to the environment yet

    def report(self, variant: str) -> Report:
        """What the checks say after the variant was applied to the untouched lab.

        Raises EnvironmentFailure; then `stop` before the next variant.
        """
        self._renew()
        session = self._session()
        self.clean = variant == UNTOUCHED  # grading changes nothing
        if variant == SOLUTION:
            lifecycle.solve(self.store, session, self.progress)
        elif variant != UNTOUCHED:
            lab, mistake = session.lab, loader.mistakes(session.lab)[variant]
            if mistake.after:
                solution = loader.solution(lab).steps
                apply(session, lab.folder / "solution", solution, self.progress)
            apply(session, lab.folder / "mistakes" / variant, mistake.steps, self.progress)
        with self.progress.step("Check") as detail:
            return live.check(self._session(), detail)

    def stop(self) -> None:
        """Remove the environment; fine when there is none."""
        self.running = False
        removal.stop(self.store, self.host, self.name, self.progress)

    def _renew(self) -> None:
        if not self.running:
            self.running = True
            lifecycle.start(
                self.store,
                self.host,
                loader.find(self.lab),
                self.progress,
                live.prove,
                name=self.name,
            )
        elif not self.clean:
            lifecycle.reset(self.store, self._session(), self.progress, live.prove, workspace=True)

    def _session(self) -> Session:
        return ready(self.store, self.host, self.name)


def variants(lab: Lab, *, mistakes: bool) -> list[str]:
    """The ways to try a lab. Raises DefinitionError when the definition of one is wrong."""
    loader.solution(lab)
    return [UNTOUCHED, SOLUTION, *(sorted(loader.mistakes(lab)) if mistakes else ())]


def wrong(lab: Lab, variant: str, results: Iterable[CheckResult]) -> tuple[Wrong, ...]:
    """What is wrong with the results of a variant; nothing if they are as they must be."""
    found = {result.id: result for result in results}
    if not found:
        return (Wrong("-", "a check", "none", "the lab has no checks"),)
    if variant in (UNTOUCHED, SOLUTION):
        due = "failed" if variant == UNTOUCHED else "passed"
        return tuple(_wrong(r, due) for r in found.values() if r.outcome != due)
    must = loader.mistakes(lab)[variant].fails
    unknown = [
        Wrong(name, "failed", "missing", "`fails` names it, and there is no such check")
        for name in must
        if name not in found
    ]
    return (
        *unknown,
        *(_wrong(r, "failed") for r in found.values() if r.id in must and r.outcome != "failed"),
        # What a mistake does to the other checks is its own affair, as long as they can be asked.
        *(
            _wrong(r, "passed or failed")
            for r in found.values()
            if r.id not in must and r.outcome == "error"
        ),
    )


def _wrong(result: CheckResult, expected: str) -> Wrong:
    return Wrong(result.id, expected, result.outcome, result.message)
