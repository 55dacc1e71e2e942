"""JSON and YAML from an enemy, as plain data: within limits, or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from labctl.grading.report import clean
from labctl.grading.submission.model import Refused

MAX_DEPTH = 24
MAX_DOCUMENTS = 200
MAX_NODES = 20_000
MAX_DIGITS = 18

_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_C_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load_json(data: bytes, name: str) -> Any:
    """A JSON document. Raises Refused, which tells `name`."""
    text = _text(data, name)
    depth = _brackets(text)
    if depth > MAX_DEPTH:
        raise Refused(f"`{name}` is nested more than {MAX_DEPTH} deep")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError) as e:
        raise Refused(f"`{name}` is not valid JSON ({shorten(e)})") from None
    _plain(value, name)
    return value


def load_yaml(data: bytes, name: str) -> list[Any]:
    """The documents of a YAML file. Raises Refused, which tells `name`.

    Anchors, aliases and tags are refused before anything is made of them; values are those
    that JSON has.
    """
    text = _text(data, name)
    try:
        _scan(text, name)
        documents = list(yaml.load_all(text, Loader=_Plain))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise Refused(f"`{name}` is not valid YAML ({shorten(e)})") from None
    for document in documents:
        _plain(document, name)
    return [document for document in documents if document is not None]


def dump_json(value: Any) -> bytes:
    """A JSON document that a person can read: the same bytes for the same value."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def dump_yaml(documents: list[Any]) -> bytes:
    """YAML documents without anchors: the same bytes for the same values."""
    text = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=True, allow_unicode=True, explicit_start=True
    )
    return str(text).encode()


class _Dumper(_C_DUMPER):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Plain(_C_LOADER):  # type: ignore[misc]
    """Knows JSON's values only: no dates, no numbers to the base of 60, no `yes`."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the name is PyYAML's


def _resolvers() -> None:
    number = rf"-?(?:0|[1-9][0-9]{{0,{MAX_DIGITS - 1}}})"
    for tag, pattern, first in (
        ("null", r"null|~|", "n~"),
        ("bool", r"true|false", "tf"),
        ("int", number, "-0123456789"),
        ("float", rf"{number}\.[0-9]{{1,{MAX_DIGITS}}}(?:e[+-][0-9]{{1,2}})?", "-0123456789"),
    ):
        regex = re.compile(rf"^(?:{pattern})$")
        _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", regex, [*first])
    _Plain.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])


_resolvers()


def _text(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"`{name}` is not UTF-8 text") from None
    if "\0" in text:
        raise Refused(f"`{name}` holds a zero byte")
    return text


def _scan(text: str, name: str) -> None:
    """Look at the events of a YAML text before anything is composed of them."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_C_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise Refused(f"`{name}` uses anchors or aliases")
        if (tag := getattr(event, "tag", None)) is not None:
            raise Refused(f"`{name}` uses the tag {shorten(tag)}")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if event.version or event.tags:
                raise Refused(f"`{name}` uses directives")
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise Refused(f"`{name}` is nested more than {MAX_DEPTH} deep")
        if documents > MAX_DOCUMENTS:
            raise Refused(f"`{name}` holds more than {MAX_DOCUMENTS} documents")
        if nodes > MAX_NODES:
            raise Refused(f"`{name}` holds more than {MAX_NODES} values")


def _brackets(text: str) -> int:
    """How deep a JSON text is nested at most."""
    deepest = depth = 0
    quoted = escaped = False
    for c in text:
        if quoted:
            quoted = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            quoted = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}":
            depth -= 1
    return deepest


def _plain(value: Any, name: str) -> None:
    """Refuse what JSON has no word for, and text that cannot be written."""
    for item in _walk(value):
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise Refused(f"`{name}` holds text that is not Unicode") from None
            if "\0" in item:
                raise Refused(f"`{name}` holds a zero byte")
        elif isinstance(item, int | float):
            if item != item or abs(item) >= 10**MAX_DIGITS:
                raise Refused(f"`{name}` holds a number that is too large")
        elif item is not None:
            raise Refused(f"`{name}` holds keys that are not text")


def _walk(value: Any) -> Iterator[Any]:
    """Every key and every value that is not a collection."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key if isinstance(key, str) else ()
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
    else:
        yield value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def shorten(reason: object) -> str:
    """One short line of what may be long."""
    return clean(str(reason), 120)
