import json

import pytest

from labctl.grading.submission import cluster, policy
from labctl.lab.model import Lab
from tests.unit.grading.submission.works import load, packed

LAB = {
    "format": 1,
    "title": "Good",
    "track": "isolation",
    "minutes": 5,
    "objectives": ["See it"],
    "shell": "engine",
    "machines": {
        "engine": {"provider": "engine", "about": "A", "images": ["shop"]},
        "cluster": {"provider": "kind", "about": "B"},
        "desk": {"provider": "docker", "about": "C", "image": "desk", "workspace": True},
    },
    "capture": {
        "workspace": ["run.sh"],
        "engines": {
            "engine": {"containers": ["shop", "web"], "daemon": ["userns-remap"]},
        },
        "clusters": {"cluster": ["networking.k8s.io/v1/networkpolicies"]},
    },
}
SHOP, DAEMON = "machines/engine/containers/shop.json", "machines/engine/daemon.json"
OBJECTS = "clusters/cluster/objects.yaml"


def lab(**capture) -> Lab:
    data = {**LAB, "capture": {**LAB["capture"], **capture}}
    return Lab.model_validate(data).model_copy(update={"id": "good"})


def left_out(name, value, wanted=None, *, disposable=False):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = policy.left_out(load(packed({name: data})), wanted or lab(), disposable=disposable)
    return [reason for reasons in found.values() for reason in reasons]


def test_what_the_lab_asks_for_is_not_refused():
    files = {SHOP: b'{"image": "shop"}', "workspace/run.sh": b"#!/bin/sh\n", DAEMON: b"{}"}
    assert policy.refusals(load(packed(files)), lab()) == []
    assert policy.left_out(load(packed(files)), lab()) == {}


def test_what_the_lab_does_not_ask_for_is_refused():
    other = load(
        packed({"workspace/test_x.py": b"", "machines/m/containers/x.json": b'{"image":"a"}'})
    )
    assert policy.refusals(other, lab()) == [
        "`machines/m/containers/x.json` is nothing that the lab asks for",
        "`workspace/test_x.py` is nothing that the lab asks for",
    ]
    assert policy.refusals(load(packed({}, lab="bad")), lab()) == [
        "it is a submission of the lab `bad`"
    ]


def test_scripts_and_powerful_resources_need_a_disposable_engine():
    engines = {"engine": {"scripts": ["run.sh"]}}
    (told,) = policy.refusals(load(packed({})), lab(engines=engines))
    assert "run.sh as root" in told
    assert "disposable engine" in told
    clusters = {"cluster": ["rbac.authorization.k8s.io/v1/clusterroles", "v1/pods"]}
    (told,) = policy.refusals(load(packed({})), lab(clusters=clusters))
    assert "clusterroles" in told
    assert not policy.refusals(load(packed({})), lab(engines=engines), disposable=True)


def test_a_script_may_run_where_it_has_no_rights():
    harmless = lab(scripts={"desk": ["run.sh"]})
    assert policy.refusals(load(packed({})), harmless) == []
    mighty = harmless.machines["desk"].model_copy(update={"kubeconfig": "cluster"})
    harmless.machines["desk"] = mighty
    (told,) = policy.refusals(load(packed({})), harmless)
    assert "run.sh with rights" in told


