"""An open session: its record, its place on the host, and the means to reach its machines."""

from __future__ import annotations

from dataclasses import dataclass

import docker

from labctl.environment.images import build, recipe
from labctl.environment.model import Found, Place
from labctl.environment.probe import Probe
from labctl.environment.provider import Provider, providers
from labctl.errors import UsageError
from labctl.host.model import Host
from labctl.lab import facts, loader
from labctl.lab.model import EngineMachine, KindMachine, Lab
from labctl.session.choose import choose
from labctl.session.model import Record
from labctl.session.store import Store

PROBE = "probe"


@dataclass(frozen=True)
class Session:
    """What every command on a running lab works with."""

    record: Record
    place: Place
    client: docker.DockerClient
    providers: dict[str, Provider]

    @property
    def lab(self) -> Lab:
        """The lab that runs here."""
        return self.place.lab

    @property
    def probe(self) -> Probe:
        """The grader-owned container that looks at the machines from outside."""
        return Probe(self.client, self.place)

    def provider(self, machine: str) -> Provider:
        """The provider of a machine. Raises UsageError when the lab has no such machine."""
        spec = self.lab.machines.get(machine)
        if spec is None:
            raise UsageError(
                f"The lab `{self.lab.id}` has no machine `{machine}`",
                resolution="Machines: " + ", ".join(self.lab.machines),
            )
        return self.providers[spec.provider]

    def find(self, machine: str) -> Found | None:
        """The machine as the engine sees it now; None for another under its name."""
        found = self.provider(machine).find(self.place, machine)
        mine = self.record.machines.get(machine)
        return found if found is None or mine in (None, found.container) else None


def ready(store: Store, host: Host, name: str | None) -> Session:
    """The chosen session, if its start has finished. Raises UsageError otherwise."""
    record = choose(store, name)
    if not record.ready or record.ending:
        what = "end" if record.ending else "start"
        raise UsageError(
            f"The {what} of session `{record.name}` has not finished",
            resolution=f"If it was interrupted: `labctl stop --session {record.name}`, "
            f"then `labctl start {record.lab}`.",
        )
    return opened(store, host, record)


def opened(store: Store, host: Host, record: Record) -> Session:
    """A session as it is. Makes nothing."""
    client = host.client()
    lab = loader.find(record.lab)
    return Session(
        record,
        place(store, record, lab, build.references(client, images(lab))),
        client,
        providers(client),
    )


def place(store: Store, record: Record, lab: Lab, references: dict[str, str]) -> Place:
    """Where a session's machines are made; `references` are the images by recipe name."""
    folder = store.folder(record.name)
    wanted = {name: recipe.name_for(lab.folder, name) for name in _images_named(lab)}
    return Place(
        session=record.name,
        store=store.id,
        lab=lab,
        folder=folder,
        workspace=folder / "workspace",
        facts=facts.facts(lab, record.seed),
        images={name: references[full] for name, full in wanted.items()},
    )


def images(lab: Lab) -> list[str]:
    """The recipes that a lab needs: its machines', those inside its engines, and the probe."""
    return sorted({recipe.name_for(lab.folder, name) for name in _images_named(lab)})


def _images_named(lab: Lab) -> set[str]:
    """The images as lab.yaml calls them."""
    named = {PROBE}
    for machine in lab.machines.values():
        named.add(recipe.NODE if isinstance(machine, KindMachine) else machine.image)
        if isinstance(machine, EngineMachine):
            named |= set(machine.images)
    return named
