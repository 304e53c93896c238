"""Moving a node out of the body of a loop or branch, which cannot hold it, as one undo step."""

from __future__ import annotations

from dataclasses import replace

from nodeflow.document.analysis.port_names import is_control
from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.loops_and_branches import FLOW, SCAN
from nodeflow.document.analysis.subgraphs.subgraph_interface import border, is_port_name
from nodeflow.document.edit.streams import with_free_stream
from nodeflow.document.edit.subgraphs.subgraph_ports import add_port
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import SubgraphError
from nodeflow.document.model.records import INPUTS, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction

MOVABLE = ("variable", "placeholder")
"""Ops that work the same way outside the body."""
LEFT = 300.0
GAP = 24.0
"""The distance of a moved node left of the loop, and its minimum distance from others."""


def can_move_out(definition: Document, node_id: str) -> bool:
    """Return whether a node can move out of a body: it has no inputs and works the same outside."""
    record = definition.nodes.get(node_id)
    if record is None or record.op not in MOVABLE or not definition.scope:
        return False
    return not definition.wires_into(node_id) and bool(instances_of(definition, definition.scope))


def move_out(definition: Document, node_id: str) -> str:
    """Move a node out of a body, beside each loop or branch that uses it, and wire it to a new
    port.

    Returns:
        The name of the port.

    Raises:
        SubgraphError: the node has inputs inside, or is neither a variable nor a placeholder.
    """
    record = definition.node(node_id)
    if not can_move_out(definition, node_id):
        raise SubgraphError(
            f"`{record.name}` cannot be moved out",
            hint="Only a variable or placeholder without inputs can be moved out.",
        )
    base = record.name.rpartition("/")[2]
    with definition.transaction(f"Move {record.name} out") as t:
        port = add_port(definition, INPUTS, base if is_port_name(base) else "")
        held = border(definition, INPUTS)
        assert held is not None
        for wire in definition.wires_out_of(node_id):
            if not is_control(wire.target_port):
                t.put_wire(Wire(held.id, port, wire.target, wire.target_port))
            else:
                t.drop_wire(wire.key)
        t.drop_node(node_id)
        place_outside(definition, t, replace(record, name=base), port)
    return port


def place_outside(definition: Document, t: Transaction, record: NodeRecord, port: str) -> None:
    """Put a copy of a node beside each loop or branch with this body, wired to the port."""
    for graph, instance in instances_of(definition, definition.scope):
        _place(graph, t.within(graph), graph.nodes[instance.id], record, port)


def with_free_place(graph: Document, record: NodeRecord) -> NodeRecord:
    """Return a node that is to be added to a graph, moved down until it covers no other node."""
    width, height = node_size(graph, record)
    taken = [(*other.pos, *node_size(graph, other)) for other in graph.nodes.values()]
    x, y = record.pos
    while any(
        x < left + wide + GAP and left < x + width + GAP
        and y < top + high + GAP and top < y + height + GAP
        for left, top, wide, high in taken
    ):  # fmt: skip
        y += GAP
    return replace(record, pos=(x, y))


def _place(
    graph: Document, t: Transaction, instance: NodeRecord, record: NodeRecord, port: str
) -> None:
    """Put a copy of a node left of an instance, wired to one of its ports."""
    name = record.name if graph.node_named(record.name) is None else graph.fresh_name(record.name)
    x, y = instance.pos
    copy = replace(record, id=t.new_id(), name=name, pos=(x - LEFT, y))
    t.put_node(with_free_stream(graph, with_free_place(graph, copy)))
    t.put_wire(Wire(copy.id, "out", instance.id, port))
    if instance.attrs.get(FLOW) == SCAN:
        listed = instance.attrs.get("constants")
        constants = [*(listed if isinstance(listed, list) else []), port]
        t.put_node(replace(instance, attrs={**instance.attrs, "constants": constants}))
