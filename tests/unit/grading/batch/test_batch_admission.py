"""auto starts no session that would not fit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labctl.grading.batch import admission
from labctl.grading.batch.admission import Admission, Free, shortage
from labctl.lab import loader

PLENTY = Free(memory=16000, reserve=1000, disk=100_000, networks=20)


@pytest.fixture(scope="module")
def cluster():
    return loader.find("default-deny")


def test_there_is_room(cluster):
    assert shortage(PLENTY, cluster, [cluster]) == ""


@pytest.mark.parametrize(
    ("less", "word"),
    [
        ({"memory": 1500}, "memory"),
        ({"disk": 1000}, "disk"),
        ({"networks": 2}, "networks"),
    ],
)
def test_what_is_short_is_named(cluster, less, word):
    assert word in shortage(Free(**{**vars(PLENTY), **less}), cluster, [])


@pytest.mark.parametrize("less", [{"memory": 2800}, {"disk": 3000}, {"networks": 3}])
def test_what_starting_sessions_will_take_is_not_given_twice(cluster, less):
    now = Free(**{**vars(PLENTY), **less})
    assert shortage(now, cluster, []) == ""
    assert shortage(now, cluster, [cluster]) != ""


def test_where_the_disk_cannot_be_seen_it_does_not_count(cluster):
    assert shortage(Free(16000, 1000, None, 20), cluster, []) == ""


def host(processors):
    info = {"NCPU": processors, "KernelVersion": "elsewhere", "MemTotal": 16 << 30}
    return SimpleNamespace(client=lambda: SimpleNamespace(info=lambda: info))


@pytest.fixture
def plenty(monkeypatch):
    monkeypatch.setattr(admission, "free", lambda client: PLENTY)


@pytest.mark.usefixtures("plenty")
def test_no_more_start_at_once_than_there_are_processors(cluster):
    auto = Admission(host(2))
    assert auto.objection(cluster, [cluster], 1) == ""
    assert auto.objection(cluster, [cluster, cluster], 2) == "2 sessions are starting"
    assert auto.objection(cluster, [cluster], 3) == ""
    assert auto.objection(cluster, [cluster], 4) == "4 sessions run"


@pytest.mark.usefixtures("plenty")
def test_the_users_limit_counts(cluster):
    one = Admission(host(8), jobs=1)
    assert one.objection(cluster, [], 0) == ""
    assert one.objection(cluster, [], 1) == "1 sessions run"
