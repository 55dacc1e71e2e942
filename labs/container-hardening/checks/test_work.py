"""Whether notary still does its work."""

from __future__ import annotations

from urllib.parse import urlencode

from labctl.grading import check

SEARCH = "http://127.0.0.1:8080/search?"
LEDGER = "/var/lib/notary/ledger"
LEDGER_SIZE = 1 << 20  # bytes that are read of it


@check(
    "still-stamping",
    points=2,
    hint="`docker logs notary` and notary's answers tell what it misses. `docker diff` of a "
    "container with a writable root shows where it writes.",
)
def test_still_stamping(scene, kernel, probe):
    "without --privileged, notary stamps on port 8080, keeps its ledger and searches it"
    notary = scene.notary
    assert notary.cap_bnd != scene.engine.cap_bnd, (
        "notary works, but may still become all that the engine machine is"
    )
    ledger = kernel.read(notary, LEDGER, limit=LEDGER_SIZE) or b""
    assert scene.line.encode() in ledger.splitlines(), "a stamped line is not in notary's ledger"
    found = probe.http("engine", SEARCH + urlencode({"word": scene.line}))
    assert scene.line in found.text.splitlines(), "the search does not find a stamped line"
