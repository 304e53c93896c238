"""Applying the advice of the training doctor to a document, as one undo step."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, find_name, path_of
from nodeflow.document.analysis.traversal import downstream
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.edit.set_flags import set_bounds
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.errors import NodeflowError
from nodeflow.train.diagnosis.hints import Edit

ROOM = 224.0
"""How far nodes move right for an inserted node."""


def can_apply(doc: Document, edits: Sequence[Edit]) -> bool:
    """Return whether there are edits, and each edited node exists and can be edited."""
    return bool(edits) and all(
        edit.kind == "setting" or _found(doc, edit.node) is not None for edit in edits
    )


def apply_edits(doc: Document, edits: Sequence[Edit], label: str) -> None:
    """Apply edits to the file of a document, as one undo step.

    Args:
        label: the label of the undo step.

    Raises:
        NodeflowError: a node is gone, or does not take the value; nothing is changed.
    """
    root = doc.root
    with root.transaction(label):
        for edit in edits:
            _apply(root, edit)


def _apply(root: Document, edit: Edit) -> None:
    if edit.kind == "setting":
        commands.set_training(root, **{edit.name: edit.value})
        return
    found = _found(root, edit.node)
    if found is None:
        raise NodeflowError(f"there is no node {edit.node!r} any more", hint="Train again.")
    graph, record = found
    if edit.kind == "attribute":
        commands.set_attr(graph, record.id, edit.name, edit.value)
    elif edit.kind == "op":
        op = plain_declaration(edit.value)
        assert op is not None
        replace_op(graph, record.id, op)
    elif edit.kind == "bound":
        insert_bound(graph, record, edit.name, edit.value)
    elif edit.kind == "unbound":
        set_bounds(graph, [record.id])
    else:
        assert edit.kind == "normalize", edit.kind
        insert_normalize(graph, record, edit.name, edit.value)


def insert_normalize(doc: Document, record: NodeRecord, port: str, attrs: dict) -> str:
    """Insert a Normalize node behind an output; all consumers of the output get the scaled values.

    Nodes downstream move to the right to make room. Return the new node's id.
    """
    wires = [w for w in doc.wires_out_of(record.id) if w.source_port == port]
    x, y = record.pos
    behind = downstream(doc, {w.target for w in wires})
    with doc.transaction(f"Scale {record.name}"):
        moved = {i: doc.nodes[i].pos for i in behind if doc.nodes[i].pos[0] > x}
        commands.move(doc, {i: (px + ROOM, py) for i, (px, py) in moved.items()})
        name = doc.fresh_name(f"{record.name}_scaled")
        new = commands.add_node(doc, "normalize", (x + ROOM, y), name, attrs)
        commands.connect(doc, record.id, port, new, "x")
        for wire in wires:
            if wire.target_port != FEED:
                commands.disconnect(doc, wire.key)
                commands.connect(doc, new, "out", wire.target, wire.target_port)
    return new


def insert_bound(doc: Document, record: NodeRecord, port: str, attrs: dict) -> str:
    """Insert a Clip by value node before an input of a node; return its id.

    Raises:
        NodeflowError: nothing is connected there.
    """
    wire = next((w for w in doc.wires_into(record.id) if w.target_port == port), None)
    if wire is None:
        raise NodeflowError(
            f"nothing is connected to {port}", node=record.name, hint="Connect it first."
        )
    x, y = record.pos
    behind = downstream(doc, {record.id}) | {record.id}
    with doc.transaction(f"Bound {port} of {record.name}"):
        commands.move(doc, {i: (doc.nodes[i].pos[0] + ROOM, doc.nodes[i].pos[1]) for i in behind})
        name = doc.fresh_name(f"{doc.nodes[wire.source].name}_bounded")
        new = commands.add_node(doc, "clip_by_value", (x, y), name, attrs)
        commands.disconnect(doc, wire.key)
        commands.connect(doc, wire.source, wire.source_port, new, "x")
        commands.connect(doc, new, "out", record.id, port)
    return new


def _found(doc: Document, name: str) -> tuple[Document, NodeRecord] | None:
    """Return the node with a full name, and the graph that contains it; None if there is none."""
    path = find_name(doc.root, name)
    found = None if path is None else at_path(doc.root, path_of(path))
    if found is None or declaration(found[1], found[0]) is None:
        return None
    return found
