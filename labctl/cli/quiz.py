"""quiz: questions about what a lab teaches, one at a time."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.lab.quiz import Question, Quiz
    from labctl.session.store import Store


def _quizzes(incomplete: str) -> list[str]:
    from labctl.lab import quiz

    return [name for name in quiz.folders() if name.startswith(incomplete)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(quiz)


def quiz(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[QUIZ]", autocompletion=_quizzes, help="A lab's id, or exam."),
    ] = None,
    session: options.Session = None,
    answers: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Judge the answers of a JSON file; `-`: standard input."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Ask questions about what a lab teaches; what was answered wrongly comes back.

    Without a name, list the quizzes. With --json, print the questions and their keys, or with
    --answers what became of them: exit code 1 when an answer is wrong or missing. While the lab
    runs, first answers go into its report.

    Examples: labctl quiz exam; labctl quiz default-deny; labctl quiz exam --json;
    labctl quiz exam --answers mine.json --json
    """
    from labctl.cli import output
    from labctl.grading import quiz as judging
    from labctl.lab import quiz as quizzes

    if name is None:
        _list(json)
        return
    found = quizzes.find(name)
    keep = _Keeper(name, session)
    if answers is not None:
        raise typer.Exit(_judge(found, answers, keep, json))
    if json:
        questions = [judging.Shown.of(question).to_json() for question in found.questions]
        output.print_json({"quiz": name, "title": found.title, "questions": questions})
        return
    _ask(found, keep)


def _list(json: bool) -> None:
    from labctl.cli import output
    from labctl.lab import quiz as quizzes

    found = {name: quizzes.load(folder) for name, folder in quizzes.folders().items()}
    rows = [(name, len(q.questions), q.title) for name, q in found.items() if q]
    if json:
        output.print_json([{"quiz": n, "questions": count, "title": t} for n, count, t in rows])
        return
    output.print_rows(("QUIZ", "QUESTIONS", "TITLE"), [(n, str(c), t) for n, c, t in rows])


class _Keeper:
    """Where first answers go: into the session that runs the lab, if there is just one."""

    def __init__(self, lab: str, session: str | None) -> None:
        from labctl.errors import UsageError
        from labctl.session.choose import choose
        from labctl.session.store import Store

        self.store: Store = Store()
        records = [self.store.load(name) for name in self.store.names()]
        running = [record.name for record in records if record and record.lab == lab]
        if session is not None:
            record = choose(self.store, session)
            if record.lab != lab:
                raise UsageError(
                    f"Session `{session}` runs the lab `{record.lab}`",
                    resolution=f"`labctl quiz {record.lab} --session {session}` asks about that.",
                )
            running = [record.name]
        self.session = running[0] if len(running) == 1 else None

    def __call__(self, question: Question, answer: str) -> None:
        if self.session is None:
            return
        record = self.store.load(self.session)
        if record is not None and question.id not in record.answers:
            told = {**record.answers, question.id: answer}
            self.store.save(dataclasses.replace(record, answers=told))
            self.store.note(self.session, "answered", question=question.id)


def _ask(quiz: Quiz, keep: _Keeper) -> None:
    from labctl.cli import output
    from labctl.errors import UsageError
    from labctl.grading import quiz as judging

    say = output.print_plain
    where = f"first answers go into the report of `{keep.session}`" if keep.session else "practice"
    say(f"{quiz.title}: {len(quiz.questions)} questions ({where}). q ends it.")
    left, first = deque(quiz.questions), dict[str, bool]()
    while left:
        question = left.popleft()
        shown = judging.Shown.of(question)
        again = ", again" if question.id in first else ""
        say(f"\nQuestion {quiz.questions.index(question) + 1} of {len(quiz.questions)}{again}.")
        say(output.harmless("\n".join(shown.lines())))
        answer = None
        while answer is None:
            typed = _typed(f"Your answer ({shown.how}): ")
            if typed is None or typed.strip().lower() in ("q", "quit"):
                left.clear()
                break
            try:
                answer = shown.read(typed)
            except UsageError as e:
                say(f"{e.message}.")
        if answer is None:
            break
        good = judging.judge(question, answer)
        if question.id not in first:
            first[question.id] = good
            keep(question, answer)
        say(output.harmless("\n".join(_verdict(question, answer, good))))
        if not good:
            left.append(question)
    say(f"\n{sum(first.values())} of {len(quiz.questions)} right at the first try.")


def _typed(prompt: str) -> str | None:
    sys.stdout.write(prompt)
    sys.stdout.flush()
    return sys.stdin.readline() or None


def _verdict(question: Question, answer: str, good: bool) -> list[str]:
    from labctl.grading import quiz as judging

    told = ["Right."] if good else ["Not right. This one comes back later."]
    told += judging.remarks(question, answer)
    if not good:
        told += ["The right answer:", *(f"  {line}" for line in judging.solution(question))]
    return [*told, question.explain, f"Source: {question.source}"]


def _judge(quiz: Quiz, file: str, keep: _Keeper, json: bool) -> int:
    from labctl.cli import output
    from labctl.grading import quiz as judging

    given = _read(file)
    known = {question.id: question for question in quiz.questions}
    found = {
        name: judging.from_json(known[name], value)
        for name, value in given.items()
        if name in known
    }
    _refuse_unknown(given, known)
    for name, answer in found.items():
        keep(known[name], answer)
    score = judging.score(quiz, found)
    results = [
        {
            "id": question.id,
            "answered": question.id in found,
            "right": judging.judge(question, found.get(question.id, "")),
            "remarks": list(judging.remarks(question, found.get(question.id, ""))),
            "solution": list(judging.solution(question)),
            "explain": question.explain,
            "source": question.source,
        }
        for question in quiz.questions
    ]
    if json:
        output.print_json({**dataclasses.asdict(score), "results": results})
    else:
        for result in results:
            word = "right" if result["right"] else "wrong" if result["answered"] else "no answer"
            output.print_plain(f"{word:10} {result['id']}")
        output.print_plain(f"{score.right} of {score.questions} right.")
    return 0 if score.right == score.questions else 1


def _read(file: str) -> dict[str, Any]:
    from labctl.errors import UsageError

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        value = jsonlib.loads(text)
    except OSError as e:
        raise UsageError(f"{file} cannot be read: {e.strerror}") from e
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{file} is no JSON", details=str(e)) from e
    if not isinstance(value, dict):
        raise UsageError(f"{file} is to be an object with an answer for each question's id")
    return value


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    from labctl.errors import UsageError

    if unknown := sorted(given.keys() - known.keys()):
        raise UsageError(
            f"There is no question `{unknown[0]}`", details="Questions: " + ", ".join(known)
        )
