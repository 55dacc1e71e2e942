"""Who answers for what, and what the app does about its part of it."""

from __future__ import annotations

import secrets
from base64 import b64encode

import pytest
import yaml
from conftest import FIELDS, KEY, customer

from labctl.grading import check, weakness

_LAYERS = ("hardware", "network", "hypervisor", "operating-system", "runtime", "application")
_ALWAYS = ("data", "access")
_APPS_FILES = "/workspace /tmp /var /run /home /root /opt /srv /etc /usr/local /dev/shm"
# From which layer on it is the customer's.
_FIRST = {"iaas": "operating-system", "paas": "application", "saas": "data"}


@weakness("plain", seconds=60)
def test_plain(app, database, old):
    "Customers' data are in the table and in the write-ahead log, for whoever reads these files"
    for number, person in old.items():
        assert app.find(number).fields == person
    for person in old.values():
        mark = person["iban"].removeprefix("DE")
        assert database.holds([mark], "base"), "not in the table"
        assert database.holds([mark], "pg_wal"), "not in the log"


@check(
    "matrix",
    points=4,
    hint="Go from the hardware up and ask: who could mend it if it broke? With IaaS you rent a "
    "machine, with PaaS a platform that runs your code, with SaaS a program. Data, and who gets "
    "at them, are yours in any case.",
)
def test_matrix(workspace):
    "matrix.yaml says of every layer who answers for it, and of the incident, too"
    try:
        told = yaml.safe_load(workspace.read("matrix.yaml"))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        pytest.fail(f"matrix.yaml is no YAML: {' '.join(str(e).split())[:200]}")
    layers = (*_LAYERS, *_ALWAYS)
    wrong = 0
    for model, first in _FIRST.items():
        for number, layer in enumerate(layers):
            right = "customer" if number >= layers.index(first) else "provider"
            wrong += _at(told, model, layer) != right
    assert not wrong, f"{wrong} of {3 * len(layers)} cells are not right"
    assert _at(told, "incident", "answers-for-it") == "customer", "the incident is another's"
    layer = _at(told, "incident", "layer")
    assert layer in ("data", "application"), "the incident is of another layer"


def _at(value: object, *path: str) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@check(
    "still-works",
    points=2,
    seconds=60,
    hint="`labctl logs app` tells why the app answers with 500. Rows from before have to be "
    "brought into the new form: by migrate.py, which the grader runs, too.",
)
def test_still_works(app, database, old):
    "The app keeps new customers and knows the old ones, and the table does not show them"
    for number, person in old.items():
        got = app.find(number)
        assert got.fields == person, f"customer {number} is not what it was: {got.text[:120]}"
    new = customer()
    number = app.add(new)
    assert app.find(number).fields == new, f"customer {number} is not what it was"
    mark = new["iban"].removeprefix("DE").encode()
    shown = [field for field in FIELDS if mark in database.stored(number, field)]
    assert not shown, f"it works, and the table shows {' and '.join(shown)}"


@check(
    "new-rows",
    points=3,
    seconds=60,
    hint="A TypeDecorator of SQLAlchemy sees each value on its way into the database and back. "
    "What the app sends in the clear is in the log before it is in the table.",
)
def test_new_rows(app, database, machine):
    "Of a new customer nothing is in the clear: in the table, the log, or any other file"
    new = customer()
    number = app.add(new)
    assert app.find(number).fields == new, "the app does not keep it as it was"
    database.sql("CHECKPOINT")
    mark = new["iban"].removeprefix("DE")
    words = [mark, mark.encode().hex(), b64encode(mark.encode()).decode().rstrip("=")]
    words.append(b64encode(b"DE" + mark.encode()).decode()[:20])
    for place, what in {"base": "the table", "pg_wal": "the log", ".": "a file"}.items():
        assert not database.holds(words, place), f"it is in {what}, for everybody who reads that"
    beside = machine("app").run(f"grep -rlF -e {mark} {_APPS_FILES}").stdout.split()
    assert not beside, f"it is in {beside[0]} of the app's machine"


