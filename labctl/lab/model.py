"""lab.yaml, format 1, as strict typed models. ARCHITECTURE.md documents every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from labctl.lab.names import NAME_PATTERN

FORMAT = 1

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=24)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[kmg]$")]
# kind's node name is `labctl-SESSION--MACHINE-control-plane`, and a host name ends at 63.
MachineName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=16)]
RelativePath = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(?:/\w[\w.-]*)*$")]


class Strict(BaseModel):
    """Unknown keys and wrong types are errors; values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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

    `image` names a folder `environment/IMAGE` of the lab, or else a shared image.
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
    """A Kubernetes cluster; `images` come with its nodes."""

    provider: Literal["kind"]
    nodes: Annotated[int, Field(ge=1, le=5)] = 1
    images: list[Name] = []


Machine = Annotated[DockerMachine | EngineMachine | KindMachine, Field(discriminator="provider")]


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
    port: (
        Annotated[int, Field(ge=1, le=65535)]
        | Annotated[str, StringConstraints(pattern=r"^\$[a-z][a-z0-9_]*$")]
        | None
    ) = None
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


class Mistake(Strict):
    """A wrong or dishonest way to do the lab, and the checks that must still fail after it."""

    about: Text
    dishonest: bool = False
    fails: Annotated[list[str], Field(min_length=1)]
    steps: list[Step] = []


class Solution(Strict):
    """How the known right way is applied, after its `workspace/` files were copied."""

    steps: list[Step] = []


class Lab(Strict):
    """One exercise. `folder` and `id` are set by the loader, from where it found the lab."""

    format: Literal[1]
    title: Text
    track: Literal["isolation", "vms", "cloud", "kubernetes", "exam"]
    minutes: Annotated[int, Field(ge=1, le=480)]
    objectives: Annotated[list[Text], Field(min_length=1)]
    machines: Annotated[dict[MachineName, Machine], Field(min_length=1)]
    networks: list[Name] = ["lab"]
    shell: MachineName
    seeded: dict[Name, Pick] = {}
    setup: list[Step] = []
    traffic: Traffic | None = None
    capture: list[RelativePath] = []
    id: str = Field(default="", exclude=True)
    folder: Path = Field(default=Path(), exclude=True, strict=False)
