"""What `labctl status` remarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.cli import sessions
from labctl.lab import loader
from labctl.session.model import Record


def remarks(minutes_ago: float, **changes):
    lab = loader.find("namespaces").model_copy(update={"minutes": 60, "timed": True, **changes})
    began = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    digest = loader.digest(lab)
    record = Record("s", lab.id, digest, "0", "", created=began, ready=began, began=began)
    found = SimpleNamespace(state="running", addresses={})
    session = SimpleNamespace(
        record=record, lab=lab, find=lambda name: found, place=SimpleNamespace(workspace=Path())
    )
    return sessions._status(session)["remarks"]


@pytest.mark.parametrize(
    ("ago", "told"),
    [(18, "42 of 60 minutes are left"), (75, "the time was up 15 minutes ago")],
)
def test_a_timed_lab_tells_how_much_time_is_left(ago, told):
    assert remarks(ago) == [told]


def test_no_other_lab_does():
    assert remarks(18, timed=False) == []
