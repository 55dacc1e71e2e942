"""The gradebook as JUnit XML, which CI servers and many other tools can show."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from labctl.grading.gradebook.model import Entry, Gradebook


def to_junit(gradebook: Gradebook) -> str:
    """One test suite for every learner and lab, one test case for every check.

    `failure` is the learner's, `error` wants a regrade. A submission that never got as far as
    its checks has one test case, called `submission`: refused and missing ones are failures.
    """
    root = ET.Element("testsuites", name=gradebook.course or "labctl")
    for entry in gradebook.entries:
        name = f"{entry.lab}.{entry.who}"
        if entry.report and entry.status == "graded":
            root.append(entry.report.junit_suite(name))
        else:
            root.append(_not_graded(entry, name))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _not_graded(entry: Entry, name: str) -> ET.Element:
    tag = "error" if entry.status == "error" else "failure"
    suite = ET.Element(
        "testsuite",
        name=name,
        tests="1",
        failures=str(int(tag == "failure")),
        errors=str(int(tag == "error")),
        time=f"{entry.seconds:.3f}",
    )
    if entry.started:
        suite.set("timestamp", entry.started)
    case = ET.SubElement(
        suite, "testcase", classname=name, name="submission", time=f"{entry.seconds:.3f}"
    )
    message = entry.reason or "There is no submission."
    ET.SubElement(case, tag, type=entry.status, message=message).text = message
    return suite
