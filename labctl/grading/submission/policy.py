"""What a clean room does not run.

A clean room's engine machine is a privileged container, and so is a cluster's node: whoever is
root in one reaches the engine under it, where other learners' work is graded. So nothing is
replayed that gives a container more than Docker's defaults, or a pod more than the Baseline of
Kubernetes' Pod Security Standards. Two kinds of no:

- `refusals`: the submission as a whole is not what the lab asks for. It is not graded.
  Neither is one with a container beside the lab's that cannot be replayed: without it, the rest
  could look better than it is.
- `left_out`: single parts that are not replayed. They are honest mistakes as often as attacks
  (the lab's own broken state is privileged), so the rest is graded, and their checks fail.

On an engine that is thrown away afterwards (`disposable`), almost everything is replayed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from labctl.grading.submission import cluster, model, plain, policy_pods
from labctl.grading.submission.definition import Definition
from labctl.grading.submission.model import CONTAINER, Refused, Submission
from labctl.lab.model import DockerMachine, EngineCapture, EngineMachine, Lab

# What Docker gives a container that asks for nothing.
_DEFAULT_CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_RAW"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
_SAFE_OPTIONS = {"no-new-privileges", "no-new-privileges=true", "seccomp=builtin"}
_DENY = {
    *("SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD"),
    "SCMP_ACT_TRAP",
}
# System calls that Docker's own profile allows to nobody without a capability.
_RISKY = {
    *("mount", "umount2", "pivot_root", "move_mount", "fsopen", "fsmount", "open_tree", "unshare"),
    *("setns", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"),
    *("init_module", "finit_module", "kexec_load", "kexec_file_load", "open_by_handle_at"),
    *("iopl", "ioperm", "reboot", "swapon", "quotactl", "acct", "syslog"),
}
# Settings that the kernel keeps for each container.
_SAFE_SYSCTLS = ("net.", "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
# Resources that neither run anything nor give anybody a right; of Secrets, see `_keys`.
_PLAIN_RESOURCES = {
    *("networking.k8s.io/v1/networkpolicies", "networking.k8s.io/v1/ingresses"),
    *("v1/configmaps", "v1/secrets", "v1/services", "v1/resourcequotas", "v1/limitranges"),
    *("policy/v1/poddisruptionbudgets", "config.gatekeeper.sh/v1alpha1/configs"),
    *("templates.gatekeeper.sh/v1/constrainttemplates", "v1/namespaces"),
    "policy.sigstore.dev/v1beta1/clusterimagepolicies",
    "admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
# Groups of such: what the learner's templates make.
_PLAIN_GROUPS = ("constraints.gatekeeper.sh/",)
_MOST_BESIDE = 16
_USERNS = re.compile(r"[a-z_][a-z0-9_-]{0,31}(?::[a-z_][a-z0-9_-]{0,31})?")


def refusals(submission: Submission, lab: Lab, *, disposable: bool = False) -> list[str]:
    """Why the submission as a whole may not be replayed; empty: it may be.

    `disposable` says that the engine under the clean room is thrown away afterwards.
    """
    if submission.manifest.lab != lab.id:
        return [f"it is a submission of the lab `{submission.manifest.lab}`"]
    extra = _extra(submission, lab)
    found = [
        f"`{name}` is nothing that the lab asks for"
        for name in sorted(submission.files.keys() - captured(lab) - extra.keys())
    ]
    if len(extra) > _MOST_BESIDE:
        found.append(f"more than {_MOST_BESIDE} containers run beside the lab's")
    for entry, (machine, name) in sorted(extra.items()):
        if reasons := _judge(submission, lab, machine, name, disposable=disposable):
            found.append(f"`{entry}` cannot be replayed: {', '.join(reasons)}")
    if not disposable:
        found += dangers(lab)
    return found


def left_out(
    submission: Submission, lab: Lab, *, disposable: bool = False
) -> dict[str, tuple[str, ...]]:
    """The parts that `replay` leaves out, each with the reasons: their checks then just fail.

    Parts are entries of the submission; an object of a cluster is told as `ENTRY: KIND NAME`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for machine, wanted in lab.capture.engines.items():
        for name in wanted.containers:
            entry = model.container_file(machine, name)
            if entry in submission.files:
                found[entry] = _judge(submission, lab, machine, name, disposable=disposable)
        settings = daemon(submission, machine)
        found[model.daemon_file(machine)] = tuple(_daemon(settings, wanted))
    for machine in lab.capture.clusters:
        for value in objects(submission, machine) if not disposable else ():
            part = f"{model.objects_file(machine)}: {object_name(value)}"
            found[part] = (*policy_pods.reasons(value), *_keys(value))
    return {part: reasons for part, reasons in found.items() if reasons}


def dangers(lab: Lab) -> list[str]:
    """Why nobody's work of the lab is replayed but on a disposable engine; empty: it is."""
    found = [
        f"the lab runs {', '.join(wanted.scripts)} as root, so it needs a disposable engine"
        for wanted in lab.capture.engines.values()
        if wanted.scripts
    ]
    for name, scripts in lab.capture.scripts.items():
        spec = lab.machines[name]
        # Without a kubeconfig, such a machine has no more rights than any container.
        if not isinstance(spec, DockerMachine) or spec.kubeconfig or spec.capabilities:
            what = ", ".join(scripts)
            found.append(f"the lab runs {what} with rights, so it needs a disposable engine")
    for resources in lab.capture.clusters.values():
        for resource in sorted({*resources} - _PLAIN_RESOURCES - policy_pods.RESOURCES):
            if resource.startswith(_PLAIN_GROUPS):
                continue
            found.append(f"the lab replays {resource}, so it needs a disposable engine")
    return found


