"""Replacing a layer in the body of a loop or branch, which cannot hold the layer's variables.

The ops that the layer derives replace it, and its variables move outside and are wired in, as one
undo step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import input_names, is_control
from nodeflow.document.analysis.subgraphs.subgraph_interface import border
from nodeflow.document.edit.offers.fixes import Fix
from nodeflow.document.edit.subgraphs.move_out import place_outside, with_free_place
from nodeflow.document.edit.subgraphs.subgraph_ports import add_port
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import SubgraphError
from nodeflow.document.model.records import INPUTS, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops import REGISTRY
from nodeflow.ops.composed import resolve
from nodeflow.ops.control_flow.scan_body import add_input, nodes_between

COLUMN = 240.0
"""The horizontal distance between copies."""
Source = tuple[str, str]


def is_layer(record: NodeRecord) -> bool:
    """Return whether a node is a layer, which has variables inside."""
    return record.op in REGISTRY and REGISTRY.lookup(record.op).category == "Layers"


def layer_fixes(definition: Document, analysis: Analysis, node_id: str) -> list[Fix]:
    """Return the edit on offer for a layer in the body of a loop or branch."""
    record = definition.nodes.get(node_id)
    if record is None or not analysis.is_body or not is_layer(record) or definition.locked:
        return []
    try:
        _derived(record, _input_types(definition, record, analysis)[1])
    except NodeflowError:
        return []  # its problems name the missing inputs
    title = f"Put {record.name}'s variables outside"
    return [Fix(title, partial(take_apart, definition, node_id, analysis))]


def take_apart(definition: Document, node_id: str, analysis: Analysis) -> None:
    """Replace a layer by its ops, and place its variables outside.

    Args:
        analysis: the analysis of the definition inside the loop or branch.

    Raises:
        SubgraphError: the layer's inputs are not known, or it does more than compute, such as batch
            normalisation, which updates averages.
        NodeflowError: the layer does not take the types of its inputs.
    """
    record = definition.node(node_id)
    op = REGISTRY.lookup(record.op)
    wires, types = _input_types(definition, record, analysis)
    feeds, outs, nodes = _derived(record, types)
    sources: dict[Tensor, Source] = {}
    for feed, wire in zip(feeds, wires, strict=True):
        sources[feed] = (wire.source, wire.source_port)
    with definition.transaction(f"Take {record.name} apart") as t:
        made = _Copies(definition, t, record, sources)
        for node in nodes:
            made.add(node)
        for wire in definition.wires_out_of(node_id):
            index = _output(op.output_name, len(outs), wire.source_port)
            if index is not None:
                t.put_wire(Wire(*sources[outs[index]], wire.target, wire.target_port))
            else:
                t.drop_wire(wire.key)
        t.drop_node(node_id)


def _input_types(
    definition: Document, record: NodeRecord, analysis: Analysis
) -> tuple[list[Wire], list[TensorType]]:
    """Return the wires into a layer and their types.

    Raises:
        SubgraphError: a wire is missing, or a type is unknown.
    """
    wires = {wire.target_port: wire for wire in definition.wires_into(record.id)}
    names = input_names(REGISTRY.lookup(record.op).inputs, wires)
    ports = [port for port in names if not is_control(port)]
    types = [analysis.type_of(record.id, port) for port in ports]
    known = [t for t in types if t is not None]
    if len(known) < len(types) or not known or any(port not in wires for port in ports):
        hint = "Wire its inputs, and give them shapes."
        raise SubgraphError(f"the inputs of `{record.name}` are not known", hint=hint)
    return [wires[port] for port in ports], known


def _output(name_of: Callable[[int], str], count: int, port: str) -> int | None:
    return next((i for i in range(count) if name_of(i) == port), None)


def _derived(
    record: NodeRecord, types: Sequence[TensorType]
) -> tuple[list[Tensor], list[Tensor], list[Node]]:
    """Return the inputs, outputs and nodes that a layer derives for inputs of these types."""
    graph = Graph()
    feeds = [add_input(graph, type_) for type_ in types]
    layer = graph.add_node(record.op, feeds, record.attrs, name=record.name)
    outs = [resolve(tensor) for tensor in layer.outputs]
    nodes = nodes_between(feeds, outs)
    acting = [n for n in graph.nodes if n.op.stateful and n.op.id != "variable" and n not in
              {f.node for f in feeds}]  # fmt: skip
    if acting:
        raise SubgraphError(
            f"`{record.name}` behaves differently in training, which a loop does not support",
            hint="Place it outside, before or after the loop.",
        )
    return feeds, outs, nodes


class _Copies:
    """Copies of derived nodes: variables go outside, all others into the body."""

    def __init__(
        self,
        definition: Document,
        t: Transaction,
        record: NodeRecord,
        sources: dict[Tensor, Source],
    ) -> None:
        self._doc, self._t, self._record, self._sources = definition, t, record, sources
        self._count = 0

    def add(self, node: Node) -> None:
        if node.op.id == "variable":
            self._add_variable(node)
            return
        x, y = self._record.pos
        place = (x + COLUMN * self._count, y)
        self._count += 1
        name = node.name if self._doc.node_named(node.name) is None else None
        copy = NodeRecord(
            self._t.new_id(), node.op.id, name or self._doc.fresh_name(node.name),
            attributes(node), place,
        )  # fmt: skip
        self._t.put_node(with_free_place(self._doc, copy))
        for index, tensor in enumerate(node.inputs):
            source = self._sources[resolve(tensor)]
            self._t.put_wire(Wire(*source, copy.id, node.op.input_name(index)))
        for tensor in node.outputs:
            self._sources[tensor] = (copy.id, node.op.output_name(tensor.index))

    def _add_variable(self, node: Node) -> None:
        port = add_port(self._doc, INPUTS, node.name.replace("/", "_"))
        held = border(self._doc, INPUTS)
        assert held is not None
        self._sources[node.outputs[0]] = (held.id, port)
        record = NodeRecord("", "variable", node.name, attributes(node))
        place_outside(self._doc, self._t, record, port)
