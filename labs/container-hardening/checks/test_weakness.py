"""The state that the learner finds. Nobody has had a chance to lie yet, so names will do."""

from __future__ import annotations

from urllib.parse import urlencode

from labctl.grading import weakness

ENGINE = "engine"
SEARCH = "http://127.0.0.1:8080/search?"


@weakness("nothing-is-held-back")
def test_nothing_is_held_back(kernel):
    engine, notary = kernel.process(ENGINE), kernel.find(ENGINE, comm="notary")
    assert notary, "notary does not run"
    assert notary.uid == engine.uid, "notary does not run as root"
    assert notary.cap_eff == engine.cap_eff, "notary has not all of the machine's capabilities"
    assert notary.ns.pid == engine.ns.pid, "notary does not share the machine's PID namespace"
    assert not notary.seccomp, "notary's system calls are filtered"
    assert not notary.no_new_privs, "notary has no-new-privileges"
    writable = [m.place for m in kernel.mounts(notary) if "rw" in m.options]
    assert "/" in writable, "notary's root is read-only"


@weakness("the-hole-leads-out")
def test_the_hole_leads_out(probe, facts):
    for ask, wanted in (
        ("cat /proc/1/root/root/safe-code", facts["safe-code"]),
        ("docker ps --format {{.Names}}", "notary"),
    ):
        answer = probe.http(ENGINE, SEARCH + urlencode({"word": f"'; {ask}; #"}))
        assert answer.ok, "notary does not search yet"
        assert wanted in answer.text, f"a break-in does not get to `{ask}`"
