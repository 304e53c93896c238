"""Converting a graph written in Python to a document, for `nodeflow.save`.

Name scopes structure the file: scopes with equal content become instances of one subgraph (see
`repeated_scopes`), and all others become titled frames (see `layout.scopes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nodeflow.document.analysis.folded_values import FOLDED, values_at
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit.commands import point
from nodeflow.document.edit.subgraphs.create_subgraph import GAP
from nodeflow.document.from_graph.data_of_graph import keep_data
from nodeflow.document.from_graph.kept_collections import SEED
from nodeflow.document.from_graph.scope_writer import ScopeWriter
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.scopes import Drawing, layout_scopes
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import NotInFile
from nodeflow.document.model.records import INPUTS, FrameRecord
from nodeflow.graph.graph import Graph


def from_graph(
    graph: Graph,
    folder: Path | None = None,
    folded: Mapping[str, str] | None = None,
    *,
    as_model: bool = False,
) -> Document:
    """Return a document of a graph's nodes, laid out, unmodified and without undo.

    Nodes derived by macro nodes are left out; the build derives them again. If there is exactly one
    optimizer, the training settings use it. A data set from a data source becomes a dataset node.

    Args:
        folder: the folder of the new file; paths of data are relative to it.
        folded: scopes that become subgraphs, even if small -> names of the subgraphs.
        as_model: fold constants, and variables with one reader, into their readers, and draw one
            flow from left to right, without rows.

    Raises:
        NotInFile: a node uses a derived node, which a document cannot express.
    """
    doc = Document()
    nodes = [n for n in graph.nodes if n.derived_from is None and n not in graph.streams]
    for node in nodes:
        if node.op.of_program:
            raise NotInFile(
                "it runs a Python function, which a file cannot hold",
                node=node.name,
                hint="Use ops, or an own op made with nf.op.",
            )
    ids = ScopeWriter(doc, nodes, folded).root.ids
    optimizers = [ids[node] for node in ids if is_optimizer(node.op.id)]
    if len(optimizers) == 1:
        doc.fill("training", "", {"optimizer": optimizers[0]})
    if graph.seed is not None:
        doc.extra = {SEED: graph.seed}
    keep_data(doc, graph, ids, folder)
    for part in (doc, *doc.definitions()):
        if as_model:
            _fold_values(part)
        arrange_scopes(part, in_rows=not as_model)
    return doc


def _fold_values(graph: Document) -> None:
    for record in list(values_at(graph, graph.nodes)):
        if record.op == "constant" or len(graph.wires_out_of(record.id)) == 1:
            graph.fill("node", record.id, with_field(record, FOLDED, True))


def arrange_scopes(graph: Document, *, in_rows: bool = True) -> None:
    """Lay out a graph that has no positions and frames yet."""
    analysis = Analysis(graph)
    inner = [i for i, record in graph.nodes.items() if record.op not in BORDER]
    drawing = layout_scopes(graph, inner, analysis, in_rows=in_rows)
    put_drawing(graph, drawing)
    for op, node_id in graph.borders.items():
        record = graph.nodes[node_id]
        width, _ = node_size(graph, record, analysis)
        x = -GAP - width if op == INPUTS else drawing.size[0] + GAP
        graph.fill("node", node_id, replace(record, pos=point((x, 0))))


def put_drawing(graph: Document, drawing: Drawing, left: float = 0, top: float = 0) -> None:
    """Move nodes to their positions in a drawing, and add its frames."""
    for node_id, (x, y) in drawing.places.items():
        record = replace(graph.nodes[node_id], pos=point((left + x, top + y)))
        graph.fill("node", node_id, record)
    for title, (x, y, *size) in drawing.frames:
        rect = (*point((left + x, top + y)), *point((size[0], size[1])))
        frame = FrameRecord(f"f{graph.next_id}", title, rect=rect)
        graph.fill("frame", frame.id, frame)
