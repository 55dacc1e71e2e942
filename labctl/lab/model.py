"""lab.yaml, format 1, as strict typed models. ARCHITECTURE.md documents every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from labctl.lab.names import NAME_PATTERN

FORMAT = 1

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=24)]


def _printable(text: str) -> str:
    if not all(c.isprintable() or c in "\n\t" for c in text):
        raise ValueError("holds characters that cannot be seen")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_printable)
]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[kmg]$")]
# kind's node name is `labctl-SESSION--MACHINE-control-plane`, and a host name ends at 63.
MachineName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=16)]
RelativePath = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(?:/\w[\w.-]*)*$")]
# A number, or a seeded fact such as `$db_port`.
Port = (
    Annotated[int, Field(ge=1, le=65535)]
    | Annotated[str, StringConstraints(pattern=r"^\$[a-z][a-z0-9_]*$")]
)
# What is handed in means one file on every file system, so it is plain ASCII.
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
PlainPath = Annotated[str, StringConstraints(pattern=rf"^{_PART}(?:/{_PART})*$", max_length=120)]
PlainName = Annotated[str, StringConstraints(pattern=rf"^{_PART}$", max_length=60)]
Resource = Annotated[str, StringConstraints(pattern=r"^(?:[a-z0-9.-]+/)?v[0-9][a-z0-9]*/[a-z]+$")]


def mebibytes(memory: str) -> int:
    """How much a Memory is, in MiB, rounded up: "128m" is 128."""
    return -(-int(memory[:-1]) * {"k": 1, "m": 1 << 10, "g": 1 << 20}[memory[-1]] // (1 << 10))


class Strict(BaseModel):
    """Unknown keys and wrong types are errors; values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Ready(Strict):
    """When a machine counts as ready: a command in it that ends with 0 within `seconds`."""

    command: Annotated[list[str], Field(min_length=1)]
    seconds: Annotated[int, Field(ge=1, le=600)] = 60


class MachineBase(Strict):
    """What every machine has."""

    networks: list[Name] = ["lab"]
    after: list[MachineName] = []
    memory: Memory | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    about: Text


class DockerMachine(MachineBase):
    """A container on the host's engine.

    `image` names a folder `environment/IMAGE` of the lab, or else a shared image. With
    `certificate` it finds one for its name, which all machines trust: see environment/tls.py.
    With `operator` the program `vm` works there: see clusters/images/operator.
    """

    provider: Literal["docker"]
    image: Name
    command: list[str] = []
    environment: dict[str, str] = {}
    user: str | None = None
    workspace: bool = False
    kubeconfig: MachineName | None = None  # the kind machine whose kubeconfig is put into this one
    pids: Annotated[int, Field(ge=1)] | None = None
    capabilities: list[str] = []
    certificate: bool = False
    operator: bool = False
    ready: Ready | None = None


class EngineMachine(MachineBase):
    """A container that runs its own Docker engine; `images` are loaded into that engine."""

    provider: Literal["engine"]
    image: Name = "engine"
    images: list[Name] = []
    environment: dict[str, str] = {}
    workspace: bool = True
    pids: Annotated[int, Field(ge=1)] | None = None


class KindMachine(MachineBase):
    """A Kubernetes cluster; `images` come with its nodes.

    `addons` are installed before the lab's own setup, in this order: see lab/addons.py. With
    `audit` the API server writes down who asked it for what: see clusters/audit/policy.yaml.
    """

    provider: Literal["kind"]
    nodes: Annotated[int, Field(ge=1, le=5)] = 1
    images: list[Name] = []
    addons: list[Name] = []
    audit: bool = False


class QemuMachine(MachineBase):
    """A virtual machine; `image` is a guest: see clusters/images/guest.

    `memory` is the guest's own. Other machines reach its `ports` under its name; it reaches
    theirs.
    """

    provider: Literal["qemu"]
    image: Name = "guest"
    memory: Memory = "128m"
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = []


Machine = Annotated[
    DockerMachine | EngineMachine | KindMachine | QemuMachine, Field(discriminator="provider")
]


class Step(Strict):
    """One step that makes the broken state (`setup`) or applies the solution.

    `script` runs in a machine with `sh -eu`, the seeded facts in its environment as FACT_NAME
    and the workspace at /workspace where the machine has one; `manifests` is a folder or file
    that is applied to a cluster with server-side apply. Both see the folder of the lab at
    the time labctl reads it; `$name` of a fact is replaced in manifests.
    """

    machine: MachineName
    script: RelativePath | None = None
    manifests: RelativePath | None = None
    seconds: Annotated[int, Field(ge=1, le=900)] = 120


class Pick(Strict):
    """A seeded fact: `count` different ones of `of`, or a number between `low` and `high`."""

    of: list[str] = []
    low: int | None = None
    high: int | None = None
    count: Annotated[int, Field(ge=1)] = 1


class Endpoint(Strict):
    """A row or a column of the traffic matrix: pods by namespace and labels, or a machine.

    Columns have a port. `namespace` and `port` may name a seeded fact, as in `$db_port`.
    With the protocol `dns` a name is looked up; else a connection is opened (tcp).
    """

    name: Text
    namespace: Text | None = None
    labels: dict[str, str] = {}
    machine: MachineName | None = None
    port: Port | None = None
    protocol: Literal["tcp", "dns"] = "tcp"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.namespace is None) == (self.machine is None):
            raise ValueError("needs either `namespace` with `labels`, or `machine`")
        return self