def test_rules_of_admission_are_replayed_anywhere():
    resources = ["templates.gatekeeper.sh/v1/constrainttemplates"]
    resources.append("constraints.gatekeeper.sh/v1beta1/noroot")
    resources.append("admissionregistration.k8s.io/v1/validatingadmissionpolicies")
    resources.append("policy.sigstore.dev/v1beta1/clusterimagepolicies")
    assert policy.refusals(load(packed({})), lab(clusters={"cluster": resources})) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"privileged": True}, "--privileged"),
        ({"cap_add": ["SYS_ADMIN"]}, "--cap-add SYS_ADMIN"),
        ({"cap_add": ["ALL"]}, "--cap-add ALL"),
        ({"security_opt": ["seccomp=unconfined"]}, "--security-opt seccomp=unconfined"),
        ({"security_opt": ["apparmor=unconfined"]}, "--security-opt apparmor=unconfined"),
        ({"security_opt": ["systempaths=unconfined"]}, "--security-opt systempaths=unconfined"),
        ({"security_opt": ['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}']}, "--security-opt"),
        ({"network": "host"}, "--network host"),
        ({"pid": "host"}, "--pid host"),
        ({"ipc": "host"}, "--ipc host"),
        ({"uts": "host"}, "--uts host"),
        ({"userns": "host"}, "--userns host"),
        ({"pid": "container:abc"}, "not handed in"),
        (
            {"mounts": [{"type": "bind", "source": "/", "target": "/x", "read_only": True}]},
            "folder /",
        ),
        ({"mounts": [{"type": "bind", "source": "..", "target": "/x"}]}, "folder .."),
        ({"mounts": [{"type": "volume", "source": "/etc", "target": "/x"}]}, "volume '/etc'"),
        ({"mounts": [{"type": "volume", "source": "../x", "target": "/x"}]}, "volume '../x'"),
        ({"devices": ["/dev/kvm"]}, "device /dev/kvm"),
        ({"device_cgroup_rules": ["a *:* rwm"]}, "--device-cgroup-rule"),
        ({"volumes_from": ["x"]}, "--volumes-from"),
        ({"cgroup_parent": "/"}, "--cgroup-parent"),
        ({"runtime": "runsc"}, "--runtime runsc"),
        ({"sysctls": {"vm.swappiness": "1"}}, "--sysctl vm.swappiness"),
        ({"oom_score_adj": -1000}, "--oom-score-adj"),
        ({"image": "evil"}, "image 'evil'"),
        ({"image": "shop@sha256:0"}, "image 'shop@sha256:0'"),
        ({"image": "--privileged"}, "image '--privileged'"),
    ],
)
def test_containers_that_could_leave_their_machine_are_left_out(change, reason):
    (told,) = left_out(SHOP, {"image": "shop", **change})
    assert reason in told


def test_what_hardens_a_container_is_not_left_out():
    hardened = {
        "image": "shop",
        "user": "1000",
        "cap_drop": ["ALL"],
        "cap_add": ["NET_BIND_SERVICE"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {"/run": "size=1m"},
        "mounts": [{"type": "volume", "source": "data", "target": "/data"}],
        "sysctls": {"net.core.somaxconn": "9"},
        "memory": 1 << 20,
    }
    assert left_out(SHOP, hardened) == []


def test_containers_may_share_with_each_other():
    shop = b'{"image": "shop", "pid": "container:web", "network": "container:web"}'
    files = {SHOP: shop, "machines/engine/containers/web.json": b'{"image": "shop"}'}
    assert policy.left_out(load(packed(files)), lab()) == {}


def test_a_container_beside_the_labs_has_to_be_one_that_can_be_replayed():
    beside = "machines/engine/containers/spare.json"
    assert policy.refusals(load(packed({beside: b'{"image": "shop"}'})), lab()) == []
    bad = load(packed({beside: b'{"image": "shop", "privileged": true}'}))
    (told,) = policy.refusals(bad, lab())
    assert "spare.json` cannot be replayed: --privileged" in told
    assert policy.refusals(bad, lab(), disposable=True) == []
    assert policy.left_out(bad, lab()) == {}
    own = lab(engines={"engine": {"containers": ["shop"], "beside": ["spare"]}})
    (told,) = policy.refusals(load(packed({beside: b'{"image": "shop"}'})), own)
    assert "nothing that the lab asks for" in told
    many = {f"machines/engine/containers/c{n}.json": b'{"image": "shop"}' for n in range(17)}
    (told,) = policy.refusals(load(packed(many)), lab())
    assert "more than 16 containers" in told


@pytest.mark.parametrize(
    ("profile", "strict"),
    [
        ({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}, True),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}, False),
        ({"defaultAction": "SCMP_ACT_LOG", "syscalls": []}, False),
        ({"defaultAction": "SCMP_ACT_ERRNO"}, False),
        ([], False),
    ],
)
def test_a_profile_has_to_deny_what_it_does_not_name(profile, strict):
    option = f"seccomp={json.dumps(profile)}"
    assert (left_out(SHOP, {"image": "shop", "security_opt": [option]}) == []) is strict


