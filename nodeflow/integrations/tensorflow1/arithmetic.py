"""Functions that treat integers as TensorFlow 1 does: `/` and means; and lookups in tables of
several parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces import nn
from nodeflow.ops.namespaces.arguments import either, one_axis
from nodeflow.ops.namespaces.maths import pair

__all__ = ["embedding_lookup", "reduce_mean", "truediv"]

_QUOTIENTS = {
    **dict.fromkeys(("int8", "int16", "uint8", "uint16"), "float32"),
    **dict.fromkeys(("int32", "int64", "uint32", "uint64"), "float64"),
}
"""The dtype of the quotient, by dtype of the integers."""


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Divide; integers of up to 16 bits give float32, longer ones float64."""
    x, y = pair(x, y)
    dtype = _QUOTIENTS.get(x.dtype)
    if dtype is not None and y.dtype == x.dtype:
        x, y = F.cast(x, dtype=dtype), F.cast(y, dtype=dtype)
    return F.divide(x, y, name=name)


def reduce_mean(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Return the mean along axes. The mean of integers is an integer, rounded towards zero."""
    axis = one_axis("reduce_mean", axis, reduction_indices, None)
    keep = bool(either("reduce_mean", "keepdims", keepdims, "keep_dims", keep_dims, False))
    x = F.graph_of([input_tensor]).as_tensor(input_tensor)
    if x.dtype not in _QUOTIENTS:
        return F.reduce_mean(x, axis=axis, keepdims=keep, name=name)
    total = F.reduce_sum(x, axis=axis, keepdims=keep)
    count = F.reduce_sum(F.ones_like(x), axis=axis, keepdims=keep)
    return F.truncate_divide(total, count, name=name or "Mean")


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Look up rows of a table, or of a table in several parts.

    Args:
        params: the table, or its parts.
        ids: row numbers.
        partition_strategy: how rows are spread over p parts: with "mod", row i is row ``i // p`` of
            part ``i % p``; with "div", each part has consecutive rows.
        max_norm: clip each row to this norm.

    Raises:
        GraphError: there is no such strategy.
        ShapeError: only a run knows how many rows a part has.
    """
    if not isinstance(params, (list, tuple)) or len(params) == 1:
        table = params[0] if isinstance(params, (list, tuple)) else params
        return nn.embedding_lookup(table, ids, name=name, max_norm=max_norm)
    if partition_strategy not in ("mod", "div"):
        raise GraphError(f"partition_strategy must be mod or div, not {partition_strategy!r}")
    table = F.concat(list(params), axis=0)
    if partition_strategy == "div":
        return nn.embedding_lookup(table, ids, name=name, max_norm=max_norm)
    numbers = table.graph.as_tensor(ids)
    dtype = numbers.dtype
    starts = table.graph.as_tensor(np.array(_starts(params), dtype))
    count = table.graph.as_tensor(len(params), dtype)
    part = F.gather(starts, F.modulo(numbers, count), axis=0)
    place = F.add(part, F.floor_divide(numbers, count))
    return nn.embedding_lookup(table, place, name=name, max_norm=max_norm)


def _starts(parts: Sequence[Any]) -> list[int]:
    """Return, for each part of a partitioned table, the index of its first row in the whole table.

    Raises:
        ShapeError: the number of rows of a part is unknown.
    """
    starts = [0]
    for part in parts[:-1]:
        rows = part.shape[0] if part.type.has_rank else None
        if rows is None:
            raise ShapeError("embedding_lookup needs parts with a known number of rows")
        starts.append(starts[-1] + int(rows))
    return starts
