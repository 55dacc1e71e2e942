"""A gradebook to show and to test with: every status, every outcome, hostile texts."""

from __future__ import annotations

from labctl.grading.areas import AreaResult
from labctl.grading.gradebook.model import Entry, Gradebook, Similarity
from labctl.grading.report import CheckResult, Report

# (id, statement, points, message of a failure)
CHECKS = {
    "namespaces": [
        ("own-pid", "monitor has a PID namespace of its own", 2, "monitor sees all processes"),
        ("own-net", "monitor has a network namespace of its own", 2, "monitor shares eth0"),
        ("own-user", "root in monitor is nobody on the host", 3, "the uid map is 0 0 4294967295"),
        ("still-works", "shop answers on port 8080", 2, "nothing answers on port 8080"),
        ("reboot", "shop comes back after a restart", 1, "shop has no restart policy"),
    ],
    "default-deny": [
        ("ingress-cut", "nothing reaches the database uninvited", 4, "dev/report reaches db:5432"),
        ("egress-cut", "nothing reaches the internet", 4, "orders/db reaches the internet"),
        ("dns-works", "pods can look up names", 2, "storefront/web gets no answer"),
        ("orders-work", "an order can be placed", 6, "storefront/web cannot reach orders/api"),
        ("new-pods", "a new pod is covered too", 4, "a pod made just now reaches db:5432"),
    ],
}
TITLES = {
    "namespaces": "A monitor that sees too much",
    "default-deny": "Default deny: cut everything, then allow what the app needs",
}
HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
HIDDEN = {"namespaces": ("reboot",), "default-deny": ()}
_AT = "2026-03-04T10:{:02}:00+00:00"


def entry(learner, lab, outcomes="", **more):
    """An entry; `outcomes` is a letter a check: p, f or e. Without any, nothing was graded."""
    number = sum(map(ord, learner)) % 60
    report = None
    if outcomes:
        results = [
            CheckResult(
                id=check,
                statement=statement,
                outcome={"p": "passed", "f": "failed", "e": "error"}[outcome],
                points=points,
                message={"p": statement, "f": message, "e": "the API server timed out"}[outcome],
                hint="Look at docker run --help.",
                seconds=0.2,
                deadline=30,
            )
            for (check, statement, points, message), outcome in zip(
                CHECKS[lab], outcomes, strict=True
            )
        ]
        report = Report(
            lab=lab,
            title=TITLES[lab],
            digest="d" * 64,
            session="grading-1",
            learner=learner,
            seed="0123456789abcdef",
            started=_AT.format(number),
            finished=_AT.format(number),
            results=tuple(results),
            solved=bool(more.pop("solved", False)),
            hints=(),
            verified=True,
            areas=more.pop("areas", ()),
        )
    values = {
        "file": f"{lab}-{learner}.zip",
        "submission": f"{number:064x}",
        "status": "graded" if outcomes else "missing",
        "points": sum(points for _, _, points, _ in CHECKS[lab]),
        "hidden": HIDDEN[lab] if outcomes else (),
        "report": report,
        "started": _AT.format(number),
        "finished": _AT.format(number),
        "seconds": 12.5 + number,
    }
    if values["status"] == "missing" and "status" not in more:
        more = {"file": "", "submission": "", "started": "", "finished": "", "seconds": 0.0} | more
    return Entry(learner=learner, lab=lab, **{**values, **more})


AREAS = tuple(
    AreaResult(name, name.title(), "default-deny", 4, earned)
    for name, earned in (("ingress", 4), ("egress", 1), ("names", 0), ("shops & pods", 4))
)


def demo():
    """Twelve learners and two labs."""
    ns, dd = "namespaces", "default-deny"
    container = "container `monitor` did not start: exec format error"
    entries = [
        entry("ada", ns, "ppppp"),
        entry("ada", dd, "ppppp", areas=AREAS),
        entry("bert", ns, "ppppf"),
        entry("bert", dd, "ppppf"),
        entry("chen", ns, "ppfpf"),
        entry("chen", dd, "ppppf"),
        entry("dora", ns, "pfffp", notes=(container,)),
        entry("dora", dd, "fffpf"),
        entry("emil", ns, "pepfp"),
        entry("emil", dd, "ppppp", solved=True),
        entry("fatima", ns, "ppppp"),
        entry("fatima", dd, status="error", reason="The cluster did not start within 180 s"),
        entry("gus", ns, status="refused", reason="notes/answers.yaml is a link, not a file"),
        entry("gus", dd, status="refused", reason="pod `x` in `dev` asks to be privileged"),
        entry("hana", ns),
        entry("hana", dd, "pppff"),
        entry(HOSTILE, ns, "pffff", notes=("\x1b[31m<b onclick=alert(1)>note</b>",)),
        entry("=HYPERLINK(0)", dd, "ppfff"),
        entry("iv\u202egpj.\u200ban", ns, "pppfp"),
        entry("jo&co", dd, "pfpff"),
        entry("محمد", ns, "ppppp"),
        entry(
            "a-learner-with-a-very-long-name-indeed@students.department.example.org", ns, "pfppp"
        ),
    ]
    similar = (
        Similarity("same-bytes", ns, ("ada", "fatima"), "workspace/start-shop.sh"),
        Similarity("same-text", dd, ("bert", "chen"), "clusters/cluster/objects.yaml"),
        Similarity(
            "seeded-value", ns, ("dora", "ada"), "workspace/notes.txt", "shop-key", "481516234200"
        ),
    )
    return Gradebook("security-101", (ns, dd), _AT.format(0), tuple(entries), similar)
