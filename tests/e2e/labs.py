"""A lab as a test: untouched fails every check, the solution passes all, mistakes fail theirs.

By hand: `python -m tests.e2e.labs LAB [VARIANT]...`, where a variant is `untouched`, `solution`
or a mistake's name.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from labctl import host
from labctl.grading import live
from labctl.grading.report import CheckResult, Report
from labctl.lab import loader
from labctl.progress import Progress
from labctl.session import lifecycle, removal
from labctl.session.bringup import apply
from labctl.session.opened import Session, ready
from labctl.session.store import Store

UNTOUCHED = "untouched"
SOLUTION = "solution"


@dataclass
class Bench:
    """One running lab that variants are tried on, one after another, each after a reset."""

    lab: str
    name: str
    store: Store
    progress: Progress
    fresh: bool = False

    def start(self) -> None:
        lifecycle.start(
            self.store,
            host.find("local"),
            loader.find(self.lab),
            self.progress,
            live.prove,
            name=self.name,
        )
        self.fresh = True

    def stop(self) -> None:
        removal.stop(self.store, host.find("local"), self.name, self.progress)

    def session(self) -> Session:
        return ready(self.store, host.find("local"), self.name)

    def report(self, variant: str) -> Report:
        """What the graders say after the variant was applied to the untouched lab."""
        if not self.fresh:
            lifecycle.reset(self.store, self.session(), self.progress, live.prove, workspace=True)
        session = self.session()
        self.fresh = variant == UNTOUCHED  # grading changes nothing
        if variant == SOLUTION:
            lifecycle.solve(self.store, session, self.progress)
        elif variant != UNTOUCHED:
            mistake = loader.mistakes(session.lab)[variant]
            folder = session.lab.folder / "mistakes" / variant
            apply(session, folder, mistake.steps, self.progress)
        return live.check(self.session(), lambda text: None)


def variants(lab: str, *, mistakes: bool) -> list[str]:
    found = [UNTOUCHED, SOLUTION]
    return found + sorted(loader.mistakes(loader.find(lab))) if mistakes else found


def wrong(lab: str, variant: str, report: Report) -> list[str]:
    """What is wrong with a report of that variant; nothing if it is as it must be."""
    results = {result.id: result for result in report.results}
    if not results:
        return ["the lab has no checks"]
    if variant in (UNTOUCHED, SOLUTION):
        due = "failed" if variant == UNTOUCHED else "passed"
        return [_told(result) for result in results.values() if result.outcome != due]
    must = loader.mistakes(loader.find(lab))[variant].fails
    unknown = [f"`fails` names {name}, which is no check" for name in must if name not in results]
    bad = [
        _told(result)
        for name, result in results.items()
        if result.outcome == "error" or (name in must and result.outcome == "passed")
    ]
    return unknown + bad


def _told(result: CheckResult) -> str:
    return f"{result.id} {result.outcome}: {result.message}"


def main() -> int:
    from labctl.cli.output import Steps, console
    from labctl.cli.report import render

    lab, *chosen = sys.argv[1:]
    bench = Bench(lab, f"e2e-{lab}"[:24].rstrip("-"), Store(), Steps())
    bad = 0
    bench.start()
    try:
        for variant in chosen or variants(lab, mistakes=True):
            report = bench.report(variant)
            problems = wrong(lab, variant, report)
            render(report, console())
            bad += bool(problems)
            sys.stdout.write(f"== {lab} {variant}: {'WRONG' if problems else 'as it must be'}\n")
            sys.stdout.writelines(f"   {problem}\n" for problem in problems)
            sys.stdout.flush()
    finally:
        bench.stop()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
