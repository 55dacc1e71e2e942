"""submit, submission show: handing in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.grading.submission.model import Submission
    from labctl.session.model import Record
    from labctl.session.opened import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(submit)
    group = typer.Typer(no_args_is_help=True, help="Look at what was handed in.")
    group.command()(show)
    app.add_typer(group, name="submission")


def submit(
    session: options.Session = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: LAB-LEARNER.zip")
    ] = None,
    learner: Annotated[
        str, typer.Option(envvar="LABCTL_LEARNER", help="Your id, if you have no ticket.")
    ] = "",
) -> None:
    """Pack your work into one file, to hand it in. The session goes on as it is.

    Submitting the same work again gives the same file.

    Examples: labctl submit; labctl submit --session a --output alice.zip
    """
    from labctl import host as hosts
    from labctl.cli import output
    from labctl.errors import UsageError
    from labctl.grading.submission.pack import pack
    from labctl.session.opened import ready
    from labctl.session.store import Store

    store = Store()
    found = ready(store, hosts.find("local"), session)
    record = found.record
    if record.course and learner not in ("", record.learner):
        raise UsageError(f"The ticket of this session is for {record.learner!r}")
    who = learner or record.learner
    if not who:
        raise UsageError(
            "Nobody knows whose work this is",
            resolution="Say who you are: `labctl submit --learner ID`.",
        )
    with output.Steps().step("Pack"):
        data = pack(found, store, learner=who)
    file = out or Path(f"{record.lab}-{quote(who, safe='@ ')}.zip")
    try:
        file.write_bytes(data)
    except OSError as e:
        raise UsageError(f"{file} cannot be written", details=e.strerror) from e
    output.print_plain("\n".join([*_told(file, data, record, who), *_missing(data, found)]))


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A submission.")],
    json: options.Json = False,
) -> None:
    """Show what a submission holds, and what a clean room would not run of it.

    Examples: labctl submission show namespaces-alice.zip
    """
    from labctl.cli import output
    from labctl.grading.submission import unpack

    found = unpack.read(file)
    verdict = _verdict(found)
    if json:
        output.print_json(
            {
                "manifest": found.manifest.model_dump(),
                "digest": found.digest,
                **verdict,
                "report": _report(found),
            }
        )
        return
    output.print_plain(_shown(found, verdict))


def _told(file: Path, data: bytes, record: Record, who: str) -> list[str]:
    lines = [
        f"Wrote {file} ({-(-len(data) // 1024)} KiB).",
        f"About you it holds: your id ({who}), the times of your commands (start, check, hint,",
        "solve, reset), the hints that you saw, your answers, and your work itself.",
        "It holds nothing else about you or this computer.",
    ]
    if not record.course:
        lines.append("This was practice: without a ticket from a course, it does not count.")
    if record.solved:
        lines.append("It says that the solution was applied with `labctl solve`.")
    return lines


def _missing(data: bytes, session: Session) -> list[str]:
    """What the submission lacks, and what of it will not run, for the learner to mend."""
    from labctl.grading.submission import policy, unpack
    from labctl.grading.submission.model import REPORT

    made = unpack.load(data, Path())
    held = made.files
    # Settings of engines are there only if the learner made some.
    lacking = {n for n in policy.captured(session.lab) - held.keys() if "daemon.json" not in n}
    lines = [f"It lacks {name}, which the lab asks for." for name in sorted(lacking - {REPORT})]
    if REPORT in lacking:
        lines.append("It holds no verdict: nothing was checked yet.")
    disposable = bool(policy.dangers(session.lab))
    for reason in policy.refusals(made, session.lab, disposable=disposable):
        lines.append(f"It WILL BE REFUSED: {reason}.")
    for part, reasons in policy.left_out(made, session.lab, disposable=disposable).items():
        lines.append(f"A clean room will not run {part}: {', '.join(reasons)}.")
    return lines


def _verdict(found: Submission) -> dict[str, Any]:
    """What policy says, if this labctl has the lab."""
    from labctl.errors import LabctlError
    from labctl.grading.submission import policy
    from labctl.lab import loader

    try:
        lab = loader.find(found.manifest.lab)
    except LabctlError as e:
        return {"refused": [e.message], "left_out": {}, "same_edition": False}
    return {
        "refused": policy.refusals(found, lab),
        "left_out": policy.left_out(found, lab),
        "same_edition": loader.digest(lab) == found.manifest.digest,
    }


def _report(found: Submission) -> Any:
    import json

    from labctl.grading.submission.model import REPORT

    return json.loads(found.files.get(REPORT, b"null"))


def _shown(found: Submission, verdict: dict[str, Any]) -> str:
    from labctl.grading.report import clean

    manifest = found.manifest
    told = [
        ("Lab", manifest.lab + ("" if verdict["same_edition"] else " (another edition than here)")),
        ("Learner", clean(manifest.learner)),
        ("Counts for", f"the course with the key {manifest.course}" if manifest.course else ""),
        ("Made by", f"labctl {clean(manifest.labctl)}"),
        ("SHA-256", found.digest),
        ("Hints seen", ", ".join(manifest.hints) or "none"),
        ("Solution", "applied with `labctl solve`" if manifest.solved else "not applied"),
        ("Own verdict", _own(_report(found))),
    ]
    lines = [f"{name + ':':<13}{value or 'nothing: practice'}" for name, value in told]
    lines.append("Files:")
    lines += [f"  {entry.size:>8}  {name}" for name, entry in sorted(manifest.files.items())]
    if verdict["refused"]:
        lines += ["Would be refused:", *(f"  {reason}" for reason in verdict["refused"])]
    if verdict["left_out"]:
        lines.append("A clean room would leave out:")
        lines += [f"  {part}: {', '.join(why)}" for part, why in verdict["left_out"].items()]
    return "\n".join(lines)


def _own(report: Any) -> str:
    if not isinstance(report, dict):
        return "never checked"
    from labctl.grading.report import clean

    text = f"{report.get('earned')} of {report.get('points')} points (unverified)"
    return clean(text, 80)
