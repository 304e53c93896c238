"""Converting a graph written in Python to a document, for `nodeflow.save`."""

from __future__ import annotations

from dataclasses import replace

from nodeflow.document.analysis.analysis import Analysis
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.build.flow_records import Defined
from nodeflow.document.build.node_records import record_of, wires_into
from nodeflow.document.edit import commands
from nodeflow.document.layout.layered import layout
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import FreeNames
from nodeflow.graph.graph import Graph, Node


def from_graph(graph: Graph) -> Document:
    """Returns a document of a graph's nodes, laid out, unmodified and without undo.

    Nodes derived by macro nodes are left out; the build derives them again. If there is one
    optimizer, the training settings use it.

    Raises:
        NotInFile: a node uses a derived node, which a document cannot express.
    """
    doc = Document()
    ids: dict[Node, str] = {}
    for node in graph.nodes:
        if node.derived_from is None:
            ids[node] = f"n{len(ids) + 1}"
    writer = _Filler(doc, len(ids))
    for node, node_id in ids.items():
        doc.fill("node", node_id, record_of(node, node_id, to=writer))
    for node, node_id in ids.items():
        for wire in wires_into(node, node_id, ids, lambda n, port: (ids[n], port)):
            doc.fill("wire", wire.key, wire)
    optimizers = [ids[node] for node in ids if is_optimizer(node.op.id)]
    if len(optimizers) == 1:
        doc.fill("training", "", {"optimizer": optimizers[0]})
    for graph_ in (doc, *doc.definitions()):
        for node_id, pos in layout(graph_, analysis=Analysis(graph_)).items():
            record = graph_.nodes[node_id]
            graph_.fill("node", node_id, replace(record, pos=commands.point(pos)))
    return doc


class _Filler:
    """Writes definitions into a document that is being made."""

    def __init__(self, doc: Document, count: int) -> None:
        self._doc = doc
        self._count = count

    def new_id(self) -> str:
        """Returns the id of a new node."""
        self._count += 1
        return f"n{self._count}"

    def define(self, wanted: str) -> Defined:
        """Adds a definition."""
        name = FreeNames().fresh(wanted, self._doc.subgraphs)
        self._doc.fill("subgraph", name, {})
        graph = self._doc.graph(name)
        return Defined(
            name,
            lambda record: graph.fill("node", record.id, record),
            lambda wire: graph.fill("wire", wire.key, wire),
        )
