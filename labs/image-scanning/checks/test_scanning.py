"""The pipeline stops what is critical, says what it has found, and the images are mended."""

from __future__ import annotations

import hashlib
from pathlib import Path

from conftest import LIBRARIES, NEXT, against, contents

from labctl.grading import check, weakness
from labctl.grading.scan import CRITICAL, matches

_SOURCES = Path(__file__).parent.parent / "environment" / "workspace"


@weakness("critical-released", seconds=60)
def test_critical_released(registry, facts):
    "Two of the shop's images have a library with a critical advisory"
    for app in ("web", "till"):
        found = contents(registry, app, "1.2").advisories()
        assert [a.library for a in found if a.severity == CRITICAL] == [facts[f"{app}-old"]]


@weakness("nothing-stops", seconds=90)
def test_nothing_stops(branches):
    "The pipeline pushes whatever it has built, and nobody hears what is in it"
    for outcome in branches.critical.values():
        assert outcome.build.status == 0, f"{outcome.name} is stopped: {outcome.build.last_words}"
        assert outcome.pushed, f"{outcome.name} is not pushed"
        assert outcome.findings is None, f"{outcome.name} has findings"


@check(
    "critical-stops",
    points=4,
    seconds=90,
    hint="`trivy image --input image.tar --severity CRITICAL --exit-code 1`, before `crane push`. "
    "Sources do not say which versions pip will choose: scan what was built. An advisory without "
    "a mended version is no less critical.",
)
def test_critical_stops(branches):
    "A build with something critical ends with exit status 1, and its image is not pushed"
    clean = branches.others["clean"]
    assert clean.pushed, f"nothing gets through: {clean.build.last_words}"
    for outcome in branches.critical.values():
        assert not outcome.pushed, f"{outcome.name} is in the registry"
        assert outcome.build.status == 1, (
            f"{outcome.name} ends with {outcome.build.status}, not with 1: "
            f"{outcome.build.last_words}"
        )


@check(
    "others-pass",
    points=2,
    seconds=90,
    hint="Only what is critical is to stop a build. What is high can wait for the next release, "
    "and a pipeline that stops everything is soon switched off.",
)
def test_others_pass(branches):
    "Without anything critical, an image is pushed, and has what the branch asked for"
    _strict(branches)
    for outcome in branches.others.values():
        assert outcome.build.status == 0, (
            f"{outcome.name} ends with {outcome.build.status}: {outcome.build.last_words}"
        )
        assert outcome.pushed, f"{outcome.name} is not in the registry"
        there = branches.contents(outcome)
        source = hashlib.sha256(outcome.source.encode()).hexdigest()
        assert source in there.named("app.py"), f"{outcome.name}: the image has another app.py"
        for asked in outcome.libraries:
            library = asked.partition("==")[0]
            assert there.whole(library), f"{outcome.name}: the image has no whole {library}"


@check(
    "findings-told",
    points=3,
    seconds=90,
    hint="`--format sarif --output scan.sarif`, and `curl --data-binary @scan.sarif` to "
    "`$FINDINGS/$app/$release`. `set -e` ends the script at the first failure: what comes behind "
    "the scan that fails is never reached.",
)
def test_findings_told(branches):
    "The findings of every build are uploaded, and they are true, whether it passes or not"
    for library, outcome in branches.critical.items():
        assert outcome.before is None, f"{outcome.name}: findings were there before the build"
        assert outcome.findings is not None, f"{outcome.name}: no findings were uploaded"
        wrong = matches(outcome.findings, against(library))
        assert not wrong, f"{outcome.name}: {wrong[0]} by what was uploaded"
    for outcome in branches.others.values():
        assert outcome.findings is not None, f"{outcome.name}: no findings were uploaded"
        if outcome.pushed:
            wrong = matches(outcome.findings, branches.contents(outcome).advisories())
            assert not wrong, f"{outcome.name}: {wrong[0]} by what was uploaded"


@check(
    "images-mended",
    points=3,
    seconds=60,
    hint="Which library is it, and from which version on is it mended? Both scanners say so. "
    "Change `requirements.txt` and run `./release.sh`.",
)
def test_images_mended(registry):
    "Release 1.3 of every app is in the registry, and has nothing critical in it"
    for app in LIBRARIES:
        bad = [a for a in contents(registry, app, NEXT).advisories() if a.severity == CRITICAL]
        assert not bad, f"{app} {NEXT} has {bad[0].names[0]} ({bad[0].library})"


@check(
    "nothing-lost",
    points=2,
    seconds=60,
    hint="What an app imports must be in its image: as a whole, as its authors have released it.",
)
def test_nothing_lost(registry):
    "Release 1.3 of every app has its program, and every library that it imports"
    for app, libraries in LIBRARIES.items():
        there = contents(registry, app, NEXT)
        source = hashlib.sha256((_SOURCES / app / "app.py").read_bytes()).hexdigest()
        assert source in there.named("app.py"), f"{app} {NEXT} has another app.py"
        for library in libraries:
            assert there.whole(library), f"{app} {NEXT} has no whole {library}"


def _strict(branches) -> None:
    """That something passes says nothing where everything does."""
    for outcome in branches.critical.values():
        assert not outcome.pushed, f"{outcome.name} passes, too"