class Traffic(Strict):
    """Who may reach whom in the lab's cluster: what `labctl traffic` probes and draws."""

    cluster: MachineName
    sources: Annotated[list[Endpoint], Field(min_length=1)]
    targets: Annotated[list[Endpoint], Field(min_length=1)]

    @model_validator(mode="after")
    def _ports(self) -> Self:
        if missing := [target.name for target in self.targets if target.port is None]:
            raise ValueError("these targets need a `port`: " + ", ".join(missing))
        return self


class Spot(Strict):
    """Where a watched connection begins: a machine, or with `namespace` a pod of a kind machine.

    Of several pods that is the oldest that runs; one that replaces it is found.
    """

    machine: MachineName
    namespace: Text | None = None
    labels: dict[str, str] = {}


class Goal(Strict):
    """Where it leads: a port of a machine, of a pod, or of an IP as it is known at the source."""

    machine: MachineName | None = None
    namespace: Text | None = None
    labels: dict[str, str] = {}
    address: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){3}$")] | None = None
    port: Port

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.machine is None) == (self.address is None):
            raise ValueError("needs either `machine`, or `address`")
        if self.namespace and self.address:
            raise ValueError("`namespace` goes with `machine`")
        return self


class Watch(Strict):
    """One thing that the probe looks at again and again, from the end of `start` to `stop`.

    With `path` it asks for a page (2xx is good), with `send` it says that over one connection
    that it keeps open, else it opens a connection each time. A good answer contains `says`.
    `every` and `seconds` (how long an answer may take) are in seconds.
    """

    source: Spot = Field(alias="from")
    target: Goal = Field(alias="to")
    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$")] | None = None
    send: Annotated[str, Field(min_length=1)] | None = None
    says: Text | None = None
    every: Annotated[float, Field(ge=0.1, le=60)] = 0.5
    seconds: Annotated[float, Field(ge=0.1, le=10)] = 1.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.path and self.send:
            raise ValueError("has either `path` or `send`")
        if self.says and not (self.path or self.send):
            raise ValueError("`says` needs `path` or `send`: nothing is asked")
        return self


class EngineCapture(Strict):
    """What a submission holds of an engine machine, and what of it may be replayed.

    `containers` are those whose definitions count, by name. Others that run beside them are
    handed in, too, but for the lab's own in `beside`. `daemon` are the keys of
    daemon.json that the learner may set, `runtimes` those besides runc that containers may
    name. `scripts` are files of the workspace that root runs in the machine at the end of a
    replay: such a lab is graded only on an engine that is thrown away afterwards.
    """

    containers: list[PlainName] = []
    beside: list[PlainName] = []
    daemon: list[PlainName] = []
    runtimes: list[PlainName] = []
    scripts: list[PlainPath] = []


class Capture(Strict):
    """What a submission holds: files of the workspace, and what the learner made in machines.

    `clusters` names resources as the API does, `networking.k8s.io/v1/networkpolicies`: all of
    them, in every namespace, are the learner's work. `scripts` are files of the workspace that
    a replay runs in docker machines, before it comes to clusters: what the learner automated.
    """

    workspace: list[PlainPath] = []
    scripts: dict[MachineName, list[PlainPath]] = {}
    engines: dict[MachineName, EngineCapture] = {}
    clusters: dict[MachineName, list[Resource]] = {}


class Area(Strict):
    """A part of what a lab asks, and a corner of its report's radar.

    `checks` are the ids of those that belong to it, `lab` is the one that teaches it, if any does.
    """

    title: Annotated[Text, StringConstraints(max_length=32)]
    lab: Name | None = None
    checks: Annotated[list[str], Field(min_length=1)]


class Mistake(Strict):
    """A wrong or dishonest way to do the lab, and the checks that must still fail after it.

    With `after` the solution is applied first: the mistake is then what sets it apart from that.
    """

    about: Text
    dishonest: bool = False
    after: Literal["solution"] | None = None
    fails: Annotated[list[str], Field(min_length=1)]
    steps: list[Step] = []


class Solution(Strict):
    """How the known right way is applied, after its `workspace/` files were copied."""

    steps: list[Step] = []


class Lab(Strict):
    """One exercise. `folder` and `id` are set by the loader, from where it found the lab.

    In a `timed` lab `minutes` is a limit, which the report holds against the time used.
    """

    format: Literal[1]
    title: Text
    track: Literal["isolation", "vms", "cloud", "kubernetes", "exam"]
    minutes: Annotated[int, Field(ge=1, le=480)]
    timed: bool = False
    objectives: Annotated[list[Text], Field(min_length=1)]
    machines: Annotated[dict[MachineName, Machine], Field(min_length=1)]
    networks: list[Name] = ["lab"]
    shell: MachineName
    seeded: dict[Name, Pick] = {}
    setup: list[Step] = []
    traffic: Traffic | None = None
    watch: dict[Name, Watch] = {}
    capture: Capture = Capture()
    areas: dict[Name, Area] = {}
    id: str = Field(default="", exclude=True)
    folder: Path = Field(default=Path(), exclude=True, strict=False)
    # Where a lab that the user added is from; its checks run confined. Empty for labctl's own.
    source: str = Field(default="", exclude=True)
