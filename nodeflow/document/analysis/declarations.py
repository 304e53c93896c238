"""The declaration of any node: an op, a reroute dot, a data set or a subgraph."""

from __future__ import annotations

import os

from nodeflow.document.analysis.datasets.dataset_node import (
    DATASET,
    DATASET_DECLARATION,
    dataset_declaration,
    document_folder,
)
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraph_declarations import BorderDeclaration, SubgraphDeclaration
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, definition_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ops import REGISTRY


def declaration(
    record: NodeRecord, doc: Document, *, base_dir: str | os.PathLike | None = None
) -> NodeDeclaration | None:
    """Return the declaration of a node, or None if its op is unknown.

    The declaration of a dataset node depends on its source: the attributes are the source's
    options, and the outputs are its columns. An instance of a subgraph has the ports of its
    definition in `doc`.

    Args:
        base_dir: the start of relative data paths; by default the document's folder.
    """
    if record.op == DATASET:
        return dataset_declaration(record.attrs, base_dir=document_folder(doc, base_dir))
    if record.op == SUBGRAPH:
        return SubgraphDeclaration(definition_of(doc, record), record)
    if record.op in BORDER:
        return BorderDeclaration(record)
    return plain_declaration(record.op)


def declarations() -> list[NodeDeclaration]:
    """Return the declarations of all nodes that a user can add, for palettes and references."""
    return [DATASET_DECLARATION, *(op for op in REGISTRY if not op.hidden)]
