"""Loops and branches written in Python as instances of subgraphs, for documents made from graphs.

The body becomes a definition; the names of its ports determine their roles (`loops_and_branches`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from nodeflow.document.analysis.subgraphs.loops_and_branches import AGAIN, COND, ELSE, FLOW, WHILE
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION, PORTS
from nodeflow.document.from_graph.flow_names import in_port, is_flow_node, out_port, port_names
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, Json, NodeRecord, Wire, plain
from nodeflow.ops.control_flow.scan_body import Body, BodyNode, parse


class Defined(NamedTuple):
    """A new definition: its name, and functions that add a node or a wire to it."""

    name: str
    put_node: Callable[[NodeRecord], None]
    put_wire: Callable[[Wire], None]


class Writer(Protocol):
    """The interface of an object that writes definitions into a document."""

    def new_id(self) -> str:
        """Return the id of a new node."""
        ...

    def define(self, wanted: str) -> Defined:
        """Add a definition with the wanted name, or with a number after it if the name is taken."""
        ...


def flow_record(
    node: Any, node_id: str, name: str, extra: dict[str, Json], to: Writer
) -> NodeRecord:
    """Return the record of an instance for a loop or branch, and write the definition of its
    body.
    """
    names = port_names(node)
    attrs = node.attrs
    kind = node.op.id
    definition, put_node, put_wire = to.define(name.rpartition("/")[2])
    held: dict[str, Any] = {DEFINITION: definition, FLOW: kind}
    ends: list[tuple[str, Sequence[str]]]
    if kind == COND:
        no = [f"{n}{ELSE}" for n in names.outputs]
        ends = [(attrs["true_body"], names.outputs), (attrs["false_body"], no)]
    elif kind == WHILE:
        ends = [(attrs["cond"], [AGAIN]), (attrs["body"], names.outputs)]
        if attrs["maximum_iterations"] is not None:
            held["maximum_iterations"] = attrs["maximum_iterations"]
        if attrs["invariants"] is not None:
            shapes = zip(names.inputs, attrs["invariants"], strict=False)
            held["invariants"] = {n: plain(s) for n, s in shapes if s is not None}
    else:
        ends = [(attrs["body"], names.outputs)]
        first = attrs["carried"] + attrs["sequences"]
        if names.inputs[first:]:
            held["constants"] = list(names.inputs[first:])
        if attrs["reverse"]:
            held["reverse"] = True
    inputs, outputs = to.new_id(), to.new_id()
    ports = [port for _, part in ends for port in part]
    put_node(NodeRecord(inputs, INPUTS, "inputs", {PORTS: list(names.inputs)}))
    put_node(NodeRecord(outputs, OUTPUTS, "outputs", {PORTS: ports}))
    taken = {"inputs", "outputs"}
    values = names.inputs[1:] if kind == COND else names.inputs
    for text, part in ends:
        _write(parse(text), (inputs, values), (outputs, part), taken, to, put_node, put_wire)
    return NodeRecord(node_id, SUBGRAPH, name, held, extra=extra)


def _write(
    body: Body,
    inputs: tuple[str, Sequence[str]],
    outputs: tuple[str, Sequence[str]],
    taken: set[str],
    to: Writer,
    put_node: Callable[[NodeRecord], None],
    put_wire: Callable[[Wire], None],
) -> None:
    """Write one body into a definition."""
    ids: list[str] = []
    made: list[BodyNode] = list(body.nodes)
    free = FreeNames()

    def end(reference: tuple[int, int]) -> tuple[str, str]:
        index, port = reference
        if index < 0:
            return inputs[0], inputs[1][port]
        return ids[index], out_port(made[index], port)

    for node in body.nodes:
        node_id, wanted = to.new_id(), node.name or node.op.short_id
        name = free.fresh(wanted, taken)
        taken.add(name)
        stream = node.stream or wanted
        extra: dict[str, Json] = {"stream": stream} if node.op.random and stream != name else {}
        if is_flow_node(node):
            put_node(flow_record(node, node_id, name, extra, to))
        else:
            put_node(NodeRecord(node_id, node.op.id, name, attributes(node), extra=extra))
        for index, reference in enumerate(node.sources):
            put_wire(Wire(*end(reference), node_id, in_port(node, index)))
        ids.append(node_id)
    for name, reference in zip(outputs[1], body.outputs, strict=True):
        put_wire(Wire(*end(reference), outputs[0], name))
