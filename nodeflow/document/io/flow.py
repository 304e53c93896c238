"""The .flow format: canonical JSON text, the same bytes for the same document.

Each node and each wire is one line, for readable diffs. Reading validates everything (see
`validation`) and preserves unknown fields. A file contains neither pickles nor code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nodeflow.document.io.atomic_write import write_atomically
from nodeflow.document.io.flow_parsing import (
    FORMAT,
    LARGE,
    OFTEN,
    VERSION,
    Progress,
    cost,
    decoded,
    ignore,
    parse,
)
from nodeflow.document.io.migrations import MIGRATIONS, Migration
from nodeflow.document.io.size_limits import FLOW_BYTES
from nodeflow.document.io.validation import (
    check_definition_name,
    expect,
    member,
    read_frame,
    read_node,
    read_stage,
    read_training,
    read_weights,
    read_wire,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import (
    DataFile,
    DuplicateId,
    FlowContent,
    FlowError,
    FlowRead,
    FlowWrite,
    NewerVersion,
    NotNodeflow,
    WireToNothing,
    flow_error,
)
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import ONLY, FrameRecord, Json, NodeRecord, Wire, compact_json
from nodeflow.errors import SurfaceText
from nodeflow.file_reading import allow, read_up_to, within_memory
from nodeflow.visible_text import visible

PARSED = 0.6
"""The fraction of the time to read a file that parsing its text takes."""

_SINCE_VERSION_3 = ("stage", "lesson")
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
    *_SINCE_VERSION_3,
)


def dumps(doc: Document, *, version: int = VERSION) -> str:
    """Return the canonical text of a document; `version` is written into it, see `at_version`."""
    lines = _graph_lines(doc, " ")
    parts = [
        f'{{"format": "{FORMAT}", "version": {version}, "next_id": {doc.next_id}',
        *(f' "{kind}": {lines[kind]}' for kind in ("nodes", "wires", "frames")),
        f' "subgraphs": {_definitions(doc)}',
        f' "training": {compact_json(doc.training)}',
        f' "weights": {compact_json(doc.weights)}',
    ]
    settings = {"stage": doc.stage, "lesson": doc.lesson}
    parts += [f' "{name}": {compact_json(value)}' for name, value in settings.items() if value]
    parts += [f" {compact_json(key)}: {compact_json(doc.extra[key])}" for key in sorted(doc.extra)]
    return ",\n".join(parts) + "}\n"


def content_of(doc: Document) -> bytes:
    """Return the content of a document's file.

    Raises:
        FlowWrite: the document contains a file name that is not UTF-8.
    """
    text = dumps(doc)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        near = visible(text[max(0, error.start - 40) : error.end + 20])
        raise FlowWrite(
            f"the document holds a name that is not UTF-8, near {near}",
            hint="Rename that file, and choose it again.",
        ) from None


def graph_json(doc: Document) -> dict[str, list[Json]]:
    """Return the nodes, wires and frames of one graph as lists of JSON objects."""
    return {
        "nodes": [n.to_json() for n in sorted(doc.nodes.values(), key=lambda n: natural_key(n.id))],
        "wires": [list(wire) for wire in sorted(doc.wires.values(), key=wire_order)],
        "frames": [
            f.to_json() for f in sorted(doc.frames.values(), key=lambda f: natural_key(f.id))
        ],
    }


def definition_json(definition: Document) -> dict[str, Json]:
    """Return the JSON object of a subgraph's definition in a file."""
    return {**definition.subgraphs[definition.scope], **graph_json(definition)}


DATA_ENDINGS = (".csv", ".tsv", ".npz", ".npy")
"""Endings of data files that people try to open as a graph."""


def loads(text: str, *, migrations: Mapping[int, Migration] = MIGRATIONS) -> Document:
    """Return the document of a text, unmodified and without undo.

    It may only read files in its folder, until its user allows more (`Document.allow`).

    Raise a FlowError: FlowSyntax, NotNodeflow, NewerVersion, FlowContent, DuplicateId,
    WireToNothing or UnsafePath.
    """
    return _document(_migrate(parse(text), migrations))


