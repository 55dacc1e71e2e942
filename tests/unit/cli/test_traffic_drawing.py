from __future__ import annotations

from xml.etree import ElementTree

import pytest
from rich.console import Console

from labctl.cli import traffic, traffic_svg
from labctl.session.traffic import Cell, Change, Reading, Side, State


def reading(
    sources: list[Side], targets: list[Side], states: dict[tuple[str, str], State]
) -> Reading:
    """All cells open, but those of `states`, which have just been open and changed."""
    cells = {
        (a, b): Cell(a, b, states.get((a.name, b.name), "open"), (a.name, b.name) in states)
        for a in sources
        for b in targets
    }
    changes = tuple(
        Change(0, a, b, "open", cell.state) for (a, b), cell in cells.items() if cell.fresh
    )
    return Reading(0, tuple(sources), tuple(targets), cells, changes)


WEB, DB = Side("web", "storefront", None), Side("db", "orders", None)
SMALL = reading(
    [WEB, DB],
    [Side("db", "orders", 5432), Side("internet", "machine internet", 443)],
    {("web", "internet"): "cut", ("db", "db"): "self"},
)


def test_words_say_it_without_colour() -> None:
    console = Console(no_color=True, width=80, record=True, force_terminal=False)
    console.print(traffic.draw(SMALL, "a", 80))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0].endswith(": 2 open, 1 cut")
    assert lines[2:6] == [
        "from, to       db    internet",
        "port           5432  443",
        "storefront/web open  CUT*",
        "orders/db      -*    open",
    ]
    assert "* changed in the last five seconds" in lines
    assert any(line.endswith("web → internet:443: open → CUT") for line in lines)


@pytest.mark.parametrize(("columns", "first"), [(3, "namespace-of-16c/app-0"), (8, "app-0")])
def test_fits_80_columns(columns: int, first: str) -> None:
    sources = [Side(f"app-{i}", "namespace-of-16c", None) for i in range(7)]
    targets = [Side(f"target-{i}", "x", 10000 + i) for i in range(columns)]
    drawn = traffic.draw(reading(sources, targets, {}), "a-session", 80).plain.splitlines()
    assert max(map(len, drawn)) <= 80
    assert drawn[4].startswith(f"{first} ")


def test_json_names_both_ends() -> None:
    data = traffic.as_json(SMALL, "a")
    assert data["format"] == 1
    assert data["cells"][1] == {
        "from": "storefront/web",
        "to": "machine internet/internet",
        "port": 443,
        "state": "cut",
    }


def test_svg_is_well_formed_and_says_the_same_words() -> None:
    drawn = traffic_svg.draw(SMALL, "Deny <all> & sundry")
    root = ElementTree.fromstring(drawn)
    words = [element.text for element in root.iter() if element.text]
    assert {"storefront/web", "open", "CUT*", "443"} <= set(words)
    assert "Deny <all> & sundry" in words
