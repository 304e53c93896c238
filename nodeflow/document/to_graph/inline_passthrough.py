"""Copies of the part of a graph upstream of a node, without nodes that only forward values.

They are for formulas and exported code, which show the computation, not the drawing.
"""

from __future__ import annotations

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import BYPASSED, REROUTE, mode_of
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, Wire
from nodeflow.document.to_graph.flatten import flatten


def inlined(doc: Document, node_id: str) -> tuple[Document, str]:
    """Return a document in which no bypassed nodes and reroute dots lie upstream of a node, and the
    node's id in it.

    If there are none, return the document itself, else a copy of the upstream part. A node that
    only forwards a value is replaced by the source of the value, and a subgraph by its content. A
    layer that shares weights becomes a node of another op, wired to the layer that owns the
    weights.

    Raise NoSuchNode if there is no such node.
    """
    record = doc.node(node_id)
    before = upstream(doc, [node_id])
    if any(doc.nodes[i].op == SUBGRAPH or i in doc.sharers for i in before):
        return _opened(doc, record)
    return _without_passing(doc, node_id)


def _without_passing(doc: Document, node_id: str) -> tuple[Document, str]:
    """Return a copy of the document upstream of a node, without reroute dots and bypassed nodes,
    and the node's id in it. Subgraph instances stay.
    """
    wanted = upstream(doc, [node_id])
    passing = {i for i in wanted if doc.nodes[i].op == REROUTE or mode_of(doc.nodes[i]) == BYPASSED}
    if not passing:
        return doc, node_id
    part = _part(doc, wanted, [w for i in wanted for w in doc.wires_into(i)])
    analysis = Analysis(part)
    end = _start(part, analysis, passing, Wire(node_id, "out", "", ""))
    wires = (_start(part, analysis, passing, w) for w in part.wires.values())
    kept = [w for w in wires if w is not None and w.target not in passing]
    left = (wanted - passing) | ({node_id} if end is None else set())
    return _part(doc, left, kept), node_id if end is None else end.source


def _opened(doc: Document, record: NodeRecord) -> tuple[Document, str]:
    """Return the document upstream of a node, with subgraphs replaced by their content, and the
    node's id in it.
    """
    flat = flatten(doc)
    if flat.document is doc:
        return doc, record.id
    if record.op != SUBGRAPH:
        return _without_passing(flat.document, record.id)
    found = next(iter(flat.instances.get(record.name, {}).values()), None)
    return _without_passing(flat.document, found[0]) if found is not None else (doc, record.id)


def _part(doc: Document, ids: set[str], wires: list[Wire]) -> Document:
    part = Document()
    part.use_file_of(doc)
    for record in doc.nodes.values():
        if record.id in ids:
            part.fill("node", record.id, record)
    for wire in wires:
        part.fill("wire", wire.key, wire)
    return part


def _start(part: Document, analysis: Analysis, passing: set[str], wire: Wire) -> Wire | None:
    """Return the wire with the node as source that really computes the value, looking back through
    bypassed nodes and dots. Return None if there is no such node.
    """
    seen: set[str] = set()
    while wire.source in passing:
        port = (analysis.passes(wire.source) or {}).get(wire.source_port)
        before = part.wires.get((wire.source, port)) if port is not None else None
        if before is None or wire.source in seen:
            return None
        seen.add(wire.source)
        wire = wire._replace(source=before.source, source_port=before.source_port)
    return wire
