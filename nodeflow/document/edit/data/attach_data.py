"""Attaching a data set to the placeholders that have no data yet, as one undo step."""

from __future__ import annotations

import os
from collections.abc import Iterable

from nodeflow.document.analysis.datasets.dataset_node import DATASET, dataset_types, document_folder
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.edit import commands
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import COLUMN_GAP
from nodeflow.document.model.document import Document
from nodeflow.errors import DataError
from nodeflow.graph.types import TensorType, compatible


def attach_data(
    doc: Document,
    analysis: Analysis,
    source: str,
    placeholders: Iterable[str],
    base_dir: str | os.PathLike | None = None,
) -> str:
    """Add a dataset node and wire its columns to the placeholders (ids) whose types match.

    A placeholder takes the column that has its name, else the next matching column in order.

    Returns:
        The id of the dataset node.

    Raises:
        DataError: the data cannot be read, or no column fits any of the placeholders.
    """
    columns = dict(dataset_types({"source": source}, base_dir=document_folder(doc, base_dir)))
    waiting = [(i, analysis.type_of(i, "out")) for i in placeholders if i in doc.nodes]
    bound: dict[str, str] = {}
    for node_id, wanted in waiting:
        column = _fitting(doc.nodes[node_id].name, wanted, columns)
        if column is not None:
            bound[node_id] = column
            del columns[column]
    if not bound:
        names = " or ".join(doc.nodes[i].name for i, _ in waiting)
        known = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        raise DataError(
            f"no column of {source} fits {names or 'the graph'}",
            hint=f"It has {known}. Set the placeholder's dtype and shape to one of them.",
        )
    left = min(doc.nodes[i].pos[0] for i in bound)
    top = min(doc.nodes[i].pos[1] for i in bound)
    with doc.transaction(f"Attach {source}"):
        node = commands.add_node(doc, DATASET, (left, top), attrs={"source": source})
        width, _ = node_size(doc, doc.nodes[node])
        commands.move(doc, {node: (left - width - COLUMN_GAP, top)})
        for placeholder, column in bound.items():
            commands.connect(doc, node, column, placeholder, FEED)
    return node


def _fitting(name: str, wanted: TensorType | None, columns: dict[str, TensorType]) -> str | None:
    fits = [
        column
        for column, kind in columns.items()
        if wanted is not None
        and kind.dtype == wanted.dtype
        and compatible(kind.shape, wanted.shape)
    ]
    return name if name in fits else next(iter(fits), None)
