"""What replay says to a clean session's machines, and what it makes of their answers."""

import json
from types import SimpleNamespace

import pytest

from labctl.environment.kubeapi import Answer
from labctl.environment.model import ExecResult
from labctl.errors import EnvironmentFailure, WaitTimeout
from labctl.grading.submission import cluster, model, plain, rebuild, replay
from labctl.lab.model import KindMachine
from labctl.progress import Silent
from tests.unit.grading.submission.test_policy import DAEMON, SHOP, lab
from tests.unit.grading.submission.works import Probe, load, packed


class Machines:
    """A provider that remembers what it was told to run. `answers` are by argv's beginning."""

    def __init__(self):
        self.ran, self.answers = [], {}

    def exec(self, place, machine, argv, *, stdin=None, environment=None, timeout=60):
        self.ran.append(list(argv))
        for start, answer in self.answers.items():
            if " ".join(argv).startswith(start):
                if isinstance(answer, Exception):
                    raise answer
                return answer
        text = b'{"storage-driver": "overlay2"}' if argv[0] == "cat" else b""
        return ExecResult(0, text, b"")

    def said(self, start):
        return [argv for argv in self.ran if " ".join(argv).startswith(start)]


@pytest.fixture
def machines(monkeypatch):
    monkeypatch.setattr(replay, "_SETTLE_SECONDS", 0)
    monkeypatch.setattr(rebuild, "_PAUSES", (0, 0))
    return Machines()


@pytest.fixture
def run(machines, tmp_path):
    def run(files, wanted=None, **more):
        place = SimpleNamespace(workspace=tmp_path)
        session = SimpleNamespace(
            lab=wanted or lab(clusters={}),
            place=place,
            provider=lambda name: machines,
            probe=Probe("6.6.6-graders", "9999-ffff"),
        )
        return replay.replay(session, load(packed(files)), Silent(), **more)

    return run


def test_containers_are_made_anew_from_their_definitions(run, machines):
    web = b'{"image": "shop", "network": "back", "networks": {"back": {}, "other": {}}}'
    machines.answers["docker network inspect"] = ExecResult(1, b"", b"no such network")
    assert run({SHOP: b'{"image": "shop"}', "machines/engine/containers/web.json": web}) == []
    assert machines.said("docker rm") == [
        ["docker", "rm", "--force", "--volumes", "shop"],
        ["docker", "rm", "--force", "--volumes", "web"],
    ]
    assert ["docker", "network", "create", "--", "back"] in machines.ran
    assert ["docker", "network", "connect", "--", "other", "web"] in machines.ran
    assert machines.said("docker start") == [["docker", "start", "--", n] for n in ("shop", "web")]


def test_what_ran_beside_is_made_too(run, machines):
    run({"machines/engine/containers/spare.json": b'{"image": "shop"}'})
    assert ["docker", "start", "--", "spare"] in machines.ran


def test_what_the_clean_room_leaves_out_is_removed_and_noted(run, machines):
    notes = run({SHOP: b'{"image": "shop", "privileged": true}'})
    assert any("leaves out" in note and "--privileged" in note for note in notes)
    assert any("`web` was not there" in note for note in notes)
    assert machines.said("docker rm --force --volumes shop")
    assert not machines.said("docker create")


def test_on_a_disposable_engine_it_is_made(run, machines):
    run({SHOP: b'{"image": "shop", "privileged": true}'}, disposable=True)
    assert "--privileged" in machines.said("docker create")[0]


def test_a_seccomp_profile_goes_into_a_file(run, machines):
    option = 'seccomp={"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}'
    run({SHOP: json.dumps({"image": "shop", "security_opt": [option]}).encode()})
    (made,) = machines.said("docker create")
    assert "--security-opt=seccomp=/root/.labctl-seccomp-shop.json" in made
    assert machines.said("cp /dev/stdin /root/.labctl-seccomp-shop.json")


def test_what_docker_refuses_is_a_note(run, machines):
    machines.answers["docker create"] = ExecResult(1, b"", b"bad \x1b[31m option\n")
    notes = run({SHOP: b'{"image": "shop"}'})
    assert "container `shop` cannot be made: bad option" in notes
    machines.answers = {"docker start": WaitTimeout("too long")}
    assert any("took too long" in note for note in run({SHOP: b'{"image": "shop"}'}))


def test_what_fails_is_tried_again(run, machines):
    tries = iter([ExecResult(1, b"", b"short of processes"), ExecResult(0, b"", b"")])
    machines.exec = lambda *a, inner=machines.exec, **k: (
        next(tries) if a[2][:2] == ["docker", "start"] else inner(*a, **k)
    )
    notes = run({SHOP: b'{"image": "shop"}'})
    assert not [note for note in notes if "does not start" in note]


def test_a_container_that_ends_is_a_note(run, machines):
    machines.answers["docker container inspect"] = ExecResult(0, b"/shop exited 3\n", b"")
    notes = run({SHOP: b'{"image": "shop"}'})
    assert "container `shop` ended by itself (exit status 3)" in notes


