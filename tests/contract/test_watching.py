"""What the probe's container watches while no labctl runs: outages, gaps, and what comes back."""

from __future__ import annotations

import time

import pytest

from labctl.environment.provider import providers
from labctl.environment.wait import until
from labctl.errors import EnvironmentFailure
from labctl.grading.history import History
from labctl.session import watching
from labctl.session.model import Record, now
from labctl.session.opened import Session
from tests.contract.conftest import place_for

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def session(client, tmp_path_factory):
    with place_for("watched", client, tmp_path_factory.mktemp("store")) as place:
        record = Record(place.session, place.lab.id, "", "s", "", now())
        session = Session(record, place, client, providers(client))
        session.probe.create()
        for machine in ("shop", "customer"):
            session.provider(machine).create(place, machine)
        yield session


class Scene:
    """The watched lab, with a record that begins now."""

    def __init__(self, session):
        watching.begin(session)
        self._session = session
        self.began = time.monotonic()

    def history(self, name):
        with self._session.probe.client() as asking:
            return History(asking)(name)

    def container(self, machine):
        return self._session.client.containers.get(self._session.place.container(machine))


@pytest.fixture
def scene(session):
    return Scene(session)


def test_everything_was_looked_at_once_when_watching_begins(scene):
    page, line, nobody = (scene.history(name) for name in ("page", "line", "nobody"))
    assert (page.spans[0].state, line.spans[0].state) == ("open", "open")
    assert (nobody.now, nobody.order("closed"), nobody.ever("open")) == ("closed", True, False)
    assert page.seconds <= time.monotonic() - scene.began + 0.5


def test_goes_on_while_no_labctl_runs(scene):
    time.sleep(2)
    page = scene.history("page")
    assert page.seconds >= 2
    assert page.share("open") == 1
    assert (page.outages(), page.gaps) == ((), ())
    page.require_always("the shop")


def test_an_outage_is_seen_and_told(scene):
    scene.container("shop").pause()
    time.sleep(3)
    scene.container("shop").unpause()
    page = until("the shop", lambda: (p := scene.history("page")).now == "open" and p, seconds=10)
    (outage,) = page.outages()
    assert 1 < outage.seconds < 8
    assert page.order("open", "cut", "open")
    assert page.gaps == ()
    with pytest.raises(AssertionError, match=r"the shop was out of reach for \d s"):
        page.require_always("the shop")
    page.require_always("the shop", tolerance=8)
    line = scene.history("line")
    assert line.order("open", "cut", "open")


def test_what_somebody_else_answers_is_not_the_shop(scene, session):
    spec = session.lab.watch["page"]
    other = spec.model_copy(update={"says": "another shop"})
    lab = session.lab.model_copy(update={"watch": {"page": other}})
    place = type(session.place)(**{**vars(session.place), "lab": lab})
    watching.begin(Session(session.record, place, session.client, session.providers))
    assert scene.history("page").now == "wrong"


def test_a_source_that_was_restarted_is_found_again(scene):
    scene.container("customer").stop(timeout=0)
    page = until("none", lambda: (p := scene.history("page")).now == "none" and p, seconds=10)
    assert page.order("open", "none")
    scene.container("customer").start()
    until("the shop", lambda: scene.history("page").now == "open", seconds=10)


def test_a_frozen_probe_is_a_gap_and_no_outage(scene):
    probe = scene.container("probe")
    probe.pause()
    time.sleep(5)
    probe.unpause()
    page = scene.history("page")
    (gap,) = page.gaps
    assert gap.cause == "absent"
    assert 4.5 < gap.seconds < 9
    assert page.outages() == ()
    page.require_always("the shop")
    with pytest.raises(EnvironmentFailure, match="Nobody watched `page` for"):
        page.require_always("the shop", unseen=2)
    with pytest.raises(EnvironmentFailure, match="did not run"):
        page.require(page.ever("cut"), "it was never cut")
    page.require(page.ever("open"), "it was never open")


def test_watching_costs_little(scene):
    pid = scene.container("probe").attrs["State"]["Pid"]

    def used():
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before = used()
    time.sleep(5)
    # Two of the three are looked at ten times a second here, five times as often as usual.
    assert used() - before < 5 * 0.05


# The last one: it takes the probe away.
def test_a_record_that_is_lost_is_an_error(scene):
    scene.container("probe").remove(force=True)
    with pytest.raises(EnvironmentFailure, match="what it had seen is lost"):
        scene.history("page")
