"""Rows of numpy arrays for placeholders: the data that `nf.train.train` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.feeds import as_array, fed_tensor
from nodeflow.errors import DataError, FeedError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.types import TensorType, compatible, numpy_dtype
from nodeflow.train.training import Binding

Rows = Mapping[Any, Any]
"""The rows by placeholder or its name: an array whose first axis counts rows, or a Column."""


def bound(graph: Graph, splits: Mapping[str, Rows | None]) -> dict[Tensor, Binding]:
    """Return the bindings of placeholders to the rows of each split that has rows.

    Raises:
        UnknownName: no tensor has the name.
        FeedError: rows do not fit their placeholder.
        DataError: a split has other placeholders than the first one, or rows of unequal number.
    """
    columns: dict[str, dict[Tensor, Column]] = {}
    for split, rows in splits.items():
        if rows is None:
            continue
        if not isinstance(rows, Mapping):
            raise DataError(
                f"the rows of the {split} split are {type(rows).__name__}, not a dict",
                hint="Give the rows of each placeholder: {x: images, y: labels}.",
            )
        tensors = {fed_tensor(graph, key): value for key, value in rows.items()}
        columns[split] = {t: as_column(t, value) for t, value in tensors.items()}
    if not columns:
        return {}
    first = next(iter(columns.values()))
    for split, found in columns.items():
        _check_split(split, found, first)
    named = {s: {t.name: c for t, c in found.items()} for s, found in columns.items()}
    data = DataSplits("data", "the data given in Python", named)
    return {tensor: Binding(data, tensor.name) for tensor in first}


def _check_split(split: str, found: Mapping[Tensor, Column], first: Mapping[Tensor, Any]) -> None:
    if found.keys() != first.keys():
        here, there = (", ".join(t.name for t in columns) for columns in (found, first))
        raise DataError(
            f"the {split} split has rows for {here}, the first one for {there}",
            hint="Give every split rows of the same placeholders.",
        )
    sizes = {t.name: len(column) for t, column in found.items()}
    if len(set(sizes.values())) > 1:
        text = " and ".join(f"{name} has {n} rows" for name, n in sizes.items())
        raise DataError(f"the {split} split has columns of different length: {text}")


def as_column(tensor: Tensor, rows: Any) -> Column:
    """Return rows as a column of the placeholder's dtype, converted like a fed value.

    Raises:
        FeedError: the rows do not fit.
    """
    if isinstance(rows, Column):
        column = rows
        if column.dtype != tensor.dtype:
            raise FeedError(
                f"expected rows of {tensor.type}, but a column of {column.type} came",
                node=tensor.node.name,
            )
    else:
        column = Column(_converted(tensor, rows))
    if not tensor.shape or not compatible(tensor.shape[1:], column.type.shape[1:]):
        raise FeedError(
            f"expected rows of {tensor.type}, but {column.type} came",
            node=tensor.node.name,
            hint="The first axis counts rows; the others must fit the placeholder.",
        )
    return column


def _converted(tensor: Tensor, rows: Any) -> np.ndarray:
    array = np.asarray(rows)
    if array.ndim == 0:
        raise FeedError(
            f"expected rows of {tensor.type}, but {rows!r} has none", node=tensor.node.name
        )
    if tensor.type.is_float and array.dtype.kind in "fiub":
        return array.astype(numpy_dtype(tensor.dtype), copy=False)
    any_shape = TensorType(tensor.dtype, (None,) * array.ndim)
    return as_array(Tensor(tensor.node, tensor.index, any_shape), rows)
