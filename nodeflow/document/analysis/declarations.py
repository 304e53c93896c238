"""What declares a node: an op of the registry, a data set, a subgraph, or nothing known."""

from __future__ import annotations

import os

from nodeflow.document.analysis.dataset_op import DATASET, DATASET_OP, dataset_op
from nodeflow.document.analysis.passthrough import REROUTE, REROUTE_OP
from nodeflow.document.analysis.subgraph_ops import BORDER, subgraph_op
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.graph.op import Op
from nodeflow.ops import REGISTRY


def declaration(
    record: NodeRecord,
    doc: Document | None = None,
    *,
    base_dir: str | os.PathLike | None = None,
) -> Op | None:
    """Returns the declaration of a node, or None if its op is unknown.

    A dataset node's depends on its source: its attributes are that source's options and its
    outputs the columns. That of an instance of a subgraph has ports if `doc` holds its definition.
    """
    if record.op == DATASET:
        return dataset_op(record.attrs, base_dir=base_dir)
    return op_of(record, doc)


def op_of(record: NodeRecord, doc: Document | None = None) -> Op | None:
    """Returns the op that a node applies (a dot's passes its input), or None (dataset, unknown)."""
    if record.op in REGISTRY:
        return REGISTRY.lookup(record.op)
    if record.op == REROUTE:
        return REROUTE_OP
    if record.op == SUBGRAPH or record.op in BORDER:
        return subgraph_op(doc, record)
    return None


def declarations() -> list[Op]:
    """Returns everything that a user can add as a node, for palettes and references."""
    return [DATASET_OP, *(op for op in REGISTRY if not op.hidden)]