def test_a_machine_that_does_not_answer_is_our_trouble(run, machines):
    machines.answers["docker rm"] = EnvironmentFailure("gone")
    with pytest.raises(EnvironmentFailure):
        run({SHOP: b'{"image": "shop"}'})


def test_settings_are_merged_and_the_images_kept(run, machines):
    machines.answers["docker image inspect"] = ExecResult(1, b"", b"no such image")
    run({DAEMON: b'{"userns-remap": "default"}'})
    order = [
        argv[1] for argv in machines.ran if argv[:2] in (["docker", "save"], ["docker", "load"])
    ]
    assert order == ["save", "load"]
    assert machines.said("cp /dev/stdin /etc/docker/daemon.json")
    machines.ran.clear()
    run({})
    assert not machines.said("docker save")


def test_settings_with_which_the_engine_does_not_start_are_taken_back(run, machines):
    tries = iter([ExecResult(1, b"", b""), ExecResult(0, b"", b"")])
    machines.exec = lambda *a, inner=machines.exec, **k: (
        next(tries) if a[2][0] == "sh" else inner(*a, **k)
    )
    notes = run({DAEMON: b'{"userns-remap": "nobody"}'})
    assert "the engine of `engine` does not start with these settings" in notes
    assert len(machines.said("cp /dev/stdin")) == 2


def test_the_workspace_is_as_it_was_handed_in(run, tmp_path):
    (tmp_path / "run.sh").symlink_to("/etc/passwd")
    run({"workspace/run.sh": b"#!/bin/sh\necho\n"})
    assert not (tmp_path / "run.sh").is_symlink()
    assert (tmp_path / "run.sh").stat().st_mode & 0o111
    run({})
    assert not (tmp_path / "run.sh").exists()


def test_what_was_measured_of_the_computer_becomes_the_graders(run, tmp_path):
    run({"workspace/run.sh": b"# @computer.kernel@ @computer.boot-id@\n"})
    assert (tmp_path / "run.sh").read_text() == "# 6.6.6-graders 9999-ffff\n"


def test_scripts_run_last_and_their_failure_is_a_note(run, machines):
    wanted = lab(clusters={}, engines={"engine": {"containers": ["shop"], "scripts": ["run.sh"]}})
    machines.answers["/workspace/run.sh"] = ExecResult(4, b"", b"oh no")
    files = {SHOP: b'{"image": "shop"}', "workspace/run.sh": b"#!/bin/sh\n"}
    notes = run(files, wanted, disposable=True)
    assert "`run.sh` ended with exit status 4: oh no" in notes
    assert machines.ran[-1] == ["/workspace/run.sh"]


def test_what_the_learner_automated_runs_before_anything_else(run, machines):
    wanted = lab(clusters={}, engines={}, scripts={"desk": ["run.sh"]})
    run({"workspace/run.sh": b"#!/bin/sh\n"}, wanted)
    assert machines.ran[0] == ["/workspace/run.sh"]


class Api:
    """A cluster's API with some objects."""

    def __init__(self, *objects):
        self.objects, self.done = list(objects), []

    def get(self, path):
        return {
            "resources": [{"name": "networkpolicies", "kind": "NetworkPolicy", "namespaced": True}]
        }

    def list(self, path):
        return self.objects

    def delete(self, path):
        self.done.append(("DELETE", path))
        return Answer(200, {})

    def create(self, path, body):
        self.done.append(("POST", path))
        return Answer(404, {"message": "no namespace"}) if "gone" in path else Answer(201, body)

    def request(self, method, path, json):
        self.done.append((method, path))
        return Answer(200, {})


def policy_object(name, namespace="a", **spec):
    meta = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta,
        "spec": spec,
    }


def test_the_objects_of_a_cluster_become_those_handed_in():
    api = Api(policy_object("old"), policy_object("same"), policy_object("other", x=1))
    kind = cluster.kind(api, "networking.k8s.io/v1/networkpolicies")
    wanted = [policy_object("same"), policy_object("other", x=2), policy_object("n", "gone")]
    notes = cluster.replace(api, kind, {cluster.key(value): value for value in wanted})
    root = "/apis/networking.k8s.io/v1/namespaces"
    assert api.done == [
        ("DELETE", f"{root}/a/networkpolicies/old"),
        ("PUT", f"{root}/a/networkpolicies/other"),
        ("POST", f"{root}/gone/networkpolicies"),
    ]
    assert notes == ["NetworkPolicy `n` in `gone` is refused: no namespace"]


class Contested(Api):
    """An API whose objects have versions, and a controller that writes to them, too."""

    def __init__(self, *objects, others):
        super().__init__(*objects)
        self.version, self.others = 7, others

    def get(self, path):
        if not path.endswith("/one"):
            return super().get(path)
        found = {"metadata": {"name": "one", "resourceVersion": str(self.version)}}
        if self.others:
            self.others, self.version = self.others - 1, self.version + 1
        return found

    def request(self, method, path, json):
        self.done.append(json["metadata"])
        good = json["metadata"]["resourceVersion"] == str(self.version)
        return Answer(200, {}) if good else Answer(409, {"message": "changed meanwhile"})


