"""Converting a graph written in Python to a document, for `nodeflow.save`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nodeflow.document.analysis.analysis import Analysis
from nodeflow.document.analysis.port_names import CONTROL, DONE
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit import commands
from nodeflow.document.layout.layered import layout
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import NodeRecord, Wire, plain, same
from nodeflow.graph.graph import Graph, Node

_SHOWN = ("dtype", "value", "shape")  # stored even if they have the default value


def from_graph(graph: Graph) -> Document:
    """Returns a document of a graph's nodes, laid out, unmodified and without undo.

    Nodes derived by macro nodes are left out; the build derives them again. If there is one
    optimizer, the training settings use it.

    Raises:
        DocumentError: a node uses a derived node, which a document cannot express.
    """
    doc = Document()
    ids: dict[Node, str] = {}
    for node in graph.nodes:
        if node.derived_from is None:
            ids[node] = f"n{len(ids) + 1}"
            extra = {"stream": node.stream} if node.op.random and node.stream != node.name else {}
            record = NodeRecord(
                ids[node], node.op.id, node.name, attributes(node), extra=dict(extra)
            )
            doc.fill("node", record.id, record)
    for node, node_id in ids.items():
        for wire in _wires(node, node_id, ids):
            doc.fill("wire", wire.key, wire)
    optimizers = [ids[node] for node in ids if is_optimizer(node.op.id)]
    if len(optimizers) == 1:
        doc.fill("training", "", {"optimizer": optimizers[0]})
    for node_id, pos in layout(doc, analysis=Analysis(doc)).items():
        record = doc.nodes[node_id]
        doc.fill("node", node_id, replace(record, pos=commands.point(pos)))
    return doc


def attributes(node: Node) -> dict[str, Any]:
    """Returns a node's attributes that differ from their defaults, as JSON."""
    found: dict[str, Any] = {}
    for attr in node.op.attrs:
        value = plain(node.attrs[attr.name], where=f"{node.name}.{attr.name}")
        default = None if attr.required else plain(attr.default)
        shown = attr.name in _SHOWN and value is not None
        if node.op.explicit or attr.required or shown or not same(value, default):
            found[attr.name] = value
    return found


def _how_to_save(graph: Graph, owner: str) -> str:
    """What to do instead of using what a macro node derived."""
    if graph.node(owner).op.category == "Layers":
        return "A file keeps a layer as one node: make its variables with nf.variable instead."
    return "Take the gradient with a gradients node of its own."


def _wires(node: Node, node_id: str, ids: dict[Node, str]) -> list[Wire]:
    wires = []
    for index, tensor in enumerate(node.inputs):
        source = tensor.node
        if source not in ids:
            graph = node.graph
            raise DocumentError(
                f"its input {tensor.name} was generated from {source.derived_from}",
                node=node.name,
                port=node.op.input_name(index),
                hint=_how_to_save(graph, source.derived_from or ""),
            )
        port = source.op.output_name(tensor.index)
        wires.append(Wire(ids[source], port, node_id, node.op.input_name(index)))
    before = [other for other in node.control_inputs if other in ids]
    for index, other in enumerate(before):
        port = other.op.output_name(0) if other.outputs else DONE
        wires.append(Wire(ids[other], port, node_id, f"{CONTROL}.{index}"))
    return wires
