"""Importing definitions of subgraphs from another document.

A definition that equals one of the document, except for ids and name, is not added again. A
different definition with the same name gets a free name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nodeflow.document.analysis.subgraphs.instance_paths import check_recursion, uses
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.edit.shared_weights import with_copied_owner
from nodeflow.document.io.flow import definition_json
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import RecursiveSubgraph
from nodeflow.document.model.names import FreeNames, base_name, natural_key
from nodeflow.document.model.records import SUBGRAPH, Json, NodeRecord
from nodeflow.document.model.transaction import Transaction


def definitions_used(doc: Document, nodes: Iterable[NodeRecord]) -> list[Document]:
    """Return the definitions that nodes use, directly or indirectly, sorted by name."""
    names: set[str] = set()
    for name in _names(nodes):
        names |= uses(doc, name)
    found = [doc.definition(name) for name in sorted(names)]
    return [inside for inside in found if inside is not None]


def with_definition(node: NodeRecord, names: Mapping[str, str]) -> NodeRecord:
    """Return an instance with the new name of its definition; other nodes stay unchanged."""
    name = node.attrs.get(DEFINITION) if node.op == SUBGRAPH else None
    if not isinstance(name, str) or names.get(name, name) == name:
        return node
    return replace(node, attrs={**node.attrs, DEFINITION: names[name]})


def import_definitions(
    doc: Document, t: Transaction, source: Document, nodes: Iterable[NodeRecord]
) -> dict[str, str]:
    """Add the definitions that nodes from `source` need; return their names: there -> here.

    Raises:
        RecursiveSubgraph: one contains itself, or an instance of it would contain itself here.
    """
    brought: dict[str, str] = {}
    wanted = list(_names(nodes))
    for name in wanted:
        _import(doc, t, source, name, brought, [])
    for name in wanted:
        check_recursion(doc, brought.get(name, name))
    return brought


def _names(nodes: Iterable[NodeRecord]) -> list[str]:
    found = [node.attrs.get(DEFINITION) for node in nodes if node.op == SUBGRAPH]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def _import(
    doc: Document,
    t: Transaction,
    source: Document,
    name: str,
    brought: dict[str, str],
    path: list[str],
) -> None:
    inside = source.definition(name)
    if name in brought or inside is None:
        return
    if name in path:
        raise RecursiveSubgraph(f"the subgraph `{name}` contains itself")
    for used in _names(inside.nodes.values()):
        _import(doc, t, source, used, brought, [*path, name])
    content = _renumbered(inside, brought)
    for known in doc.definitions():
        if base_name(known.scope) == base_name(name) and _renumbered(known, {}) == content:
            brought[name] = known.scope
            return
    brought[name] = FreeNames().fresh(name, doc.subgraphs)
    _copy(doc, t, inside, brought)


def _renumbered(inside: Document, names: Mapping[str, str]) -> Json:
    """Return a definition with ids renumbered from 1, so that copies are equal."""
    content = definition_json(inside)
    ids = _counted(inside)
    for kind in ("nodes", "frames"):
        content[kind] = [{**item, "id": ids[item["id"]]} for item in content[kind]]
    wires = [[ids[a], out, ids[b], into] for a, out, b, into in content["wires"]]
    content["wires"] = sorted(wires)
    for node in content["nodes"]:
        if node.get("share") in ids:
            node["share"] = ids[node["share"]]
        used = node["attrs"].get(DEFINITION)
        if node["op"] == SUBGRAPH and used in names:
            node["attrs"] = {**node["attrs"], DEFINITION: names[used]}
    return content


def _counted(inside: Document) -> dict[str, str]:
    ids = sorted((*inside.nodes, *inside.frames), key=natural_key)
    return {old: f"{old[0]}{number}" for number, old in enumerate(ids, 1)}


def _copy(doc: Document, t: Transaction, inside: Document, brought: Mapping[str, str]) -> None:
    """Add a definition of another document, with new ids."""
    name = brought[inside.scope]
    t.edit("subgraph", name, inside.subgraphs[inside.scope])
    copy = doc.definition(name)
    assert copy is not None
    writing = t.within(copy)
    ids = {
        old: t.new_id(old[0]) for old in sorted((*inside.nodes, *inside.frames), key=natural_key)
    }
    for node in inside.nodes.values():
        copied = replace(with_copied_owner(node, ids), id=ids[node.id])
        writing.put_node(with_definition(copied, brought))
    for wire in inside.wires.values():
        writing.put_wire(wire._replace(source=ids[wire.source], target=ids[wire.target]))
    for frame in inside.frames.values():
        writing.put_frame(replace(frame, id=ids[frame.id]))