def _document(data: dict[str, Json], progress: Progress = ignore) -> Document:
    """Return the document that the JSON object of a file describes."""
    doc = Document()
    used: set[str] = set()
    taken = _taker(data, progress)
    _read_graph(doc, data, "", used, taken)
    for name, body in member(data, "subgraphs", dict, "", default={}).items():
        read_definition(doc, name, body, used, taken)
    training = read_training(member(data, "training", dict, "", default={}))
    weights = read_weights(data.get("weights"))
    doc.fill("training", ONLY, training or None)
    doc.fill("weights", ONLY, weights)
    doc.fill("stage", ONLY, read_stage(member(data, "stage", dict, "", default={})) or None)
    doc.fill("lesson", ONLY, member(data, "lesson", dict, "", default={}) or None)
    next_id = member(data, "next_id", int, "", default=1)
    if not 1 <= next_id < 10**15:
        raise flow_error(FlowContent, "expected a number from 1 to 10^15", "next_id")
    doc.next_id = max(doc.next_id, next_id)
    doc.extra = {key: value for key, value in data.items() if key not in _KNOWN}
    return doc


def at_version(text: str) -> tuple[Document, int]:
    """Return the document of a text as its own version defines it, without migrations, and the
    version.

    Changes recorded by a program of that version only fit this document. To migrate it, write it
    with `dumps` and this version, and read the text with `loads`. Raise the same errors as `loads`,
    but accept any value of a field that an earlier version does not know.
    """
    data = parse(text)
    as_it_is = dict.fromkeys(range(1, VERSION), lambda data: data)
    migrated, version = _migrate(data, as_it_is), data["version"]
    if version == VERSION:
        return _document(migrated), version
    unknown = {name: migrated.pop(name) for name in _SINCE_VERSION_3 if name in migrated}
    training = expect(migrated.pop("training", {}), dict, "training")
    doc = _document(migrated)
    doc.fill("training", ONLY, training or None)
    doc.extra |= unknown
    return doc, version


def load(path: str | Path, progress: Progress = ignore) -> Document:
    """Return the document in a file, with its `path` set.

    `progress` is called now and then with the fraction read so far; an exception from it ends the
    reading. Raise FlowRead or a FlowError.
    """
    path = Path(path)
    with within_memory(path):
        return _load(path, progress)


