"""Parsing the bytes of a .flow file, in little more memory than the result needs."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nodeflow.document.io.validation import DEEPEST, check_tree, read_node, read_wire
from nodeflow.document.model.errors import FlowError, FlowSyntax, NotNodeflow, flow_error
from nodeflow.document.model.records import Json, NodeRecord, Wire

FORMAT = "nodeflow"
VERSION = 3
LARGE = 1 << 23
OFTEN = 1 << 11
"""Number of items between two reports of progress."""
Progress = Callable[[float], None]
CHUNK = 1 << 20
SHORT = 5
"""Up to this many characters, numbers are shared: as objects they take several times the memory."""

FEW_HOLDERS = 100_000
"""The number of lists and objects that every file may have."""
MOST_HOLDERS = 4
"""The maximum number of lists and objects per value; shapes such as (n, 1, 1, 1) need three."""
PLAIN_CHARACTERS = 16
"""The minimum number of characters per object; a node written by hand has 34."""
_EMPTY = re.compile(r"\[\s*\]|\{\s*\}")


def ignore(share: float) -> None:
    """Do nothing; the default callback for the progress of reading a file."""


def decoded(content: bytes) -> str:
    """Return the text of UTF-8 bytes; in a large file, replace non-ASCII characters by JSON
    escapes.

    A single non-ASCII character would make every character of the string take two or four bytes.
    Raise UnicodeDecodeError.
    """
    if len(content) < LARGE or content.isascii():
        return content.decode("utf-8-sig")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    parts = []
    for start in range(0, len(content), CHUNK):
        text = decoder.decode(content[start : start + CHUNK], start + CHUNK >= len(content))
        parts.append(text if text.isascii() else _escaped(text))
    return "".join(parts)


def cost(content: bytes) -> int:
    """Return an upper bound of the memory, in bytes, to open this JSON, estimated from its
    content.
    """
    parts = {b"[": 88, b"{": 256, b",": 64, b'"': 30}
    return 2 * len(content) + sum(content.count(part) * size for part, size in parts.items())


def _escaped(text: str) -> str:
    """Return a JSON text with escapes for non-ASCII characters, which occur only in its strings."""
    return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)


def parse(text: str, progress: Progress = ignore) -> dict[str, Json]:
    """Return the JSON object of a file; nodes and wires may already be records in it.

    Raise a FlowError, or an exception from `progress`.
    """
    if len(text) >= LARGE:
        _refuse_hollow(text)
    try:
        data = _by_items(text, progress) if len(text) >= LARGE else None
        data = json.loads(text, **_HOOKS) if data is None else data
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from None
    except RecursionError:
        raise FlowSyntax("it is nested too deeply") from None
    except ValueError as error:  # integers of thousands of digits
        raise FlowSyntax(f"a number cannot be read: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise NotNodeflow('this is not a nodeflow document (no `"format": "nodeflow"`)')
    check_tree({key: value for key, value in data.items() if not _are_records(value)})
    return data


def _refuse_hollow(text: str) -> None:
    """Raise FlowSyntax for a text that consists mostly of brackets, before it is parsed.

    An empty list has two characters and takes eighty bytes. Numbers and texts take at most ten
    bytes per character, which bounds the memory of a file with enough of them.
    """
    objects = text.count("{")
    holders = objects + text.count("[")
    if holders <= FEW_HOLDERS or holders * PLAIN_CHARACTERS < len(text):
        return
    empty = sum(1 for _ in _EMPTY.finditer(text))
    held = text.count(",") - empty  # roughly the values that are neither lists nor objects
    if holders > MOST_HOLDERS * max(1, held) or objects * PLAIN_CHARACTERS > len(text):
        raise FlowSyntax(
            f"it consists of {holders} nearly empty lists and objects",
            hint="Look for an older copy: no program writes such a graph",
        )


def _not_json(text: str, error: json.JSONDecodeError) -> FlowError:
    older = "look for an older copy"
    if not text.strip():
        return flow_error(FlowSyntax, "the file is empty", hint=f"If it was not, {older}")
    place = f"line {error.lineno}"
    if not text.lstrip().startswith(("{", "[")):
        what = "this is not a .flow file, which is JSON and begins with {"
        return flow_error(FlowSyntax, what, place, hint="Open a file that nodeflow saved")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        what, hint = "the file ends too early", f"It may be cut off; {older}"
    else:
        what, hint = f"this is not JSON: {error.msg}", None
    return flow_error(FlowSyntax, f"{what} (column {error.colno})", place, hint=hint)


def _are_records(value: Json) -> bool:
    return bool(value) and isinstance(value, list) and isinstance(value[0], (NodeRecord, Wire))


def _by_items(text: str, progress: Progress) -> dict[str, Json] | None:
    """Parse a file of this version like `json.loads`, but convert each node and wire to a record at
    once.

    The JSON of all nodes takes several times as much memory and never exists as a whole. Return
    None if the text is wrong or not in the format of `dumps`; then `json.loads` finds the error's
    place.
    """
    decoder: Any = json.JSONDecoder(**_HOOKS)
    scan, skip = decoder.scan_once, _SPACE.match
    pairs: list[tuple[str, Json]] = []
    ids: dict[str, str] = {}
    try:
        at = skip(text, 0).end()
        while text[at] == ("," if pairs else "{"):
            key, at = scan(text, skip(text, at + 1).end())
            at = skip(text, at).end()
            if text[at] != ":" or type(key) is not str:
                return None
            at = skip(text, at + 1).end()
            if key in _RECORDS and ("version", VERSION) not in pairs:
                return None
            if key in _RECORDS:
                value, at = _items(text, at, scan, key, ids, progress)
            else:
                value, at = scan(text, at)
            pairs.append((key, value))
            at = skip(text, at).end()
        if text[at] != "}" or skip(text, at + 1).end() != len(text):
            return None
    except (StopIteration, IndexError, json.JSONDecodeError, RecursionError, FlowError):
        return None
    return _object(pairs)


def _items(
    text: str, at: int, scan: Any, key: str, ids: dict[str, str], progress: Progress
) -> tuple[Any, int]:
    """Return the records of a list, and the position of its end; equal ids share one object."""
    skip, read = _SPACE.match, _RECORDS[key]
    found: list[Any] = []
    if text[at] != "[":
        raise StopIteration(at)
    at = skip(text, at + 1).end()
    while text[at] != "]":
        item, at = scan(text, at)
        check_tree(item, DEEPEST - 2)
        record = read(item, f"{key}[{len(found)}]")
        if key == "nodes":
            ids[record.id] = record.id
        else:
            source, source_port, target, target_port = record
            source, target = ids.get(source) or source, ids.get(target) or target
            record = Wire(source, sys.intern(source_port), target, sys.intern(target_port))
        found.append(record)
        if len(found) % OFTEN == 0:
            progress(at / len(text))
        at = skip(text, at).end()
        if text[at] == ",":
            at = skip(text, at + 1).end()
            if text[at] == "]":
                raise StopIteration(at)
        elif text[at] != "]":
            raise StopIteration(at)
    return found, at + 1


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise FlowSyntax(f"the key {twice[:40]!r} occurs twice in one object")
    return result


def _refuse_constant(name: str) -> Json:
    raise FlowSyntax(f"{name} is not JSON", hint=f'Write it as the string "{name}"')


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FlowSyntax(f"the number {text[:40]} is too large")
    return value


_shared_float = lru_cache(maxsize=1 << 14)(_read_float)
_shared_int = lru_cache(maxsize=1 << 14)(int)


def _float(text: str) -> float:
    """Return the number in a text; short numbers, which recur in a large table, share one
    object.
    """
    return _shared_float(text) if len(text) <= SHORT else _read_float(text)


def _int(text: str) -> int:
    return _shared_int(text) if len(text) <= SHORT else int(text)


_HOOKS: Any = {
    "object_pairs_hook": _object,
    "parse_constant": _refuse_constant,
    "parse_float": _float,
    "parse_int": _int,
}
_RECORDS: dict[str, Any] = {"nodes": read_node, "wires": read_wire}
_SPACE: Any = re.compile(r"[ \t\n\r]*")
