"""The pytest plugin of the child: which checks run, for how long, and how each ended."""

from __future__ import annotations

import inspect
import signal
import time
from collections.abc import Callable, Collection, Generator
from typing import Any

import pytest

from labctl.environment.probe_client import Outage
from labctl.errors import EnvironmentFailure, LabctlError
from labctl.grading.marks import ATTRIBUTE, Mark

Emit = Callable[[dict[str, Any]], None]
Verdict = tuple[str, str]  # outcome, message

_PHASES = ("setup", "call", "teardown")
_PAUSE = 0.1  # seconds between the tries of a weakness


class Deadline(BaseException):
    """A check ran out of time. No check catches it: it is not an Exception."""


class Judge:
    """Runs the marked functions of one kind, and tells about each as it starts and ends.

    `only`: ids, or None for all. With `collect` nothing runs.
    """

    def __init__(
        self, emit: Emit, kind: str, only: Collection[str] | None, *, collect: bool
    ) -> None:
        self._emit = emit
        self._kind = kind
        self._only = only
        self._collect = collect
        self._phases: list[str] = []
        self._verdict: Verdict | None = None
        self._again = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported ends the run: its checks must not just be missing."""
        if report.failed:
            self._emit({"event": "broken", "message": str(report.longrepr)})
            pytest.exit("broken", returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is asked for, and tell what that is."""
        marked = [(item, mark) for item in items if (mark := _mark(item))]
        ids = [mark.id for _, mark in marked]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            self._emit({"event": "broken", "message": f"used more than once: {', '.join(twice)}"})
            pytest.exit("broken", returncode=pytest.ExitCode.USAGE_ERROR)
        if not self._collect:
            marked = [
                (item, mark)
                for item, mark in marked
                if mark.kind == self._kind and (self._only is None or mark.id in self._only)
            ]
        self._emit({"event": "collected", "checks": [_about(i, m) for i, m in marked]})
        items[:] = [] if self._collect else [item for item, _ in marked]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """One check, from the set-up of its fixtures to the end."""
        mark = _mark(item)
        assert mark is not None
        self._phases, self._verdict, self._again = [], None, False
        self._emit({"event": "start", "id": mark.id})
        began = time.monotonic()
        signal.signal(signal.SIGALRM, _expire)
        signal.setitimer(signal.ITIMER_REAL, mark.seconds)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if self._verdict is None:
                complete = set(_PHASES) <= set(self._phases)
                statement = _statement(item)
                self._verdict = (
                    ("passed", statement) if complete else ("error", "the check did not run")
                )
            outcome, message = self._verdict
            seconds = round(time.monotonic() - began, 3)
            self._emit(
                {
                    "event": "result",
                    "id": mark.id,
                    "outcome": outcome,
                    "message": message,
                    "seconds": seconds,
                    "again": self._again,
                }
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """A weakness may take a while to show: it is tried until it does, or time is up."""
        mark = _mark(pyfuncitem)
        assert mark is not None
        began = time.monotonic()
        until = began + mark.seconds - _PAUSE
        try:
            return (yield)
        except Exception as e:
            if mark.kind != "weakness":
                raise
            error = e
        names = inspect.signature(pyfuncitem.obj).parameters
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        while time.monotonic() < until:
            # Not more work than rest: what is waited for has to get done meanwhile.
            time.sleep(max(_PAUSE, time.monotonic() - began))
            began = time.monotonic()
            try:
                return pyfuncitem.obj(**arguments)
            except Exception as e:
                error = e
        raise error

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """Judge each phase; the first that goes wrong decides. Spares pytest's own rendering."""
        self._phases.append(call.when)
        if call.excinfo is not None and self._verdict is None:
            self._verdict = judge(call.excinfo.value, item)
            # What could not be asked may be asked again; a check that is broken stays so.
            self._again = isinstance(call.excinfo.value, EnvironmentFailure)
        return pytest.TestReport(
            item.nodeid,
            item.location,
            {},
            "passed" if call.excinfo is None else "failed",
            None,
            call.when,  # type: ignore[arg-type]  # never "collect" here
            duration=call.duration,
            start=call.start,
            stop=call.stop,
        )


def judge(error: BaseException, item: pytest.Item) -> Verdict:
    """What an exception means: the learner's doing, or nobody's until shown otherwise."""
    if isinstance(error, pytest.skip.Exception):
        return "error", f"the check was skipped: {error.msg}"
    if isinstance(error, pytest.fail.Exception):
        return "failed", error.msg or _not_yet(item)
    if isinstance(error, AssertionError):
        return "failed", str(error) or _not_yet(item)
    if isinstance(error, Outage):
        return "failed", error.message
    if isinstance(error, Deadline):
        mark = _mark(item)
        return "error", f"the check did not end within {mark.seconds if mark else 0} s"
    if isinstance(error, LabctlError):
        return "error", error.message + (f": {error.details}" if error.details else "")
    return "error", f"the check is broken: {type(error).__name__}: {error}{_place(error, item)}"


def _expire(number: int, frame: object) -> None:
    raise Deadline


def _mark(item: pytest.Item) -> Mark | None:
    mark = getattr(getattr(item, "function", None), ATTRIBUTE, None)
    return mark if isinstance(mark, Mark) else None


def _about(item: pytest.Item, mark: Mark) -> dict[str, Any]:
    return {
        "id": mark.id,
        "kind": mark.kind,
        "points": mark.points,
        "hint": mark.hint,
        "seconds": mark.seconds,
        "statement": _statement(item),
    }


def _statement(item: pytest.Item) -> str:
    text = inspect.getdoc(getattr(item, "function", None)) or item.name
    return text.strip().splitlines()[0]


def _not_yet(item: pytest.Item) -> str:
    return f"Not yet: {_statement(item)}"


def _place(error: BaseException, item: pytest.Item) -> str:
    """The line of the check's own file that it went wrong in."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(item.path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" ({item.path.name}:{line})" if line else ""
