"""A pipeline is asked as its runner wants it, and no other program may answer for it."""

import json
from types import SimpleNamespace

import pytest

from labctl.grading import pipeline
from labctl.grading.pipeline import Build, Pipeline


class Probe:
    """A runner that needs to be asked twice, and a place with findings of one release."""

    def __init__(self, builds=None):
        self.builds, self.asked = builds or [{"status": None}, {"status": 1, "log": "a\n b"}], []

    def http(self, machine, url, timeout, *, method, body):
        self.asked.append((machine, method, url, body))
        if method == "POST":
            right = b'"app": "web"' in body
            return self.answer(201, {"id": 3}) if right else self.answer(400, {"error": "no"})
        if machine == "pipeline":
            return self.answer(200, self.builds.pop(0) if len(self.builds) > 1 else self.builds[0])
        found = url.endswith("/web/1.0")
        return self.answer(200, {"findings": [{"id": "x"}]}) if found else self.answer(404, {})

    @staticmethod
    def answer(status, content):
        body = json.dumps(content).encode()
        return SimpleNamespace(status=status, body=body, text=body.decode(), outcome="open")


class Kernel:
    """Machines whose first process is 10; what listens is 11, a child of `parent`."""

    def __init__(self, parent=10, pid=11):
        self.served = SimpleNamespace(pid=pid, ppid=parent)

    def listener(self, machine, port):
        return self.served

    def process(self, machine):
        return SimpleNamespace(pid=10)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(pipeline, "_PAUSE", 0)


def test_a_build_is_waited_for():
    probe = Probe()
    made = Pipeline(probe, Kernel()).build("web", "1.1", {"app.py": ""})
    assert made == Build("web", "1.1", 1, "a\n b")
    assert made.last_words == "a b"
    machine, method, url, body = probe.asked[0]
    assert (machine, method, url) == ("pipeline", "POST", "http://127.0.0.1:8080/builds")
    assert json.loads(body) == {"app": "web", "release": "1.1", "files": {"app.py": ""}}
    assert probe.asked[-1][2].endswith("/builds/3")


def test_what_the_runner_refuses_and_what_never_ends_fail(monkeypatch):
    asked = Pipeline(Probe(), Kernel())
    with pytest.raises(AssertionError, match="takes no build of till"):
        asked.build("till", "1.1")
    monkeypatch.setattr(pipeline, "_SECONDS", 0.01)
    with pytest.raises(AssertionError, match="was not done with web"):
        Pipeline(Probe([{"status": None}]), Kernel()).build("web", "1.1")
    with pytest.raises(AssertionError, match="no object"):
        Pipeline(Probe([[], []]), Kernel()).build("web", "1.1")


def test_findings_are_those_of_a_release():
    asked = Pipeline(Probe(), Kernel())
    assert asked.findings("web", "1.0") == [{"id": "x"}]
    assert asked.findings("web", "1.1") is None


def test_a_machine_that_does_not_answer_fails():
    probe = Probe()
    probe.http = lambda *a, **k: SimpleNamespace(status=0, outcome="refused")
    with pytest.raises(AssertionError, match="`findings` does not answer: refused"):
        Pipeline(probe, Kernel()).findings("web", "1.0")


def test_the_machines_own_program_answers():
    assert Pipeline(Probe(), Kernel(parent=1, pid=10))
    for kernel in (Kernel(parent=99), Kernel()):
        if kernel.served.ppid == 10:
            kernel.served = None
        with pytest.raises(AssertionError, match="another program answers in place of `pipeline`"):
            Pipeline(Probe(), kernel)
