"""Results and reports: small immutable values, and the formats that they are written in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from labctl.errors import EnvironmentFailure
from labctl.grading.areas import AreaResult, summed
from labctl.grading.quiz import Score, score
from labctl.lab import loader, quiz
from labctl.lab.model import Lab
from labctl.session.model import Record

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FORMAT = 1
Outcome = Literal["passed", "failed", "error"]

_LONGEST = 1000
# Escape sequences of terminals: CSI, OSC and the two-character ones.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


def clean(text: str, longest: int = _LONGEST) -> str:
    """Text that a learner may have had a hand in, fit to be shown anywhere.

    Escape sequences and characters that control, hide or reorder text are taken out; line
    ends and tabs become blanks; what is longer than `longest` characters is cut.
    """
    text = _ESCAPES.sub("", text[: longest * 8])
    shown = "".join(
        " " if c in "\n\t\r" else c
        for c in text
        if c in "\n\t\r"
        or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


@dataclass(frozen=True)
class CheckResult:
    """How one check ended; `seconds` is how long it took, `deadline` how long it may take.

    The message of a result never holds control characters, whoever made it.
    """

    id: str
    statement: str
    outcome: Outcome
    points: int
    message: str
    hint: str
    seconds: float
    deadline: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", clean(self.message))

    @property
    def earned(self) -> int:
        """The points: all of them, or none."""
        return self.points if self.outcome == "passed" else 0


@dataclass(frozen=True)
class Report:
    """The outcome of all checks of a session at one time.

    `digest` is of the lab's files, as they were when it was graded; `changed` tells that they
    were others when the session was started. `source` is where a lab that was added is from,
    with its commit; empty for labctl's own. `hints` are the checks whose hint was shown.
    `verified` is false until a grader that the learner cannot reach has replayed the work.
    `areas` sum up the checks of each area of the lab. `minutes_used` is from the first time the
    session was ready to the end of this grading; `minutes_limit` is 0 in a lab without one.
    `quiz` is what first answers to the lab's questions are worth; None in a lab without any.
    """

    lab: str
    title: str
    digest: str
    session: str
    learner: str
    seed: str
    started: str
    finished: str
    results: tuple[CheckResult, ...]
    solved: bool
    hints: tuple[str, ...]
    verified: bool = False
    changed: bool = False
    source: str = ""
    areas: tuple[AreaResult, ...] = ()
    minutes_limit: int = 0
    minutes_used: float = 0.0
    quiz: Score | None = None
    format: int = FORMAT

    @classmethod
    def of(
        cls,
        record: Record,
        lab: Lab,
        results: Iterable[CheckResult],
        *,
        started: str,
        finished: str,
    ) -> Report:
        """The report of a session's checks; `started` and `finished` are ISO 8601, UTC."""
        digest = loader.digest(lab)
        results = tuple(results)
        return cls(
            lab=lab.id,
            title=lab.title,
            digest=digest,
            changed=digest != record.digest,
            source=lab.source,
            session=record.name,
            learner=record.learner,
            seed=record.seed,
            started=started,
            finished=finished,
            results=results,
            solved=record.solved,
            hints=tuple(record.hints),
            areas=summed(lab.areas, results),
            minutes_limit=lab.minutes if lab.timed else 0,
            minutes_used=record.minutes(finished),
            quiz=quiz_score(lab, record.answers),
        )

    @property
    def points(self) -> int:
        """What there is to earn; errors stay in the total."""
        return sum(r.points for r in self.results)

    @property
    def earned(self) -> int:
        """What was earned."""
        return sum(r.earned for r in self.results)

    @property
    def late(self) -> bool:
        """Whether a timed lab took longer than it may."""
        return 0 < self.minutes_limit < self.minutes_used

    @property
    def exit_code(self) -> int:
        """What `check` ends with: 3 if any check was an error, else 1 if any failed, else 0."""
        outcomes = {r.outcome for r in self.results}
        return 3 if "error" in outcomes or not outcomes else 1 if "failed" in outcomes else 0

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the sums for readers that don't want to add."""
        results = [{**asdict(r), "earned": r.earned} for r in self.results]
        return {
            **asdict(self),
            "results": results,
            "points": self.points,
            "earned": self.earned,
        }

    @classmethod
    def from_json(cls, data: object) -> Report:
        """From plain data. Raises EnvironmentFailure when it is not a report of this format."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise EnvironmentFailure(
                "The report is of another format, or damaged",
                resolution="`labctl check` writes a new one.",
            )
        try:
            results = tuple(
                CheckResult(**{f.name: r[f.name] for f in fields(CheckResult)})
                for r in data["results"]
            )
            # Reports from before labs had a source, areas, a limit or a quiz lack them.
            none = {"source": "", "areas": (), "minutes_limit": 0, "minutes_used": 0.0}
            told = {**none, "quiz": None, **data}
            own = {f.name: told[f.name] for f in fields(cls)}
            parts = tuple(AreaResult(**area) for area in told["areas"])
            lists = {"results": results, "hints": tuple(data["hints"]), "areas": parts}
            quiz = Score(**told["quiz"]) if told["quiz"] else None
            return cls(**{**own, **lists, "quiz": quiz})
        except (KeyError, TypeError) as e:
            raise EnvironmentFailure("The report is incomplete", details=str(e)) from e

    def to_junit(self) -> str:
        """As JUnit XML: one test case a check."""
        from xml.etree import ElementTree as ET

        root = ET.Element("testsuites")
        root.append(self.junit_suite(f"labctl.{self.lab}"))
        ET.indent(root)
        return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

    def junit_suite(self, name: str) -> Element:
        """The test suite of JUnit XML that `name` is to be known by."""
        from xml.etree import ElementTree as ET

        count = {o: str(sum(r.outcome == o for r in self.results)) for o in ("failed", "error")}
        suite = ET.Element(
            "testsuite",
            name=name,
            timestamp=self.started,
            tests=str(len(self.results)),
            failures=count["failed"],
            errors=count["error"],
            time=f"{sum(r.seconds for r in self.results):.3f}",
        )
        for result in self.results:
            case = ET.SubElement(
                suite, "testcase", classname=name, name=result.id, time=f"{result.seconds:.3f}"
            )
            if result.outcome != "passed":
                tag = "failure" if result.outcome == "failed" else "error"
                ET.SubElement(case, tag, message=result.message).text = result.statement
        return suite


def quiz_score(lab: Lab, answers: Mapping[str, str]) -> Score | None:
    """What answers to a lab's questions are worth, by the lab as it is here; None without any."""
    found = quiz.load(lab.folder)
    return score(found, answers) if found else None