@pytest.mark.parametrize(("others", "notes"), [(0, 0), (2, 0), (99, 1)])
def test_an_update_is_of_the_version_that_is_there(others, notes):
    api = Contested(policy_object("one"), others=others)
    kind = cluster.kind(api, "networking.k8s.io/v1/networkpolicies")
    wanted = policy_object("one", x=1)
    found = cluster.replace(api, kind, {cluster.key(wanted): wanted})
    assert len(found) == notes
    assert all("changed meanwhile" in note for note in found)
    assert len(api.done) == min(others, 4) + 1


def test_what_a_cluster_does_not_let_go_of_is_a_note():
    api = Api(policy_object("old"))
    api.delete = lambda path: Answer(403, {"message": "never"})
    kind = cluster.kind(api, "networking.k8s.io/v1/networkpolicies")
    assert cluster.replace(api, kind, {}) == ["NetworkPolicy `old` stays: never"]


class Growing(Api):
    """A cluster that knows a resource only from the second time on that it is asked for it."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def get(self, path):
        self.asked.append(path)
        late = "late.example/v1" in path
        if late and self.asked.count(path) < 2:
            return None
        kind, name = ("Late", "lates") if late else ("NetworkPolicy", "networkpolicies")
        return {"resources": [{"name": name, "kind": kind, "namespaced": False}]}

    def wait(self, predicate, seconds):
        return predicate() or (predicate() if seconds else None)


def test_a_resource_that_the_learners_objects_make_is_waited_for(tmp_path, monkeypatch):
    api = Growing()
    monkeypatch.setattr(replay, "KubeAPI", lambda kubeconfig: api)
    wanted = SimpleNamespace(engines={}, workspace=[], scripts={})
    wanted.clusters = {"k": ["networking.k8s.io/v1/networkpolicies", "late.example/v1/lates"]}
    place = SimpleNamespace(workspace=tmp_path, kubeconfig=lambda name: tmp_path)
    machines = {"k": KindMachine(provider="kind", about="a cluster", addons=["vault"])}
    session = SimpleNamespace(lab=SimpleNamespace(capture=wanted, machines=machines), place=place)

    def replayed(*objects):
        files = {model.objects_file("k"): plain.dump_yaml(list(objects))}
        return replay.replay(session, load(packed(files)), Silent())

    # Nothing of it was handed in: nobody waits.
    assert replayed(policy_object("a")) == []
    assert len([path for path in api.asked if "late" in path]) == 1
    api.asked.clear()
    late = {"apiVersion": "late.example/v1", "kind": "Late", "metadata": {"name": "x"}}
    assert replayed(policy_object("a"), late) == []
    assert ("POST", "/apis/late.example/v1/lates") in api.done


def test_add_ons_stay_as_they_were_installed(tmp_path, monkeypatch):
    own = policy_object("vault-agent-injector", "vault")
    api = Api(own)
    api.wait = lambda predicate, seconds: predicate()
    monkeypatch.setattr(replay, "KubeAPI", lambda kubeconfig: api)
    monkeypatch.setattr(cluster.addons, "objects_of", lambda names: {cluster.key(own)})
    wanted = SimpleNamespace(engines={}, workspace=[], scripts={})
    wanted.clusters = {"k": ["networking.k8s.io/v1/networkpolicies"]}
    place = SimpleNamespace(workspace=tmp_path, kubeconfig=lambda name: tmp_path)
    machines = {"k": KindMachine(provider="kind", about="a cluster", addons=["vault"])}
    session = SimpleNamespace(lab=SimpleNamespace(capture=wanted, machines=machines), place=place)
    other = policy_object("vault-agent-injector", "vault", changed=1)
    files = {model.objects_file("k"): plain.dump_yaml([other, policy_object("mine")])}
    (note,) = replay.replay(session, load(packed(files)), Silent())
    assert "is nothing that the lab asks for" in note
    assert [method for method, _ in api.done] == ["POST"]
    kind = cluster.kind(api, "networking.k8s.io/v1/networkpolicies")
    assert cluster.items(api, kind, {cluster.key(own)}) == []
    assert cluster.items(api, kind) == [own]


def test_objects_are_told_without_what_the_cluster_adds():
    raw = policy_object("x", spec=1)
    raw["metadata"] |= {
        "uid": "1",
        "resourceVersion": "2",
        "managedFields": [{"manager": "kubectl-on-learners-laptop"}],
        "creationTimestamp": "t",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    raw["status"] = {}
    kind = cluster.kind(Api(), "networking.k8s.io/v1/networkpolicies")
    assert cluster.clean(raw, kind) == policy_object("x", spec=1)
    owned = policy_object("y")
    owned["metadata"]["ownerReferences"] = [{"name": "z"}]
    assert cluster.items(Api(raw, owned), kind) == [policy_object("x", spec=1)]


def test_settings_go_to_the_machine_as_input(run, machines):
    seen = []
    inner = machines.exec
    machines.exec = lambda *a, **k: seen.append(k.get("stdin")) or inner(*a, **k)
    run({DAEMON: b'{"userns-remap": "default"}'})
    (written,) = [json.loads(data) for data in seen if data]
    assert written == {"storage-driver": "overlay2", "userns-remap": "default"}
