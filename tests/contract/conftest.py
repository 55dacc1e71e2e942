"""Places with a network, on the real engine, for the contract tests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl import host
from labctl.environment.images import build
from labctl.lab import loader
from labctl.session import opened, resources
from labctl.session.model import Record, now
from labctl.session.store import Store

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def client():
    return host.find("local").client()


@contextmanager
def place_for(lab_name, client, folder):
    lab = loader.load(HERE / lab_name)
    store = Store(folder)
    name = f"t{os.getpid()}-{lab.id}"[:24]
    record = Record(name=name, lab=lab.id, digest="", seed="s", learner="", created=now())
    store.save(record)
    references = build.ensure(client, opened.images(lab), lambda text: None)
    place = opened.place(store, record, lab, lambda: references)
    place.workspace.mkdir()
    labels = place.labels("net-lab", "network")
    try:
        client.networks.create(place.network("lab"), labels=labels)
        yield place
    finally:
        resources.remove(client, name)


@pytest.fixture(scope="module")
def place(client, tmp_path_factory):
    with place_for("one-of-each", client, tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture(scope="module")
def three_nodes(client, tmp_path_factory):
    with place_for("nodes", client, tmp_path_factory.mktemp("store")) as made:
        yield made
