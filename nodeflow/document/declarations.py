"""What declares a node: an op of the registry, the dataset's declaration, or nothing known."""

from __future__ import annotations

import os

from nodeflow.document.dataset_op import DATASET, DATASET_OP, dataset_op
from nodeflow.document.passing import REROUTE, REROUTE_OP
from nodeflow.document.records import NodeRecord
from nodeflow.graph.op import Op
from nodeflow.ops import REGISTRY


def declaration(record: NodeRecord, *, base_dir: str | os.PathLike | None = None) -> Op | None:
    """Returns the declaration of a node, or None if its op is unknown.

    A dataset node's depends on its source: its attributes are that source's options and its
    outputs the columns.
    """
    if record.op == DATASET:
        return dataset_op(record.attrs, base_dir=base_dir)
    return op_of(record)


def op_of(record: NodeRecord) -> Op | None:
    """Returns the op that a node applies (a dot's passes its input), or None (dataset, unknown)."""
    if record.op == REROUTE:
        return REROUTE_OP
    return REGISTRY.lookup(record.op) if record.op in REGISTRY else None


def declarations() -> list[Op]:
    """Returns everything that a user can add as a node, for palettes and references."""
    return [DATASET_OP, *(op for op in REGISTRY if not op.hidden)]
