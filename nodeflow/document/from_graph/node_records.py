"""The records of a document for nodes of a graph: their attributes as JSON, and their wires."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from nodeflow.document.analysis.port_names import CONTROL, DONE
from nodeflow.document.from_graph.flow_names import in_port, is_flow_node, out_port
from nodeflow.document.from_graph.flow_records import Writer, flow_record
from nodeflow.document.from_graph.inner_variables import awaited
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.model.errors import NotInFile
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.ops.layers.sharing import SharedLayer, owner_of
from nodeflow.ops.training_mode import is_flag

End = tuple[str, str]
"""The id of a node, and one of its ports."""


def record_of(
    node: Node,
    node_id: str,
    scope: str = "",
    to: Writer | None = None,
    fields: Mapping[str, Any] | None = None,
    owner: str | None = None,
) -> NodeRecord:
    """Return the record of a node, at (0, 0); inside a subgraph, without `scope` in its name.

    Args:
        to: the writer for the definition of a loop's or branch's body.
        fields: further fields of the record.
        owner: the id of the layer whose weights it shares, see `owner_beside`.
    """
    name = check_name(node.name).removeprefix(scope)
    kept = node.op.random and node.stream.removeprefix(scope) != name
    extra = {**(fields or {}), **({"stream": node.stream} if kept else {})}
    if node.device:
        extra["device"] = node.device
    if to is not None and is_flow_node(node):
        return flow_record(node, node_id, name, extra, to)
    ids = {} if owner is None else {owner_of(node.inputs[0]): owner}
    record = layer_record(node, node_id, name, attributes(node), ids)
    return replace(record, extra={**extra, **record.extra})


def layer_record(
    node: Node, node_id: str, name: str, attrs: dict[str, Any], ids: Mapping[Node, str]
) -> NodeRecord:
    """Return the record of a node.

    A layer that shares with one of the nodes in `ids` becomes a layer with the field `share`.
    """
    owner = owner_beside(node, ids)
    if owner is not None and isinstance(node.op, SharedLayer):
        return NodeRecord(node_id, node.op.layer.id, name, attrs, extra={"share": owner})
    return NodeRecord(node_id, node.op.id, name, attrs)


def owner_beside(node: Node, ids: Mapping[Node, str]) -> str | None:
    """Return the id of the layer whose weights a layer shares, if both are in the same graph of the
    file.

    Otherwise a wire leads from the owner, through the borders of subgraphs.
    """
    return ids.get(owner_of(node.inputs[0])) if isinstance(node.op, SharedLayer) else None


def wired_inputs(node: Node) -> Iterator[tuple[int, Tensor]]:
    """Yield the inputs of a node by index, except default values of unwired inputs."""
    for index, tensor in enumerate(node.inputs):
        owner = tensor.node.derived_from
        made = owner is not None and (owner == node.name or is_flag(tensor))
        if not (made and node.op.input_port(index).stand_in is not None):
            yield index, tensor


def wires_into(
    node: Node,
    node_id: str,
    known: Collection[Node],
    end: Callable[[Node, str], End],
    owner: str | None = None,
) -> Iterator[Wire]:
    """Yield the wires into a node.

    Args:
        known: the nodes that the document has.
        end: returns the start of a wire for an output of one of these nodes.
        owner: the id of the layer whose weights it shares, to which no wire leads.

    Raises:
        NotInFile: the node uses a derived node, which a document cannot express.
    """
    for index, tensor in wired_inputs(node):
        if owner is not None and index == 0:
            continue
        source, target_port = tensor.node, in_port(node, index)
        if source not in known:
            raise NotInFile(
                f"its input {tensor.name} was generated from {source.derived_from}",
                node=node.name,
                port=target_port,
                hint=_how_to_save(node.graph, source.derived_from or ""),
            )
        yield Wire(*end(source, out_port(source, tensor.index)), node_id, target_port)
    before = [other for other in awaited(node) if other in known]
    for index, other in enumerate(before):
        port = out_port(other, 0) if other.outputs else DONE
        yield Wire(*end(other, port), node_id, f"{CONTROL}.{index}")


def _how_to_save(graph: Graph, owner: str) -> str:
    """Return a hint how to save a graph that uses the nodes derived by a macro node."""
    if graph.node(owner).op.category == "Layers":
        return "A file keeps a layer as one node: make its variables with nf.variable instead."
    return "Take the gradient with a gradients node of its own."
