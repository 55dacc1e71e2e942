"""What all checks of this lab use: the app as a customer sees it, and the database's files."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest

FIELDS = ("name", "email", "iban")
DATA = "/var/lib/postgresql/shop"
KEY = "/run/keys/pii.key"
_PSQL = "/usr/lib/postgresql/15/bin/psql"
_NAMES = ("Dana", "Ines", "Kofi", "Lena", "Milo", "Noor")


@dataclass(frozen=True)
class Answer:
    """What the app said; `fields` are a customer's, if it gave one."""

    status: int
    fields: Mapping[str, object]
    text: str


class App:
    """The shop's app. What it fails to do is an AssertionError."""

    def __init__(self, probe, kernel) -> None:
        served, first = kernel.listener("app", 8080), kernel.process("app")
        own = served and first.pid in (served.pid, served.ppid)
        assert own, "another program answers in place of the app"
        self._probe = probe

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Answer:
        """One request."""
        sent = json.dumps(body).encode() if body else b""
        got = self._probe.http(
            "app", f"http://127.0.0.1:8080{path}", 10.0, method=method, body=sent
        )
        assert got.status, f"the app does not answer: {got.outcome}"
        try:
            told = json.loads(got.body)
        except ValueError:
            told = None
        return Answer(got.status, told if isinstance(told, dict) else {}, got.text)

    def add(self, customer: Mapping[str, str]) -> int:
        """Have it keep a customer; the number."""
        got = self.ask("POST", "/customers", customer)
        number = got.fields.get("number")
        good = got.status == 200 and isinstance(number, int)
        assert good, f"the app keeps no new customer: {got.text.strip()[:200]}"
        return number

    def find(self, number: int) -> Answer:
        """Ask for a customer."""
        return self.ask("GET", f"/customers/{number}")

    def reload(self) -> None:
        """Have it read its models anew, whatever comes of that."""
        self.ask("POST", "/reload")


class Database:
    """The database's files, and its keeper's word."""

    def __init__(self, machine) -> None:
        self._run = machine("db").run

    def holds(self, words: Iterable[str], below: str = ".") -> bool:
        """Whether a file below a folder holds one of these words, by the grader's own programs."""
        wanted = " ".join(f"-e {shlex.quote(word)}" for word in words)
        # Pages have no ends of lines, and what is no text would end a search early.
        text = f"cd {DATA} && cat $(find {below} -type f) | tr -cs ' -~' '\\n'"
        done = self._run(f"{text} | grep -cF {wanted}")
        assert done.rc in (0, 1), f"the database's files cannot be read: {done.stderr.strip()}"
        return int(done.stdout or 0) > 0

    def sql(self, statement: str) -> str:
        """What the database's keeper is told."""
        quoted = shlex.quote(statement)
        done = self._run(f"{_PSQL} -h 127.0.0.1 -U postgres -d shop -tAXq -c {quoted}")
        assert done.rc == 0, f"the database refuses its keeper: {done.stderr.strip()[-200:]}"
        return done.stdout.strip()

    def stored(self, number: int, field: str) -> bytes:
        """What the table has in a field."""
        value = f"encode(convert_to({field}::text, 'UTF8'), 'hex')"
        return bytes.fromhex(self.sql(f"SELECT {value} FROM customers WHERE number = {number}"))

    def kind(self, field: str) -> str:
        """The type of a column."""
        return self.sql(
            "SELECT data_type FROM information_schema.columns "
            f"WHERE table_name = 'customers' AND column_name = '{field}'"
        )


def customer(mark: str = "") -> dict[str, str]:
    """Somebody whom nobody knows yet; every field holds the mark."""
    mark = mark or str(10**17 + secrets.randbelow(9 * 10**17))
    name = f"{secrets.choice(_NAMES)} {mark}"
    return {"name": name, "email": f"{mark}@mail.example", "iban": f"DE{mark}"}


@pytest.fixture(scope="session")
def app(probe, kernel):
    return App(probe, kernel)


@pytest.fixture(scope="session")
def database(machine):
    return Database(machine)


@pytest.fixture(scope="session")
def old(facts):
    """The customers from before, by number."""
    people = enumerate(("anna", "bo", "cem"), 1)
    return {n: customer(facts[p]) | {"name": f"{p.title()} {facts[p]}"} for n, p in people}
