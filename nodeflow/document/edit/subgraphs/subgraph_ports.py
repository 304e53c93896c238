"""Editing the ports of a subgraph: add, expose, rename, reorder, remove; each is one undo step.

Ports belong to the definition and so to all instances. Edits also update the wires of instances, in
all graphs of the file. `side` is `INPUTS` or `OUTPUTS`.
"""

from __future__ import annotations

from dataclasses import replace

from nodeflow.document.analysis.node_flags import hidden_ports, with_field
from nodeflow.document.analysis.port_names import NEW
from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    PORTS,
    border,
    is_port_name,
    port_names,
)
from nodeflow.document.edit.wires import drop_wires
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadPort, SubgraphError
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import INPUTS, OUTPUTS, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction


def add_port(definition: Document, side: str, name: str = "") -> str:
    """Add a port after the existing ones and return its name: `name`, made unique if it is
    taken.
    """
    base = name or ("x" if side == INPUTS else "out")
    _check(base)
    port = FreeNames().fresh(base, _taken(definition))
    with definition.transaction(f"Add the port {port}") as t:
        _set_ports(definition, t, side, [*port_names(definition, side), port])
    return port


def expose(definition: Document, node_id: str, port: str, side: str, name: str = "") -> str:
    """Add a port connected to an in-port or an out-port of a node inside.

    Return the new port's name. A wire into the in-port is replaced.
    """
    record = definition.node(node_id)
    if NEW in (port, name):
        raise BadPort("a new port needs a node inside the subgraph")
    if not name:
        name = port if side == INPUTS else record.name.rpartition("/")[2]
        name = name.replace(".", "_")
    with definition.transaction(f"Expose {record.name}:{port}") as t:
        new = add_port(definition, side, name if is_port_name(name) else "")
        held = border(definition, side)
        assert held is not None
        ends = (held.id, new, node_id, port) if side == INPUTS else (node_id, port, held.id, new)
        t.put_wire(Wire(*ends))
    return new


def rename_port(definition: Document, side: str, old: str, new: str) -> None:
    """Rename a port; raise BadPort if the name is invalid or taken."""
    if old == new:
        return
    _check(new)
    if new in _taken(definition):
        raise BadPort(f"another port is called {new!r}", hint="Port names must be unique.")
    ports = _ports_with(definition, side, old)
    with definition.transaction(f"Rename the port {old} to {new}") as t:
        _set_ports(definition, t, side, [new if port == old else port for port in ports])
        held = border(definition, side)
        assert held is not None
        _move_wires(definition, t, held.id, side != INPUTS, old, new)
        for graph, instance in instances_of(definition, definition.scope):
            _move_wires(graph, t.within(graph), instance.id, side == INPUTS, old, new)


def move_port(definition: Document, side: str, name: str, index: int) -> None:
    """Move a port to another position on its side."""
    ports = _ports_with(definition, side, name)
    ports.remove(name)
    ports.insert(max(0, min(index, len(ports))), name)
    with definition.transaction(f"Move the port {name}") as t:
        _set_ports(definition, t, side, ports)


def remove_port(definition: Document, side: str, name: str) -> None:
    """Remove a port of a subgraph, with its wires inside and at every instance.

    Args:
        definition: the graph of the subgraph.
        side: `INPUTS` or `OUTPUTS`, the op of the border node that holds the port.
    """
    ports = _ports_with(definition, side, name)
    with definition.transaction(f"Remove the port {name}") as t:
        held = border(definition, side)
        assert held is not None
        _cut(definition, t, held.id, name, into=side != INPUTS)
        for graph, instance in instances_of(definition, definition.scope):
            _cut(graph, t.within(graph), instance.id, name, into=side == INPUTS)
        _set_ports(definition, t, side, [port for port in ports if port != name])


def _check(name: str) -> None:
    if not is_port_name(name):
        raise BadPort(
            f"{name!r} is not a valid port name",
            hint="Use letters, digits and underscores, not starting with a digit.",
        )


def _taken(definition: Document) -> set[str]:
    return {*port_names(definition, INPUTS), *port_names(definition, OUTPUTS)}


def _ports_with(definition: Document, side: str, name: str) -> list[str]:
    ports = port_names(definition, side)
    if name not in ports:
        raise BadPort(f"the subgraph `{definition.scope}` has no port {name!r}")
    return ports


def _set_ports(definition: Document, t: Transaction, side: str, ports: list[str]) -> None:
    held = border(definition, side)
    if held is None:
        if not definition.scope:
            raise SubgraphError("only a subgraph has ports", hint="Enter a subgraph first.")
        called = definition.fresh_name("inputs" if side == INPUTS else "outputs")
        held = NodeRecord(t.new_id(), side, called)
    t.put_node(replace(held, attrs={**held.attrs, PORTS: ports}))


def _move_wires(
    graph: Document, t: Transaction, node_id: str, into: bool, old: str, new: str
) -> None:
    """Move the wires into (or out of) a node's port to another port."""
    if not into:
        for wire in graph.wires_out_of(node_id):
            if wire.source_port == old:
                t.put_wire(wire._replace(source_port=new))
        return
    wire = graph.wires.get((node_id, old))
    if wire is not None:
        t.drop_wire(wire.key)
        t.put_wire(wire._replace(target_port=new))
    record = graph.nodes[node_id]
    hidden = hidden_ports(record)
    if old in hidden:
        hidden = sorted(new if port == old else port for port in hidden)
        t.put_node(with_field(record, "hidden", hidden))


def _cut(graph: Document, t: Transaction, node_id: str, port: str, into: bool) -> None:
    """Remove the wires into (or out of) a node's port."""
    keys = [(node_id, port)] if into else []
    if not into:
        keys = [w.key for w in graph.wires_out_of(node_id) if w.source_port == port]
    drop_wires(graph, t, keys)
