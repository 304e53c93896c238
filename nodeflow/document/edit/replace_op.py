"""Replacing the op of a node, which keeps its wires, position and shared attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import CONTROL, DONE, FEED, port_order, split_port
from nodeflow.document.analysis.wiring.wire_check import check_type
from nodeflow.document.edit.shared_weights import hand_over
from nodeflow.document.edit.streams import with_free_stream
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import automatic_name, base_name
from nodeflow.document.model.records import NodeRecord, Wire, share_of
from nodeflow.errors import AttributeProblem, MissingInput, NodeflowError
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.inference.infer_types import infer_types


def replacement(
    doc: Document, node_id: str, op: NodeDeclaration
) -> tuple[NodeRecord, dict[str, str]]:
    """Return the node with another op, and a mapping of its in-ports: old name -> new name.

    A wire keeps its port if the new op has a port with that name; else it takes the first free
    port, in order. Ports without a counterpart are not in the mapping.
    """
    record = doc.node(node_id)
    known = {attr.name for attr in op.attrs}
    attrs = {name: value for name, value in record.attrs.items() if name in known}
    name = record.name
    if base_name(name) == automatic_name(record.op):  # the user has not named it
        name = doc.fresh_name(automatic_name(op.id))
    wired = sorted((w.target_port for w in doc.wires_into(node_id)), key=port_order)
    tensors = [port for port in wired if split_port(port)[0] not in (CONTROL, FEED)]
    moves = {port: port for port in wired if split_port(port)[0] == CONTROL}
    free = _in_names(op, len(tensors))
    for port in [p for p in tensors if p in free]:
        moves[port] = port
        free.remove(port)
    for port in [p for p in tensors if p not in moves]:
        if free:
            moves[port] = free.pop(0)
    if op.id != record.op:
        record = with_field(record, "share", None) if share_of(record) else record
    return replace(record, op=op.id, name=name, attrs=op.first_attrs(attrs)), moves


def _in_names(op: NodeDeclaration, count: int) -> list[str]:
    names = [port.name for port in op.inputs if not port.variadic]
    several = [port.name for port in op.inputs if port.variadic]
    return names + [f"{base}.{i}" for base in several for i in range(count)]


def fits_in_place(doc: Document, analysis: Analysis, node_id: str, op: NodeDeclaration) -> bool:
    """Return whether an op could replace a node's op: it takes all inputs, and consumers take
    its result.
    """
    if op.id in (doc.node(node_id).op, DATASET) or (node_id, FEED) in doc.wires:
        return False
    record, moves = replacement(doc, node_id, op)
    tensors = [w for w in doc.wires_into(node_id) if split_port(w.target_port)[0] != CONTROL]
    users = doc.wires_out_of(node_id)
    if any(w.target_port not in moves for w in tensors) or (users and not op.outputs):
        return False
    types = {moves[w.target_port]: analysis.type_of(w.source, w.source_port) for w in tensors}
    ports = {port.name: port for port in op.inputs}
    for port, given in types.items():
        declared = ports[split_port(port)[0]] if port not in ports else ports[port]
        if given is not None and given.dtype not in declared.dtypes:
            return False
    if any(not p.optional and not p.variadic and p.name not in types for p in op.inputs):
        return True  # the user wires the rest
    known = [types[name] for name in sorted(types, key=_in_order(op))]
    try:
        found = infer_types(op, [t for t in known if t is not None], op.bind_attrs(record.attrs))
    except (AttributeProblem, MissingInput):
        return True  # the user sets an attribute of the new op first
    except (NodeflowError, ArithmeticError, TypeError, ValueError, LookupError):
        return False
    if None in known or not users:
        return True
    if not found:
        return False
    return all(
        check_type(doc, analysis, found[0], doc.nodes[w.target], w.target_port) is None
        for w in users
        if split_port(w.target_port)[0] != CONTROL
    )


def _in_order(op: NodeDeclaration) -> Callable[[str], tuple[int, int]]:
    order = [port.name for port in op.inputs]

    def key(name: str) -> tuple[int, int]:
        base, index = split_port(name)
        return (order.index(name) if name in order else order.index(base), index or 0)

    return key


def replace_op(doc: Document, node_id: str, op: NodeDeclaration) -> None:
    """Replace the op of a node, as one undo step.

    Wires stay if the new op has ports for them; other wires are removed.
    """
    record, moves = replacement(doc, node_id, op)
    old = doc.node(node_id)
    into, out = doc.wires_into(node_id), doc.wires_out_of(node_id)
    names = _out_names(old, op, out)
    with doc.transaction(f"Replace {old.name} by {op.short_id}") as t:
        for wire in (*into, *out):
            t.drop_wire(wire.key)
        if op.id != old.op:
            hand_over(doc, t, [node_id], {})
        t.put_node(with_free_stream(doc, record))
        for wire in into:
            if wire.target_port in moves:
                t.put_wire(wire._replace(target_port=moves[wire.target_port]))
        for wire in out:
            if wire.source_port in names:
                t.put_wire(wire._replace(source_port=names[wire.source_port]))


def _out_names(old: NodeRecord, op: NodeDeclaration, out: list[Wire]) -> dict[str, str]:
    """Return old out-port -> new out-port, matched by name, else by position."""
    before = plain_declaration(old.op)
    used = sorted({w.source_port for w in out}, key=port_order)
    known = before is not None and bool(before.outputs)
    order = [before.output_name(i) for i in range(len(used) + 8)] if before and known else used
    names: dict[str, str] = {}
    for port in used:
        if not op.outputs:
            if split_port(port)[0] == DONE:
                names[port] = DONE
            continue
        index = order.index(port) if port in order else 0
        variadic = op.outputs[-1].variadic
        if port in [p.name for p in op.outputs]:
            names[port] = port
        elif index < len(op.outputs) or variadic:
            names[port] = op.output_name(index)
    return names


__all__ = ["fits_in_place", "replace_op", "replacement"]
