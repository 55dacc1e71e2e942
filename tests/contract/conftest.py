"""One place with a network, on the real engine, for the providers' contract tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labctl import host
from labctl.environment.images import build
from labctl.lab import loader
from labctl.session import opened, resources
from labctl.session.model import Record, now
from labctl.session.store import Store

LAB = Path(__file__).parent / "lab"


@pytest.fixture(scope="session")
def client():
    return host.find("local").client()


@pytest.fixture(scope="module")
def place(client, tmp_path_factory):
    lab = loader.load(LAB)
    store = Store(tmp_path_factory.mktemp("store"))
    name = f"contract-{os.getpid()}"
    record = Record(name=name, lab=lab.id, digest="", seed="s", learner="", created=now())
    store.save(record)
    references = build.ensure(client, opened.images(lab), lambda text: None)
    place = opened.place(store, record, lab, references)
    place.workspace.mkdir()
    labels = place.labels("net-lab", "network")
    client.networks.create(place.network("lab"), labels=labels)
    yield place
    resources.remove(client, name)
