"""Tensors from numbers, with TensorFlow 1's arguments: the numbers determine the dtype."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import default_dtype, dtype_name
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import scoped, spelled
from nodeflow.ops.namespaces.arguments import tensor as of
from nodeflow.public import publish

__all__ = ["meshgrid", "one_hot", "range"]


@spelled
def one_hot(
    indices: Any,
    depth: Any = 10,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convert class numbers to vectors with on_value at the class and off_value elsewhere.

    Args:
        indices: class numbers; a number outside 0 to depth - 1 gives off_value everywhere.
        depth: number of classes.
        on_value, off_value: numbers, bools or scalar tensors; None: 1 and 0, or true and false.
        axis: position of the new axis; None: last.
        dtype: None: the dtype of on_value, else of off_value, else float32.
    """
    axis = -1 if axis is None else axis
    given = [value for value in (on_value, off_value) if value is not None]
    if any(isinstance(value, Tensor) for value in given):
        like = next(value for value in given if isinstance(value, Tensor))
        usual = (True, False) if like.dtype == "bool" else (1, 0)
        on, off = (
            of(own if value is None else value, like)
            for own, value in zip(usual, (on_value, off_value), strict=True)
        )
        with scoped(name, "one_hot", [indices, depth, like]):
            return F.where(F.one_hot(indices, depth, axis=axis, dtype="bool"), on, off)
    kind = dtype_name(dtype) if dtype is not None else _dtype_of(given[0]) if given else "float32"
    return F.one_hot(
        indices, depth, on_value=1 if on_value is None else on_value,
        off_value=0 if off_value is None else off_value, axis=axis, dtype=kind, name=name,
    )  # fmt: skip


def _dtype_of(value: Any) -> str:
    known = isinstance(value, (np.ndarray, np.generic)) and not isinstance(value, float)
    return dtype_name(value.dtype) if known else default_dtype(value)


@spelled
def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> Tensor:
    """Return the numbers from start up to but not including limit, in steps of delta.

    Args:
        start: the first number; alone, it is the limit, and counting starts at 0.
        limit: the end, not included.
        delta: the step, which may be negative.
        dtype: None: float32 if one of the numbers is a float, the dtype of a tensor among them,
            else int32.
    """
    given = (start, limit, delta)
    if dtype is None and any(isinstance(n, (Tensor, np.ndarray)) for n in given):
        return F.range(start, limit, delta, name=name)
    if dtype is None:
        floats = any(isinstance(n, (float, np.floating)) for n in given)
        dtype = "float32" if floats else "int32"
    return F.range(start, limit, delta, dtype=dtype_name(dtype), name=name)


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> tuple[Tensor, ...]:
    """Return the coordinates of all points of a grid, one tensor per vector.

    Args:
        args: vectors, or one list of them, of known sizes.
        indexing: whether the first vector runs along columns (xy) or rows (ij).
    """
    vectors = list(args)
    if vectors and isinstance(vectors[-1], str):
        indexing = vectors.pop()
    if len(vectors) == 1 and isinstance(vectors[0], (list, tuple)):
        inner = list(vectors[0])
        vectors = [of(inner)] if all(isinstance(v, numbers.Number) for v in inner) else inner
    return F.meshgrid(vectors, indexing=indexing, name=name)


publish(globals(), __all__)