def test_a_profile_may_allow_risky_calls_only_with_a_capability():
    rule = {"names": ["read", "mount"], "action": "SCMP_ACT_ALLOW"}
    for more, strict in (
        ({}, False),
        ({"includes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"includes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}}, False),
        ({"includes": {"arches": ["amd64"]}}, False),
    ):
        profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{**rule, **more}]}
        option = f"seccomp={json.dumps(profile)}"
        assert (left_out(SHOP, {"image": "shop", "security_opt": [option]}) == []) is strict


def test_a_lab_may_have_another_runtime():
    engines = {"engine": {"containers": ["shop"], "runtimes": ["runsc"]}}
    assert left_out(SHOP, {"image": "shop", "runtime": "runsc"}, lab(engines=engines)) == []


def test_on_a_disposable_engine_only_foreign_images_are_left_out():
    bad = {"image": "shop", "privileged": True, "pid": "host"}
    assert left_out(SHOP, bad, disposable=True) == []
    assert left_out(SHOP, {**bad, "image": "evil"}, disposable=True)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"hosts": ["tcp://0.0.0.0"]}, "'hosts'"),
        ({"userns-remap": "root"}, "root"),
        ({"userns-remap": "a b"}, "no user's name"),
        ({"userns-remap": ["x"]}, "no user's name"),
    ],
)
def test_settings_that_are_not_the_labs_are_left_out(settings, reason):
    (told,) = left_out(DAEMON, settings)
    assert reason in told


def pod(**spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"hostPID": True}, "hostPID"),
        ({"hostNetwork": "yes"}, "hostNetwork"),
        ({"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"containers": [{"securityContext": {"privileged": True}}]}, "privileged"),
        ({"initContainers": [{"securityContext": {"privileged": True}}]}, "privileged"),
        ({"containers": [{"securityContext": {"capabilities": {"add": ["BPF"]}}}]}, "'BPF'"),
        ({"containers": [{"ports": [{"hostPort": 80}]}]}, "hostPort"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile"),
        ({"containers": [{"securityContext": {"procMount": "Unmasked"}}]}, "procMount"),
        ({"nodeName": "x"}, "nodeName"),
    ],
)
def test_pods_beyond_the_baseline_are_left_out(spec, reason):
    template = {"template": {"spec": spec}}
    controlled = {**pod(), "apiVersion": "apps/v1", "kind": "Deployment", "spec": template}
    cron = {**controlled, "kind": "CronJob", "spec": {"jobTemplate": {"spec": template}}}
    for value in (pod(**spec), controlled, cron):
        (told,) = left_out(OBJECTS, value)
        assert reason in told
        assert left_out(OBJECTS, value, disposable=True) == []


def test_odd_pods_are_for_the_api_server_to_refuse():
    for spec in ({}, {"containers": "x"}, {"containers": [1]}, {"volumes": [None]}):
        assert left_out(OBJECTS, pod(**spec)) == []
    assert left_out(OBJECTS, {**pod(), "spec": 1}) == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Opaque", ""),
        (None, ""),
        (["odd"], ""),
        ("bootstrap.kubernetes.io/token", "bootstrap"),
        ("kubernetes.io/service-account-token", "service-account-token"),
    ],
)
def test_secrets_are_replayed_unless_they_open_the_cluster(kind, reason):
    wanted = lab(clusters={"cluster": ["v1/secrets"]})
    assert policy.dangers(wanted) == []
    value = {**pod(), "kind": "Secret", "type": kind, "data": {"password": "eA=="}}
    told = left_out(OBJECTS, value, wanted)
    assert all(reason in text for text in told)
    assert bool(told) == bool(reason)
    unasked = cluster._unasked(value, cluster.Kind("v1", "secrets", "Secret", True))
    assert unasked == bool(reason)