def captured(lab: Lab) -> set[str]:
    """The entries that a submission of the lab may hold, besides the manifest."""
    found = {model.REPORT, model.ANSWERS, model.JOURNAL}
    found |= {model.WORKSPACE + name for name in lab.capture.workspace}
    for machine, wanted in lab.capture.engines.items():
        found |= {model.container_file(machine, name) for name in wanted.containers}
        if wanted.daemon:
            found.add(model.daemon_file(machine))
    return found | {model.objects_file(machine) for machine in lab.capture.clusters}


def containers(submission: Submission, machine: str) -> dict[str, Definition]:
    """The definitions of a machine's containers that were handed in, by name."""
    return {
        match[2]: Definition.model_validate(json.loads(data))
        for entry, data in submission.files.items()
        if (match := CONTAINER.fullmatch(entry)) and match[1] == machine
    }


def daemon(submission: Submission, machine: str) -> Mapping[str, Any]:
    """The learner's settings of a machine's engine."""
    return dict(json.loads(submission.files.get(model.daemon_file(machine), b"{}")))


def objects(submission: Submission, machine: str) -> list[dict[str, Any]]:
    """The learner's objects of a cluster."""
    entry = model.objects_file(machine)
    return plain.load_yaml(submission.files.get(entry, b""), entry)


def object_name(value: Mapping[str, Any]) -> str:
    """An object in one word: `NetworkPolicy orders/default-deny`."""
    meta = value["metadata"]
    place = f"{meta['namespace']}/" if "namespace" in meta else ""
    return f"{value['kind']} {place}{meta['name']}"


def _keys(value: Mapping[str, Any]) -> Iterator[str]:
    """Why a Secret is not replayed: it would open the cluster."""
    kind = value.get("type")
    if value["kind"] == "Secret" and isinstance(kind, str) and kind in cluster.CLUSTER_KEYS:
        yield f"the type {kind}"


def _extra(submission: Submission, lab: Lab) -> dict[str, tuple[str, str]]:
    """The entries of containers beside the lab's, with their machine and name."""
    found = {}
    for entry in submission.files.keys() - captured(lab):
        match = CONTAINER.fullmatch(entry)
        wanted = lab.capture.engines.get(match[1]) if match else None
        if match and wanted and wanted.containers and match[2] not in wanted.beside:
            found[entry] = (match[1], match[2])
    return found


def _judge(
    submission: Submission, lab: Lab, machine: str, name: str, *, disposable: bool
) -> tuple[str, ...]:
    """Why a container is not replayed."""
    wanted, spec = lab.capture.engines[machine], lab.machines[machine]
    assert isinstance(spec, EngineMachine)
    handed_in = containers(submission, machine)
    definition, reasons = handed_in[name], []
    if definition.image not in spec.images:
        reasons.append(f"the image {definition.image!r} is none of the lab's")
    if not disposable:
        reasons += _container(definition, wanted, handed_in.keys())
    return tuple(reasons)


def _container(d: Definition, wanted: EngineCapture, known: Collection[str]) -> Iterator[str]:
    if d.privileged:
        yield "--privileged"
    for capability in d.cap_add:
        if capability not in _DEFAULT_CAPABILITIES:
            yield f"--cap-add {capability}"
    for option in d.security_opt:
        profile = option.removeprefix("seccomp=")
        if option not in _SAFE_OPTIONS and not (profile != option and _strict(profile)):
            yield f"--security-opt {plain.shorten(option)}"
    for field in ("network", "pid", "ipc", "uts", "userns"):
        mode = getattr(d, field)
        if mode == "host":
            yield f"--{field} host"
        elif mode.startswith("container:") and mode[10:] not in known:
            yield f"--{field} of a container that is not handed in"
    for mount in d.mounts:
        if mount.type == "bind":
            yield f"the folder {mount.source} of the machine"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", mount.source):
            yield f"the volume {mount.source!r}"
    yield from (f"the device {device}" for device in map(plain.shorten, d.devices))
    if d.device_cgroup_rules:
        yield "--device-cgroup-rule"
    if d.volumes_from:
        yield "--volumes-from"
    if d.cgroup_parent:
        yield "--cgroup-parent"
    if d.runtime and d.runtime not in wanted.runtimes:
        yield f"--runtime {d.runtime}"
    if d.oom_score_adj < 0:
        yield "--oom-score-adj below 0"
    for name in d.sysctls:
        if not name.startswith(_SAFE_SYSCTLS):
            yield f"--sysctl {name}"


def _strict(profile: str) -> bool:
    """Whether a seccomp profile denies what it does not name, and names nothing risky."""
    try:
        value = plain.load_json(profile.encode(), "profile")
        if value["defaultAction"] not in _DENY:
            return False
        for rule in value["syscalls"]:
            # Docker skips a rule for capabilities that the container does not have.
            caps = {_bare(cap) for cap in rule.get("includes", {}).get("caps") or ()}
            if rule["action"] in _DENY or (caps and not caps & _DEFAULT_CAPABILITIES):
                continue
            if {*rule.get("names", ()), rule.get("name")} & _RISKY:
                return False
    except (Refused, LookupError, TypeError, AttributeError):
        return False
    return True


def _bare(capability: str) -> str:
    return capability.upper().removeprefix("CAP_")


def _daemon(settings: Mapping[str, Any], wanted: EngineCapture) -> Iterator[str]:
    for key in sorted(settings.keys() - {*wanted.daemon}):
        yield f"the setting {plain.shorten(key)!r}"
    remap = settings.get("userns-remap", "")
    if remap and not (isinstance(remap, str) and _USERNS.fullmatch(remap)):
        yield "the setting userns-remap is no user's name"
    elif remap.startswith("root"):
        yield "the setting userns-remap names root"
