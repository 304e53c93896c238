"""A document as facts: a mapping of paths to JSON values, without order and nesting.

Ids are unique in a file, so the graph of a node is a fact about the node, like its name. Grouping
nodes into a subgraph changes that one fact; all their other facts still match.

    ("node", ID)                    its graph: "", or the name of a definition
    ("node", ID, FIELD)             its op, name, position, or another field
    ("node", ID, "attrs", NAME)     an attribute
    ("wire", ID, PORT)              [source id, source port] of the wire into this port
    ("frame", ID), ("frame", ID, FIELD)
    ("subgraph", NAME), ("subgraph", NAME, FIELD)
    ("training" or "stage" or "lesson", NAME), ("weights",), ("file", FIELD)
"""

from __future__ import annotations

from collections.abc import Mapping

from nodeflow.document.model.document import CONFLICTS, Document
from nodeflow.document.model.records import (
    ONLY,
    SETTINGS,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    same,
)

Path = tuple[str, ...]
Facts = dict[Path, Json]

ENTITIES = ("node", "frame", "subgraph")
"""The kinds of paths with two steps: things that exist or not, with further facts."""
LAYOUT = ("pos", "rect")
"""Fields with the position of a node or frame."""


def facts_of(doc: Document) -> Facts:
    """Return all facts of a document except its unresolved conflicts and its next id."""
    found: Facts = {}
    for graph in (doc, *doc.definitions()):
        for node in graph.nodes.values():
            found["node", node.id] = graph.scope
            for field, value in node.to_json().items():
                if field == "attrs":
                    found.update({("node", node.id, "attrs", k): v for k, v in node.attrs.items()})
                elif field != "id":
                    found["node", node.id, field] = value
        for wire in graph.wires.values():
            found["wire", wire.target, wire.target_port] = [wire.source, wire.source_port]
        for frame in graph.frames.values():
            found["frame", frame.id] = graph.scope
            fields = frame.to_json().items()
            found.update({("frame", frame.id, k): v for k, v in fields if k != "id"})
    for name, header in doc.subgraphs.items():
        found["subgraph", name] = name
        found.update({("subgraph", name, field): value for field, value in header.items()})
    for kind in SETTINGS:
        fields = doc.tables[kind].get(ONLY, {}).items()
        found.update({(kind, name): value for name, value in fields})
    if doc.weights is not None:
        found["weights",] = doc.weights
    found.update({("file", k): v for k, v in doc.extra.items() if k != CONFLICTS})
    return found


def document_of(facts: Mapping[Path, Json], next_id: int = 1) -> Document:
    """Return the document that consistent facts describe; the inverse of `facts_of`."""
    doc = Document()
    extra: dict[str, Json] = {}
    items: dict[Path, dict[str, Json]] = {}
    headers: dict[str, dict[str, Json]] = {}
    settings: dict[str, dict[str, Json]] = {kind: {} for kind in SETTINGS}
    for path, value in facts.items():
        match path:
            case ("node", id):
                items.setdefault(path, {"id": id, "attrs": {}})
            case ("node", id, "attrs", name):
                items.setdefault(path[:2], {"id": id, "attrs": {}})["attrs"][name] = value
            case ("node", id, field):
                items.setdefault(path[:2], {"id": id, "attrs": {}})[field] = value
            case ("frame", id):
                items.setdefault(path, {"id": id})
            case ("frame", id, field):
                items.setdefault(path[:2], {"id": id})[field] = value
            case ("subgraph", name):
                headers.setdefault(name, {})
            case ("subgraph", name, field):
                headers.setdefault(name, {})[field] = value
            case ("training" | "stage" | "lesson" as kind, name):
                settings[kind][name] = value
            case ("file", field):
                extra[field] = value
    for name, header in headers.items():
        doc.fill("subgraph", name, header)
    for path, data in items.items():
        record = NodeRecord.from_json(data) if path[0] == "node" else FrameRecord.from_json(data)
        doc.graph(_scope(facts[path])).fill(path[0], path[1], record)
    for path, value in facts.items():
        if path[0] == "wire":
            wire = Wire(value[0], value[1], path[1], path[2])
            doc.graph(_scope(facts["node", wire.target])).fill("wire", wire.key, wire)
    for kind, fields in settings.items():
        doc.fill(kind, ONLY, fields or None)
    doc.fill("weights", ONLY, facts.get(("weights",)))
    doc.extra = extra
    doc.next_id = max(doc.next_id, next_id)
    return doc


def copied(doc: Document) -> Document:
    """Return an independent copy of a document, without its file and undo history."""
    copy = document_of(facts_of(doc), doc.next_id)
    copy.extra = dict(doc.extra)
    return copy


def same_fact(a: Facts, b: Facts, path: Path) -> bool:
    """Return whether two sets of facts have the same value at a path, or both have none."""
    return (path in a) == (path in b) and same(a.get(path), b.get(path))


def entity(facts: Mapping[Path, Json], path: Path) -> Json:
    """Return a node, frame or definition as one JSON object, including the name of its graph."""
    if path not in facts:
        return None
    whole: dict[str, Json] = {"scope": facts[path]} if path[0] != "subgraph" else {}
    for at, value in facts.items():
        if at[:2] == path and len(at) == 3:
            whole[at[2]] = value
        elif at[:2] == path and len(at) == 4:
            whole.setdefault(at[2], {})[at[3]] = value
    return whole


def _scope(value: Json) -> str:
    assert isinstance(value, str)
    return value
