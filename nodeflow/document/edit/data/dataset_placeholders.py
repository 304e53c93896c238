"""Placeholders for the columns of a dataset node, placed and wired, as one undo step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET, dataset_types, document_folder
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.edit import commands
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import COLUMN_GAP, ROW_GAP
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.errors import DataError
from nodeflow.graph.types import TensorType, compatible

PLACEHOLDER = "placeholder"
GRID = 8


def add_placeholders(
    doc: Document, node_id: str, base_dir: str | os.PathLike | None = None
) -> list[str]:
    """Feed every column of a dataset node into a placeholder.

    A column without a placeholder first gets a placeholder whose column no longer exists in the
    data, and its name if it had the name of that column and nothing reads it; if there is none, a
    new placeholder right of the node. If the dtype or shape of a fed
    placeholder does not fit its column, it takes the column's.

    Returns:
        The ids of the new placeholders, in the order of the columns.

    Raises:
        DataError: the data cannot be read.
    """
    record = doc.node(node_id)
    types = dataset_types(record.attrs, base_dir=document_folder(doc.root, base_dir))
    made = []
    with doc.transaction(f"Add placeholders to {record.name}") as t:
        fed = [w for w in doc.wires_out_of(node_id) if doc.nodes[w.target].op == PLACEHOLDER]
        bound = {wire.source_port for wire in fed}
        left = [wire for wire in fed if wire.source_port not in types]
        for column, type_ in types.items():
            if column in bound:
                continue
            if left:
                wire = left.pop(0)
                t.put_wire(Wire(node_id, column, wire.target, FEED))
                _rename(doc, wire, column)
            else:
                made.append(_add(doc, record, column, type_))
        for wire in doc.wires_out_of(node_id):
            target = doc.nodes[wire.target]
            type_ = types.get(wire.source_port)
            if target.op == PLACEHOLDER and type_ is not None and not _takes(target, type_):
                t.put_node(replace(target, attrs=_fitted(target, type_)))
    return made


def complete(doc: Document, node_ids: Iterable[str]) -> None:
    """Add placeholders to dataset nodes that were just added, if their data can be read."""
    for node_id in node_ids:
        if doc.nodes[node_id].op == DATASET:
            with contextlib.suppress(DataError):  # the node shows it as its problem
                add_placeholders(doc, node_id, document_folder(doc.root))


def unplaced(doc: Document, node_id: str, columns: Mapping[str, TensorType]) -> list[str]:
    """Return the columns that feed nothing, or feed a placeholder that cannot take them."""
    fed = {w.source_port: doc.nodes[w.target] for w in doc.wires_out_of(node_id)}
    return [
        name
        for name, type_ in columns.items()
        if name not in fed or (fed[name].op == PLACEHOLDER and not _takes(fed[name], type_))
    ]


def fit_to_column(doc: Document, node_id: str, type_: TensorType) -> None:
    """Give a placeholder the dtype and shape of the column that feeds it."""
    record = doc.node(node_id)
    with doc.transaction(f"Fit {record.name} to its column") as t:
        t.put_node(replace(record, attrs=_fitted(record, type_)))


def _takes(record: NodeRecord, type_: TensorType) -> bool:
    shape = record.attrs.get("shape")
    if shape is not None and not (isinstance(shape, list) and all(map(_is_size, shape))):
        return False
    dtype = record.attrs.get("dtype", "float32")
    fits = shape is None or compatible(tuple(shape), type_.shape)
    return dtype == type_.dtype and fits


def _is_size(value: Any) -> bool:
    return value is None or type(value) is int


def _fitted(record: NodeRecord, type_: TensorType) -> dict:
    """Return a placeholder's attributes with a column's type, without the sample, which no
    longer fits.
    """
    attrs = {key: value for key, value in record.attrs.items() if key != "sample"}
    return {**attrs, "dtype": type_.dtype, "shape": list(type_.shape)}


def _rename(doc: Document, wire: Wire, column: str) -> None:
    """Name a placeholder after its new column if it has the name of the column before, and nothing
    reads it.
    """
    if doc.nodes[wire.target].name == _name(wire.source_port) and not doc.wires_out_of(wire.target):
        commands.rename(doc, wire.target, doc.fresh_name(_name(column)))


def _name(column: str) -> str:
    """Return a column's name as a node's name."""
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in column) or "column"
    return name if not name[0].isdigit() else f"column_{name}"


def _add(doc: Document, record: NodeRecord, column: str, type_: TensorType) -> str:
    """Add a placeholder for a column right of the node, below other cards, and return its id."""
    attrs = {"dtype": type_.dtype, "shape": list(type_.shape)}
    new = commands.add_node(doc, PLACEHOLDER, record.pos, doc.fresh_name(_name(column)), attrs)
    commands.connect(doc, record.id, column, new, FEED)
    width = node_size(doc, record)[0]
    size = node_size(doc, doc.nodes[new])
    x = record.pos[0] + width + COLUMN_GAP
    y = _free_row(doc, new, x, record.pos[1], size)
    commands.move(doc, {new: (round(x / GRID) * GRID, round(y / GRID) * GRID)})
    return new


def _free_row(doc: Document, new: str, x: float, y: float, size: tuple[float, float]) -> float:
    """Return the first y from here down where a card of this size covers no other."""
    taken = sorted(
        (other.pos[1], other.pos[1] + height)
        for other in doc.nodes.values()
        if other.id != new
        for width, height in (node_size(doc, other),)
        if other.pos[0] < x + size[0] and other.pos[0] + width > x
    )
    for top, bottom in taken:
        if top < y + size[1] + ROW_GAP and bottom + ROW_GAP > y:
            y = bottom + ROW_GAP
    return y
