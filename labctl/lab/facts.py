"""Seeded facts: names, ports and offenders that differ from session to session."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from string import Template

from labctl.lab.model import Lab, Pick

Facts = Mapping[str, str]


def new_seed() -> str:
    """A fresh seed: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def facts(lab: Lab, seed: str) -> dict[str, str]:
    """The value of each seeded fact; several picks of one fact are joined by commas.

    The same lab and seed give the same facts on every machine.
    """
    return {
        name: ",".join(_pick(seed, f"{lab.id}/{name}", pick)) for name, pick in lab.seeded.items()
    }


def environment(values: Facts) -> dict[str, str]:
    """The facts as environment variables: `db-port` becomes FACT_DB_PORT."""
    return {"FACT_" + name.upper().replace("-", "_"): value for name, value in values.items()}


def fill(text: str, values: Facts) -> str:
    """Replace `$db_port` (or `${db_port}`) in a manifest; any other `$` stays as it is."""
    return Template(text).safe_substitute({k.replace("-", "_"): v for k, v in values.items()})


def _pick(seed: str, purpose: str, pick: Pick) -> list[str]:
    if pick.of:
        # Sorting by a keyed hash is a shuffle that needs no generator state.
        return sorted(pick.of, key=lambda value: _number(seed, f"{purpose}/{value}"))[: pick.count]
    low, high = pick.low or 0, pick.high or 0
    return [str(low + _number(seed, purpose) % (high - low + 1))]


def _number(seed: str, purpose: str) -> int:
    digest = hmac.new(seed.encode(), purpose.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big")
