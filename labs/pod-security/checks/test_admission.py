"""What the cluster admits, where. Every pod is tried by a dry run: nothing is made."""

from __future__ import annotations

from itertools import product

from conftest import ADMITTED, FILTER, container, pod, told

from labctl.grading import check, weakness

LABEL = "pod-security.kubernetes.io/"
CONTROLLERS = ("replicaset", "statefulset", "daemon-set", "job", "replication")


def _added(capability: str) -> dict:
    """No capability but this one."""
    return {"capabilities": {"drop": ["ALL"], "add": [capability]}}


def _volume(**source) -> dict:
    return pod(volumes=[{"name": "data", **source}])


def _probed(**probe) -> dict:
    return pod(container(livenessProbe=probe))


_NODE_PORT = [{"containerPort": 8080, "hostPort": 9000}]

PRIVILEGED = pod(security={"privileged": True, "allowPrivilegeEscalation": None})
ROOT = pod(outer={"runAsNonRoot": None}, security={"runAsUser": 0})

# What Baseline refuses, and so Restricted does, too.
BASELINE = {
    "a privileged container": PRIVILEGED,
    "the node's network": pod(hostNetwork=True),
    "the node's processes": pod(hostPID=True),
    "the node's IPC": pod(hostIPC=True),
    "the node's files": _volume(hostPath={"path": "/"}),
    "the node's log folder": _volume(hostPath={"path": "/var/log", "type": "Directory"}),
    "a port of the node": pod(container(ports=_NODE_PORT)),
    "the capability NET_ADMIN": pod(security=_added("NET_ADMIN")),
    "the capability NET_RAW": pod(security=_added("NET_RAW")),
    "no seccomp filter, for the pod": pod(outer={"seccompProfile": {"type": "Unconfined"}}),
    "no AppArmor profile": pod(outer={"appArmorProfile": {"type": "Unconfined"}}),
    "no AppArmor profile, the old way": pod(
        annotations={"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}
    ),
    "an SELinux type of its own": pod(outer={"seLinuxOptions": {"type": "spc_t"}}),
    "an SELinux user": pod(security={"seLinuxOptions": {"user": "root"}}),
    "an unsafe sysctl": pod(outer={"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}),
    "a probe of another host": _probed(tcpSocket={"host": "10.0.0.1", "port": 80}),
    "a request to another host when it ends": pod(
        container(lifecycle={"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}})
    ),
    "a process of a Windows host": pod(
        hostNetwork=True, outer={"windowsOptions": {"hostProcess": True}}
    ),
}

# What Baseline admits and Restricted refuses.
RESTRICTED = {
    "a container that may be root": pod(outer={"runAsNonRoot": None}),
    "a container that says it may be root": pod(
        outer={"runAsNonRoot": None}, security={"runAsNonRoot": False}
    ),
    "a root container": ROOT,
    "user 0, whatever else it says": pod(outer={"runAsUser": 0}),
    "privilege escalation": pod(security={"allowPrivilegeEscalation": True}),
    "privilege escalation by default": pod(security={"allowPrivilegeEscalation": None}),
    "the default capabilities": pod(security={"capabilities": None}),
    "some of the default capabilities": pod(security={"capabilities": {"drop": ["CHOWN"]}}),
    "the capability CHOWN": pod(security=_added("CHOWN")),
    "no word about seccomp": pod(outer={"seccompProfile": None}),
    "a volume of the kind nfs": _volume(nfs={"server": "10.0.0.1", "path": "/"}),
    "a volume of the kind iscsi": _volume(
        iscsi={"targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.com.example:disk", "lun": 0}
    ),
}

_CAREFUL, _CARELESS = container(), container("other", {"capabilities": None})
_NO_FILTER = {"seccompProfile": {"type": "Unconfined"}}

# One container among several is enough, of whatever kind, and whatever the pod says.
ONE_OF_SEVERAL = {
    "a careless second container": pod(_CAREFUL, _CARELESS),
    "a privileged second container": pod(
        _CAREFUL, container("other", {"privileged": True, "allowPrivilegeEscalation": None})
    ),
    "a careless init container": pod(initContainers=[_CARELESS]),
    "an init container with a capability": pod(
        initContainers=[container("other", _added("NET_ADMIN"))]
    ),
    "a root init container": pod(initContainers=[container("other", {"runAsUser": 0})]),
    "a root sidecar": pod(
        initContainers=[container("other", {"runAsUser": 0}, restartPolicy="Always")]
    ),
    "a sidecar with a port of the node": pod(
        initContainers=[container("other", restartPolicy="Always", ports=_NODE_PORT)]
    ),
    "a container that overrides runAsNonRoot": pod(
        _CAREFUL, container("other", {"runAsNonRoot": False})
    ),
    "a container that overrides seccomp": pod(_CAREFUL, container("other", _NO_FILTER)),
    "an init container that overrides it": pod(initContainers=[container("other", _NO_FILTER)]),
    "settings at one of two containers": pod(
        container(security={"runAsNonRoot": True, "seccompProfile": FILTER}),
        container("other"),
        outer={"runAsNonRoot": None, "seccompProfile": None},
    ),
}

_VOLUMES = (
    {"configMap": {"name": "settings"}},
    {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    {"emptyDir": {}},
    {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Mi"}},
                }
            }
        }
    },
    {"persistentVolumeClaim": {"claimName": "data"}},
    {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
    {"secret": {"secretName": "key"}},
    {"csi": {"driver": "inline.example.com"}},
)

# What Restricted admits.
ADMISSIBLE = {
    "careful in all ways": pod(),
    "all settings at the container": pod(
        security={"runAsNonRoot": True, "seccompProfile": FILTER},
        outer={"runAsNonRoot": None, "seccompProfile": None},
    ),
    "the capability NET_BIND_SERVICE": pod(security=_added("NET_BIND_SERVICE")),
    "a seccomp profile of its own": pod(
        outer={"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/own.json"}}
    ),
    "every harmless kind of volume": pod(
        volumes=[{"name": f"v{n}", **source} for n, source in enumerate(_VOLUMES)]
    ),
    "a safe sysctl": pod(
        outer={"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]}
    ),
    "careful containers of every kind": pod(
        container(),
        container("second"),
        initContainers=[container("first"), container("beside", restartPolicy="Always")],
    ),
    "a probe of itself": _probed(httpGet={"path": "/", "port": 8080}),
}


@weakness("anything-goes", seconds=60)
def test_anything_goes(gate, production):
    "Production admits pods that ask for everything"
    found = gate.odd(_everywhere(BASELINE, production), ADMITTED)
    assert not found, told(found)


@check(
    "labels",
    points=2,
    hint="Three labels set a level: enforce, audit and warn; only one of them refuses. Each has a "
    "companion for the version. Are you sure that you know all production namespaces?",
)
def test_labels(kube, production):
    "Every production namespace enforces Restricted, of a version that is written down"
    server = kube.get("/version")
    current = f"v{server['major']}.{server['minor'].rstrip('+')}"
    versions = {}
    for name in production:
        namespace = kube.get(f"/api/v1/namespaces/{name}")
        assert namespace, f"the namespace {name} is gone"
        labels = namespace["metadata"].get("labels", {})
        level = labels.get(LABEL + "enforce", "nothing")
        assert level == "restricted", f"{name} enforces {level}"
        versions[name] = labels.get(LABEL + "enforce-version", "")
        assert versions[name], f"{name} does not say which version of the level it enforces"
        assert versions[name] in ("latest", current), (
            f"{name} enforces the level as it was in {versions[name]}; the cluster has {current}"
        )
    assert len(set(versions.values())) == 1, f"the versions differ: {versions}"


@check(
    "baseline-refused",
    points=2,
    seconds=60,
    hint="`kubectl -n NAMESPACE apply --dry-run=server -f break-in.yaml` tries a pod and makes "
    "none. An old version of a level does not know the rules that came after it.",
)
def test_baseline_refused(gate, production):
    "Production refuses every way to the node: what is beyond Baseline"
    _refused(gate, BASELINE, production, "baseline")


@check(
    "restricted-refused",
    points=3,
    seconds=60,
    hint="Baseline stops known ways out, and lets root be. Restricted also asks for four settings: "
    "runAsNonRoot, allowPrivilegeEscalation, capabilities and seccompProfile.",
)
def test_restricted_refused(gate, production):
    "Production refuses what is beyond Restricted"
    _refused(gate, RESTRICTED, production)


@check(
    "one-of-several",
    points=2,
    seconds=60,
    hint="A level looks at every container: init containers, sidecars, and those that "
    "`kubectl debug` adds to a pod that runs.",
)
def test_one_of_several(gate, production, workloads):
    "One bad container among good ones is refused, also one that joins later"
    _refused(gate, ONE_OF_SEVERAL, production)
    for workload in workloads.values():
        pod = workload.whole().pods[0]
        got = gate.joined(pod, container("helper", {"runAsUser": 0}))
        assert got == "restricted", f"a root container may join {workload.name}: {got}"
        got = gate.joined(pod, container("helper"))
        assert got == ADMITTED, f"nobody can debug {workload.name}, not even carefully: {got}"


@check(
    "nobody-exempt",
    points=2,
    seconds=60,
    hint="People hardly ever make pods: controllers make them, each with a service account of its "
    "own. Who exempts such an account exempts all who may make a Deployment.",
)
def test_nobody_exempt(gate, kube, kernel, production):
    "Production refuses bad pods from everybody: controllers are not exempt, nor is any runtime"
    accounts = [f"{name}-controller" for name in CONTROLLERS]
    cases = [
        (f"a {kind} pod of the {account}", place, pod, account)
        for kind, pod in (("privileged", PRIVILEGED), ("root", ROOT))
        for account, place in product(accounts, production)
    ]
    runtimes = [r["metadata"]["name"] for r in kube.list("/apis/node.k8s.io/v1/runtimeclasses")]
    for runtime, place in product(runtimes, production):
        pod = {**PRIVILEGED, "spec": {**PRIVILEGED["spec"], "runtimeClassName": runtime}}
        cases.append((f"a privileged pod with the runtime {runtime}", place, pod))
    found = gate.odd(cases, "restricted")
    assert not found, f"not refused: {told(found)}"
    server = kernel.listener("cluster", 6443)
    assert server, "no API server listens on the node"
    odd = [word for word in server.argv if "admission-control-config" in word]
    assert not odd, f"the API server was given exceptions: {odd[0]}"


@check(
    "good-admitted",
    points=1,
    seconds=60,
    hint="Restricted refuses what is in its table, and nothing else. If something else in the "
    "cluster refuses pods, or changes them, take it away.",
)
def test_good_admitted(gate, production):
    "Production is as strict as Restricted, and no stricter"
    found = gate.odd(_everywhere(ADMISSIBLE, production), ADMITTED)
    assert not found, f"refused, though Restricted admits them: {told(found)}"
    _refused(gate, {"a root container": ROOT}, production)


@check(
    "others-served",
    points=2,
    seconds=60,
    hint="dev gets Baseline: no way to the node, but root may be. What looks after nodes, in ops "
    "and in kube-system, needs what Baseline refuses.",
)
def test_others_served(gate, kube, page, facts):
    "dev enforces Baseline and no more; ops and kube-system take what nodes need, and all work"
    found = gate.odd(_everywhere(BASELINE, ("dev",)), "baseline")
    assert not found, f"not refused by Baseline: {told(found)}"
    found = gate.odd(_everywhere(RESTRICTED | ADMISSIBLE, ("dev",)), ADMITTED)
    assert not found, f"developers cannot work: {told(found)}"
    found = gate.odd(_everywhere(BASELINE, ("ops", "kube-system")), ADMITTED)
    assert not found, f"what nodes need is refused: {told(found)}"
    for app, namespace, part in (("sandbox", "dev", "ledger"), ("node-agent", "ops", "read")):
        pods = kube.pods(namespace, {"app": app})
        assert pods, f"no pod of {app} runs in {namespace}"
        text = page(pods[0], facts["helper-key"])
        assert f"{part} ok " in text, f"{app} does not do its work: {text.strip()}"


def _everywhere(table, places) -> list[tuple]:
    return [(name, place, pod) for (name, pod), place in product(table.items(), places)]


def _refused(gate, table, places, *levels: str) -> None:
    found = gate.odd(_everywhere(table, places), "restricted", *levels)
    assert not found, f"not refused: {told(found)}"
