"""An open session: its record, its place on the host, and the means to reach its machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import docker

PROBE = "probe"
CHECKER = "checker"  # where the checks of a lab from elsewhere run


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
        place(store, record, lab, lambda: _references(client, lab)),
        client,
        providers(client),
    )


def place(
    store: Store,
    record: Record,
    lab: Lab,
    references: Callable[[], Mapping[str, str]],
    *,
    sealed: bool = False,
) -> Place:
    """Where a session's machines are made; `references` tells the images by recipe name."""
    folder = store.folder(record.name)
    return Place(
        session=record.name,
        store=store.id,
        lab=lab,
        folder=folder,
        workspace=folder / "workspace",
        facts=facts.facts(lab, record.seed),
        images=_Images(lab, references),
        sealed=sealed,
    )


class _Images(Mapping[str, str]):
    """The references of images by the names that the lab gives them, told when first asked for.

    Only what makes machines asks: other commands are spared the reading of all recipes.
    """

    def __init__(self, lab: Lab, references: Callable[[], Mapping[str, str]]) -> None:
        self._lab = lab
        self._references = references

    @cached_property
    def _known(self) -> dict[str, str]:
        references = self._references()
        return {name: references[full] for name, full in _recipes(self._lab).items()}

    def __getitem__(self, name: str) -> str:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def images(lab: Lab) -> list[str]:
    """The recipes that a lab needs: its machines', those inside its engines, and the probe."""
    return sorted(set(_recipes(lab).values()))


def _references(client: docker.DockerClient, lab: Lab) -> dict[str, str]:
    from labctl.environment.images import build

    return build.references(client, images(lab))


def _recipes(lab: Lab) -> dict[str, str]:
    """The recipe of each image, by the name that lab.yaml gives it."""
    from labctl.environment.images import recipe

    named = {PROBE, CHECKER} if lab.source else {PROBE}
    nodes = set()
    for machine in lab.machines.values():
        if isinstance(machine, KindMachine):
            nodes.add(recipe.node_with(machine.addons))
        else:
            named.add(machine.image)
        if isinstance(machine, EngineMachine):
            named |= set(machine.images)
    # No lab may bring nodes of its own: they have rights.
    return {name: recipe.name_for(lab.folder, name) for name in named} | {n: n for n in nodes}