@check(
    "old-rows",
    points=3,
    seconds=60,
    hint="An UPDATE leaves the old row in the table's file until the table is rewritten: VACUUM "
    "FULL, or a new table in place of the old one. Then CHECKPOINT.",
)
def test_old_rows(app, database, old):
    "Of the old customers nothing is left in the files of the tables"
    for number, person in old.items():
        assert app.find(number).fields == person, f"customer {number} is not what it was"
    database.sql("CHECKPOINT")
    for person in old.values():
        mark = person["iban"].removeprefix("DE")
        assert not database.holds([mark], "base"), f"there is still something of {person['name']}"


@check(
    "changes-noticed",
    points=3,
    seconds=60,
    hint="CTR and CBC hide a text, and do not notice when it was changed. Use a mode with "
    "authentication, such as AES-GCM, with a new nonce for each value.",
)
def test_changes_noticed(app, database):
    "Whoever writes to the table cannot change a value unnoticed, nor see which ones are the same"
    same = customer()
    first, second = app.add(same), app.add(same)
    for field in FIELDS:
        stored = database.stored(first, field)
        assert stored != database.stored(second, field), f"the same {field} looks the same twice"
        assert same[field].encode() not in stored, f"{field} is in the clear"
        assert app.find(first).fields == same, "the app does not keep it as it was"
        for place in (len(same[field]) // 2, -1):
            _spoil(database, first, field, place)
            got = app.find(first)
            assert got.status != 200, (
                f"after a change of {field} the app says {got.text.strip()[:80]}"
            )
            _restore(database, first, field, stored)
        assert app.find(first).fields == same, "the app does not take the old value any more"


def _spoil(database, number: int, field: str, place: int) -> None:
    """Change one byte of what is stored, past the middle or at the end."""
    if database.kind(field) == "bytea":
        at = f"length({field}) {'- 1' if place < 0 else f'/ 2 + {place % 3}'}"
        change = f"set_byte({field}, {at}, get_byte({field}, {at}) # 1)"
    else:
        at = f"length({field}) {'- 3' if place < 0 else f'/ 2 + {place % 3}'}"
        other = f"CASE substr({field}, {at}, 1) WHEN 'A' THEN 'B' ELSE 'A' END"
        change = f"overlay({field} placing {other} from {at})"
    database.sql(f"UPDATE customers SET {field} = {change} WHERE number = {number}")


def _restore(database, number: int, field: str, stored: bytes) -> None:
    text = f"convert_from(decode('{stored.hex()}', 'hex'), 'UTF8')"
    value = f"{text}::bytea" if database.kind(field) == "bytea" else text
    database.sql(f"UPDATE customers SET {field} = {value} WHERE number = {number}")


@check(
    "key-outside",
    points=3,
    seconds=60,
    hint="The platform gives the app a key, in the file that KEY_FILE names. Not a copy of it in "
    "the sources, and no other one: whoever has the image or the table has those, too.",
)
def test_key_outside(app, database, machine, kernel, workspace):
    "Without the key that the platform gives, nobody reads anything; and it is nowhere else"
    new = customer()
    number = app.add(new)
    assert app.find(number).fields == new, "the app does not keep it as it was"
    key = kernel.read("app", KEY)
    assert key, f"the key {KEY} is gone"
    assert len(key) == 32, f"the key {KEY} is another one"
    spellings = {key.hex(), b64encode(key).decode().rstrip("="), key.decode("latin-1")}
    for name in ("shop/models.py", "migrate.py"):
        text = workspace.read(name)
        assert not any(s in text for s in spellings), f"the key is in {name}"
    assert not database.holds([key.hex(), b64encode(key).decode().rstrip("=")]), (
        "it is in the table"
    )
    run = machine("app").run
    other = secrets.token_hex(32)
    assert run(f"mv {KEY} {KEY}.{other[:8]}").rc == 0, "the key cannot be taken away"
    try:
        app.reload()
        got = app.find(number)
        assert got.status != 200, "the app reads the table without the key"
    finally:
        run(f"mv {KEY}.{other[:8]} {KEY}")
        app.reload()
    assert app.find(number).fields == new, "with the key, the app does not read the table"