def _load(path: Path, progress: Progress) -> Document:
    try:
        content = read_up_to(path, FLOW_BYTES)
    except FileNotFoundError:
        raise FlowRead(f"there is no file {path}") from None
    except IsADirectoryError:
        raise FlowRead(f"{path} is a folder", hint="Give a .flow file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FlowRead(f"cannot read {path}: {reason}") from error
    if content is None:
        raise FlowRead(f"{path} is larger than {FLOW_BYTES >> 20} MB: not a .flow file")
    if path.suffix.lower() in DATA_ENDINGS and not content.lstrip().startswith(b"{"):
        raise DataFile(
            f"{path} is a data file, not a graph",
            hint=SurfaceText(
                "Read it with numpy, or name it in a dataset node.",
                cli=f"Use it in a graph: nodeflow run GRAPH.flow --dataset "
                f"{path.suffix[1:].lower()}:{path.name}",
                window="Drop it on the canvas to use it as a dataset.",
            ),
        )
    if len(content) >= LARGE:
        allow(cost(content), path)
    try:
        text = decoded(content)
    except UnicodeDecodeError:
        raise NotNodeflow(f"{path} is not a .flow file: it is not UTF-8 text") from None
    del content  # keep neither bytes nor text of a large file while records are made
    try:
        data = parse(text, lambda share: progress(PARSED * share))
        del text
        data = _migrate(data, MIGRATIONS)
        doc = _document(data, lambda share: progress(PARSED + (1 - PARSED) * share))
    except FlowError as error:  # name the file
        error.args = (f"{path}: {error.message}",)
        error.message = error.args[0]
        raise
    doc.path = path
    return doc


def save(doc: Document, path: str | Path | None = None) -> bytes:
    """Write a document to a file (default: the document's path) atomically and mark it as saved.

    Return the new content of the file. On failure, raise FlowWrite and leave the file unchanged.
    """
    target = Path(path) if path is not None else doc.path
    if target is None:
        raise FlowRead("this document has no file yet", hint="Save it under a name")
    content = content_of(doc)
    write_atomically(target, content)
    doc.path = target
    doc.mark_saved()
    return content


def wire_order(wire: Wire) -> tuple[Any, ...]:
    """Return the sort key of a wire in a file: by target, then by port."""
    return natural_key(wire.target), natural_key(wire.target_port)


def _graph_lines(doc: Document, indent: str) -> dict[str, str]:
    """Return the texts of one graph's nodes, wires and frames."""
    nodes = sorted(doc.nodes.values(), key=lambda n: natural_key(n.id))
    frames = sorted(doc.frames.values(), key=lambda f: natural_key(f.id))
    wires = sorted(doc.wires.values(), key=wire_order)
    return {
        "nodes": _lines(nodes, indent),
        "wires": _lines(wires, indent),
        "frames": _lines(frames, indent),
    }


def _definitions(doc: Document) -> str:
    """Return the definitions of subgraphs, one node or wire per line, with sorted keys."""
    texts = []
    for definition in doc.definitions():
        members = {key: compact_json(v) for key, v in doc.subgraphs[definition.scope].items()}
        members.update(_graph_lines(definition, "   "))
        body = ", ".join(f"{compact_json(key)}: {members[key]}" for key in sorted(members))
        texts.append(f"  {compact_json(definition.scope)}: {{{body}}}")
    return "{\n" + ",\n".join(texts) + "\n }" if texts else "{}"


def _lines(records: Iterable[NodeRecord | Wire | FrameRecord], indent: str) -> str:
    body = ",\n".join([f"{indent} {record.to_text()}" for record in records])
    return f"[\n{body}\n{indent}]" if body else "[]"


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


def read_definition(
    doc: Document,
    name: str,
    body: Json,
    used: set[str],
    items: Callable[[list[Json]], Iterable[Json]] = iter,
) -> None:
    """Add the definition of a subgraph to a document that is being read.

    `used` holds the ids read so far; the definition adds its ids. `items` iterates over the lists
    of the body. Raise a FlowError as `loads` does.
    """
    place = f"subgraphs.{name}"
    expect(body, dict, place)
    check_definition_name(name, place)
    rest = {key: value for key, value in body.items() if key not in ("nodes", "wires", "frames")}
    doc.fill("subgraph", name, rest)
    definition = doc.definition(name)
    assert definition is not None
    _read_graph(definition, body, place, used, items)


def _taker(data: dict[str, Json], progress: Progress) -> Callable[[list[Json]], Iterator[Json]]:
    """Return a generator function for the lists of nodes and wires in a parsed file.

    The generator yields a list's items and reports progress over both lists.
    """
    lists = [data.get(kind) for kind in ("nodes", "wires")]
    total = sum(len(found) for found in lists if isinstance(found, list))
    count = 0

    def taken(items: list[Json]) -> Iterator[Json]:
        """Yield the items of a list and forget each one, so that the parsed JSON of a large file is
        freed while its records are made.
        """
        nonlocal count
        for index, item in enumerate(items):
            items[index] = None
            count += 1
            if count % OFTEN == 0:
                progress(min(1.0, count / max(1, total)))
            yield item

    return taken


def _read_graph(
    doc: Document,
    data: dict[str, Json],
    place: str,
    used: set[str],
    items: Callable[[list[Json]], Iterable[Json]],
) -> None:
    within = f"{place}." if place else ""
    nodes = member(data, "nodes", list, place, default=[])
    wires = member(data, "wires", list, place, default=[])
    _read_nodes(doc, items(nodes), f"{within}nodes", used)
    _read_wires(doc, items(wires), f"{within}wires")
    for index, item in enumerate(member(data, "frames", list, place, default=[])):
        at = f"{within}frames[{index}]"
        frame = read_frame(item, at)
        if frame.id in used:
            raise flow_error(DuplicateId, f"the id {frame.id!r} is used twice", at)
        used.add(frame.id)
        doc.fill("frame", frame.id, frame)


def _read_nodes(doc: Document, items: Iterable[Json], place: str, used: set[str]) -> None:
    for index, item in enumerate(items):
        at = f"{place}[{index}]"
        record = item if isinstance(item, NodeRecord) else read_node(item, at)
        if record.id in used:
            raise flow_error(DuplicateId, f"the id {record.id!r} is used twice", at)
        if doc.node_named(record.name):
            raise flow_error(DuplicateId, f"two nodes are called {record.name!r}", at)
        if record.op in doc.borders:
            raise flow_error(DuplicateId, f"the subgraph has two nodes {record.op!r}", at)
        used.add(record.id)
        doc.fill("node", record.id, record)


def _read_wires(doc: Document, items: Iterable[Json], place: str) -> None:
    for index, item in enumerate(items):
        at = f"{place}[{index}]"
        wire = item if isinstance(item, Wire) else read_wire(item, at)
        for end in (wire.source, wire.target):
            if end not in doc.nodes:
                raise flow_error(WireToNothing, f"there is no node {end!r}", at)
        wire = Wire(  # equal texts share one object: half of the memory of a large file
            doc.nodes[wire.source].id,
            sys.intern(wire.source_port),
            doc.nodes[wire.target].id,
            sys.intern(wire.target_port),
        )
        key = wire.key
        if key in doc.wires:
            name = doc.nodes[wire.target].name
            text = f"two wires end at {name}:{wire.target_port}"
            raise flow_error(DuplicateId, text, at)
        doc.fill("wire", key, wire)
