"""The .flow format: canonical JSON text, the same bytes for the same document.

A reader of diffs sees one node and one wire a line. Reading checks everything (see `schema`);
what it does not know, it keeps. There is no pickle and no code in a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nodeflow.document.errors import (
    DuplicateId,
    FlowContent,
    FlowError,
    FlowRead,
    FlowSyntax,
    NewerVersion,
    NotNodeflow,
    WireToNothing,
    flow_error,
)
from nodeflow.document.model import Document
from nodeflow.document.records import ONLY, Json, NodeRecord, Wire, compact_json
from nodeflow.document.schema import (
    check_tree,
    expect,
    member,
    read_frame,
    read_node,
    read_training,
    read_weights,
    read_wire,
)
from nodeflow.document.storage import write_atomically

FORMAT = "nodeflow"
VERSION = 1
LARGEST = 256 * 2**20  # bytes; a file beyond it is not a graph somebody drew

Migration = Callable[[dict[str, Json]], dict[str, Json]]
MIGRATIONS: dict[int, Migration] = {}
"""From version N to N + 1; only ever added to. Version 1 is the first."""

_KNOWN = (
    "format",
    "version",
    "next_id",
    "nodes",
    "wires",
    "frames",
    "subgraphs",
    "training",
    "weights",
)


def dumps(doc: Document) -> str:
    """Returns the canonical text of a document."""
    nodes = [n.to_json() for n in sorted(doc.nodes.values(), key=lambda n: natural(n.id))]
    wires = [list(wire) for wire in sorted(doc.wires.values(), key=wire_order)]
    frames = [f.to_json() for f in sorted(doc.frames.values(), key=lambda f: natural(f.id))]
    parts = [
        f'{{"format": "{FORMAT}", "version": {VERSION}, "next_id": {doc.next_id}',
        f' "nodes": {_lines(nodes)}',
        f' "wires": {_lines(wires)}',
        f' "frames": {_lines(frames)}',
        f' "subgraphs": {compact_json(doc.subgraphs)}',
        f' "training": {compact_json(doc.training)}',
        f' "weights": {compact_json(doc.weights)}',
    ]
    parts += [f" {compact_json(key)}: {compact_json(doc.extra[key])}" for key in sorted(doc.extra)]
    return ",\n".join(parts) + "}\n"


def loads(text: str, *, migrations: Mapping[int, Migration] = MIGRATIONS) -> Document:
    """Returns the document that a text describes, unmodified and without undo.

    Raises a FlowError: FlowSyntax, NotNodeflow, NewerVersion, FlowContent, DuplicateId,
    WireToNothing or UnsafePath.
    """
    data = _migrate(_parse(text), migrations)
    doc = Document()
    _read_nodes(doc, member(data, "nodes", list, "", default=[]))
    _read_wires(doc, member(data, "wires", list, "", default=[]))
    for index, item in enumerate(member(data, "frames", list, "", default=[])):
        frame = read_frame(item, f"frames[{index}]")
        if frame.id in doc.frames:
            raise flow_error(DuplicateId, f"the id {frame.id!r} is used twice", f"frames[{index}]")
        doc.fill("frame", frame.id, frame)
    for name, body in member(data, "subgraphs", dict, "", default={}).items():
        doc.fill("subgraph", name, expect(body, dict, f"subgraphs.{name}"))
    training = read_training(member(data, "training", dict, "", default={}))
    weights = read_weights(data.get("weights"))
    doc.fill("training", ONLY, training or None)
    doc.fill("weights", ONLY, weights)
    next_id = member(data, "next_id", int, "", default=1)
    if not 1 <= next_id < 10**15:
        raise flow_error(FlowContent, "expected a number from 1 to 10^15", "next_id")
    doc.next_id = max(doc.next_id, next_id)
    doc.extra = {key: value for key, value in data.items() if key not in _KNOWN}
    return doc


def load(path: str | Path) -> Document:
    """Returns the document in a file; its `path` is set. Raises FlowRead or a FlowError."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise FlowRead(f"{path} is larger than {LARGEST >> 20} MB: not a .flow file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise FlowRead(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FlowRead(f"cannot read {path}: {reason}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotNodeflow(f"{path} is not a .flow file: it is not UTF-8 text") from None
    try:
        doc = loads(text)
    except FlowError as error:  # say which file
        error.args = (f"{path}: {error.message}",)
        error.message = error.args[0]
        raise
    doc.path = path
    return doc


def save(doc: Document, path: str | Path | None = None) -> None:
    """Writes a document to a file (default: where it came from) atomically; marks it saved.

    Raises FlowWrite, with the file as it was, if that fails.
    """
    target = Path(path) if path is not None else doc.path
    if target is None:
        raise FlowRead("this document has no file yet", hint="Save it under a name")
    write_atomically(target, dumps(doc).encode())
    doc.path = target
    doc.mark_saved()


@lru_cache(maxsize=1 << 16)
def natural(text: str) -> tuple[Any, ...]:
    """Returns a sort key that puts `n10` after `n9`, and `values.10` after `values.9`."""
    return tuple(int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(text)))


def wire_order(wire: Wire) -> tuple[Any, ...]:
    """Returns the sort key of a wire in a file: by target, then by port."""
    return natural(wire.target), natural(wire.target_port)


_DIGITS = re.compile(r"([0-9]+)")


def _lines(items: Iterable[Json]) -> str:
    body = ",\n".join(f"  {compact_json(item)}" for item in items)
    return f"[\n{body}\n ]" if body else "[]"


def _parse(text: str) -> dict[str, Json]:
    try:
        data = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        what = "the file ends too early" if cut else f"this is not JSON: {error.msg}"
        hint = "It may be cut off; look for an older copy" if cut else None
        raise flow_error(
            FlowSyntax, f"{what} (column {error.colno})", f"line {error.lineno}", hint=hint
        ) from None
    except RecursionError:
        raise FlowSyntax("it is nested too deeply") from None
    except ValueError as error:  # whole numbers of thousands of digits
        raise FlowSyntax(f"a number cannot be read: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise NotNodeflow('this is not a nodeflow document (no `"format": "nodeflow"`)')
    check_tree(data)
    return data


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise FlowSyntax(f"the key {twice[:40]!r} stands twice in one object")
    return result


def _refuse_constant(name: str) -> Json:
    raise FlowSyntax(f"{name} is not JSON", hint=f'Write it as the string "{name}"')


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FlowSyntax(f"the number {text[:40]} is too large")
    return value


def _migrate(data: dict[str, Json], migrations: Mapping[int, Migration]) -> dict[str, Json]:
    version = expect(data.get("version"), int, "version")
    if version > VERSION:
        raise NewerVersion(
            f"this file has version {version if version < 10**9 else 'unknown'}, and this "
            f"program reads up to {VERSION}",
            hint="Update nodeflow to open it",
        )
    while version < VERSION:
        step = migrations.get(version)
        if step is None:
            raise flow_error(FlowContent, f"there is no version {version}", "version")
        version += 1
        data = {**step(data), "version": version}
    return data


def _read_nodes(doc: Document, items: list[Json]) -> None:
    for index, item in enumerate(items):
        record: NodeRecord = read_node(item, f"nodes[{index}]")
        if record.id in doc.nodes:
            raise flow_error(DuplicateId, f"the id {record.id!r} is used twice", f"nodes[{index}]")
        if doc.node_named(record.name):
            raise flow_error(
                DuplicateId, f"two nodes are called {record.name!r}", f"nodes[{index}]"
            )
        doc.fill("node", record.id, record)


def _read_wires(doc: Document, items: list[Json]) -> None:
    for index, item in enumerate(items):
        wire = read_wire(item, f"wires[{index}]")
        for end in (wire.source, wire.target):
            if end not in doc.nodes:
                raise flow_error(WireToNothing, f"there is no node {end!r}", f"wires[{index}]")
        if wire.key in doc.wires:
            name = doc.nodes[wire.target].name
            raise flow_error(
                DuplicateId, f"two wires end at {name}:{wire.target_port}", f"wires[{index}]"
            )
        doc.fill("wire", wire.key, wire)
