"""Removing wires; this also clears hidden flags and renumbers the inputs of variadic ports."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.document.analysis.node_flags import hidden_ports, with_field
from nodeflow.document.analysis.port_names import split_port
from nodeflow.document.model.document import Document
from nodeflow.document.model.transaction import Transaction

WireKey = tuple[str, str]


def drop_wires(doc: Document, t: Transaction, keys: Iterable[WireKey]) -> None:
    """Remove the wires that end at these (node id, port), if they still exist."""
    keys = [key for key in dict.fromkeys(keys) if key in doc.wires]
    show_wires(doc, t, keys)
    for key in keys:
        t.drop_wire(key)
    ends = [(target, *split_port(port)) for target, port in keys]
    for target, base in dict.fromkeys((target, base) for target, base, i in ends if i is not None):
        _close_gaps(doc, t, target, base)


def show_wires(doc: Document, t: Transaction, keys: Iterable[WireKey]) -> None:
    """Clear the hidden flags of wires, given by (node id, port)."""
    for target, port in keys:
        record = doc.nodes[target]
        hidden = hidden_ports(record)
        if port in hidden:
            left = [name for name in hidden if name != port]
            t.put_node(with_field(record, "hidden", left or None))


def _close_gaps(doc: Document, t: Transaction, target: str, base: str) -> None:
    """Renumber the wires into `base.0`, `base.1`, ... of a node, so that no number is missing."""
    numbered = [(split_port(wire.target_port), wire) for wire in doc.wires_into(target)]
    found = sorted((i, wire) for (name, i), wire in numbered if name == base and i is not None)
    for index, (number, wire) in enumerate(found):
        if number != index:
            t.drop_wire(wire.key)
            t.put_wire(wire._replace(target_port=f"{base}.{index}"))
