"""Elements selected by a condition, whose number depends on the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    BOOL,
    DTYPES,
    TensorType,
    compatible,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.samples import values

AXIS = Attr("axis", "int", 0, "First axis that the mask applies to.")


def masked_axes(x: TensorType, mask: TensorType, axis: int) -> tuple[int, int]:
    """Return the range of axes of x that a mask applies to, from ``axis`` on, as (first, last + 1).

    Raises:
        ShapeError: the mask is a scalar, or its shape differs from these axes.
    """
    if mask.rank == 0:
        raise ShapeError(
            "the mask is a single value", port="mask", hint="Use where to choose by one value."
        )
    first = normalize_axis(axis, x.rank)
    last = first + mask.rank
    if last > x.rank or not compatible(x.shape[first:last], mask.shape):
        raise ShapeError(
            f"a mask {shape_text(mask.shape)} does not fit {shape_text(x.shape)} from axis {axis}",
            port="mask",
            hint="Its sizes must equal those of the axes that it selects from.",
        )
    return first, last


def chosen(x: np.ndarray, mask: np.ndarray, axis: int) -> tuple[Any, ...]:
    """Return the numpy index that selects the slices of x where a bool mask is true. The mask
    covers consecutive axes from ``axis`` on.

    Raises:
        RunError: the mask's shape differs from these axes.
    """
    first = normalize_axis(axis, x.ndim)
    if x.shape[first : first + mask.ndim] != mask.shape:
        text = f"a mask {shape_text(mask.shape)} does not fit {shape_text(x.shape)}"
        raise RunError(text, port="mask")
    return (*[slice(None)] * first, mask)


@register
class BooleanMask(Op):
    """The slices where a mask is true."""

    id = "boolean_mask"
    category = "Shape"
    keywords = ("filter", "select", "choose", "compress", "masked_select")
    doc = (
        "The slices of x where the mask is true, in order.\n\nThe mask has the sizes of some axes "
        "of x, from `axis` on. In the result one axis replaces them. Its size is the number of "
        "true elements, which only a run knows. Gradient: zeros where the mask is false."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES), Port("mask", "Which slices to keep.", BOOL))
    attrs = (AXIS,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        first, last = masked_axes(x, types[1], attrs["axis"])
        return x.with_shape((*x.shape[:first], None, *x.shape[last:]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, mask = arrays
        return x[chosen(x, mask, attrs["axis"])]

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, mask = node.inputs
        return F.unmask_like(grads[0], x, mask, axis=node.attrs["axis"]), None

    def samples(self) -> Iterator[Sample]:
        mask = np.array([True, False, True])
        for dtype in DTYPES:
            yield Sample((values((3, 4), dtype), mask), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)), mask), {"axis": 1}, smooth=True)
        yield Sample((values((4, 3)), mask), {"axis": -1}, smooth=True)
        yield Sample((values((2, 3, 4)), values((2, 3), "bool")), smooth=True)
        yield Sample((values((2, 3)), values((2, 3)) > 9), smooth=True)
        yield Sample((values((0, 3)), np.zeros(0, bool)), smooth=True)
        yield Sample((values((1,)), np.ones(1, bool)), smooth=True)


@register
class UnmaskLike(Op):
    """The adjoint of boolean_mask: slices put back where the mask is true, else zeros."""

    id = "unmask_like"
    category = "Internal"
    hidden = True
    doc = "Zeros in the shape of `like`, with the slices of x where the mask is true."
    differentiable = True
    inputs = (
        Port("x", dtypes=DTYPES),
        Port("like", "Only its shape is used.", DTYPES),
        Port("mask", "True at the places of the slices.", BOOL),
    )
    attrs = (AXIS,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, like, mask = types
        first, last = masked_axes(like, mask, attrs["axis"])
        if not compatible(x.shape, (*like.shape[:first], None, *like.shape[last:])):
            text = f"{shape_text(x.shape)} is not what a mask of {shape_text(like.shape)} leaves"
            raise ShapeError(text, port="x")
        return x.with_shape(like.shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like, mask = arrays
        result = np.zeros(like.shape, x.dtype)
        where = chosen(like, mask, attrs["axis"])
        if x.shape != result[where].shape:
            text = f"the mask has {int(mask.sum())} true elements, and x has {shape_text(x.shape)}"
            raise RunError(text, port="x")
        result[where] = x
        return result

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.boolean_mask(grads[0], node.inputs[2], axis=node.attrs["axis"]), None, None

    def samples(self) -> Iterator[Sample]:
        mask = np.array([True, False, True])
        for dtype in DTYPES:
            arrays = values((2, 4), dtype), values((3, 4), dtype), mask
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((2, 2, 4)), values((2, 3, 4)), mask), {"axis": 1}, smooth=True)
        yield Sample((values((0, 3)), values((0, 3)), np.zeros(0, bool)), smooth=True)
        yield Sample((values((1,)), values((1,)), np.ones(1, bool)), smooth=True)


@register
class Nonzero(Op):
    """Indices of elements that are not 0."""

    id = "nonzero"
    category = "Shape"
    keywords = ("where", "indices", "true", "find", "coordinates", "argwhere")
    doc = (
        "The indices (n, rank) of the n elements that are true, or not 0, as int64.\n\nThey are "
        "in the order of the elements, as from TensorFlow's where with one argument. NaN counts "
        "as not 0. Only a run knows n. No gradient flows."
    )
    inputs = (Port("x", dtypes=DTYPES),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType("int64", (None, types[0].ndims))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        if not x.ndim:
            return np.zeros((int(bool(x)), 0), np.int64)
        return np.argwhere(x).astype(np.int64)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype, 0, 1),))
        yield Sample((np.array([0.0, -0.0, np.nan, 2.0]),))
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))
        yield Sample((np.array(True),))


@register
class UniqueWithCounts(Op):
    """Distinct values in order of occurrence."""

    id = "unique_with_counts"
    category = "Reduction"
    keywords = ("distinct", "set", "vocabulary", "duplicates", "histogram", "frequencies")
    doc = (
        "The distinct elements of a vector, in order of occurrence.\n\nReturns these elements, "
        "the index of each element's value, and the number of occurrences of each value. Only a "
        "run knows the number of distinct elements; `unique` pads them to a known size. NaN is "
        "one value. No gradient flows."
    )
    inputs = (Port("x", "A vector.", DTYPES),)
    outputs = (
        Port("values", "Distinct elements."),
        Port("indices", "Index of each element's value."),
        Port("counts", "Number of occurrences of each value."),
    )
    attrs = (
        Attr("out_idx", "dtype", "int32", "Data type of indices and counts.",
             choices=("int32", "int64")),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        if x.rank != 1:
            raise ShapeError(
                f"unique takes a vector, not shape {shape_text(x.shape)}",
                port="x",
                hint="Reshape it to [-1] first.",
            )
        kind = attrs["out_idx"]
        return x.with_shape((None,)), x.with_dtype(kind), TensorType(kind, (None,))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        x = arrays[0]
        _, first, places, counts = np.unique(
            x, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(first, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        kind = attrs["out_idx"]
        found = x[first[order]]
        return found, rank[places].astype(kind), counts[order].astype(kind)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((6,), dtype),))
        yield Sample((np.array([3, 1, 3, 2, 1, 1]),), {"out_idx": "int64"})
        yield Sample((np.array([np.nan, 1.0, np.nan, -0.0, 0.0]),))
        yield Sample((values((0,)),))
        yield Sample((values((1,)),))
