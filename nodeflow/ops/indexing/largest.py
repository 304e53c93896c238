"""The largest or smallest elements of rows, without sorting the whole row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import NUMBERS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.gradient_helpers import Internal
from nodeflow.ops.indexing.sorting import order_of, with_size
from nodeflow.ops.samples import special, values


@register
class LargestIndices(Internal):
    """Indices of the largest elements of each row."""

    id = "largest_indices"
    doc = (
        "The indices of the k largest elements of each row of the last axis, as int64.\n\nThe "
        "largest comes first. With `largest` false, the k smallest, smallest first. Of equal "
        "elements the first comes first. NaN counts as the largest."
    )
    differentiable = False
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        Attr("k", "int", 1, "Number of elements.", minimum=0),
        Attr("largest", "bool", True, "The largest elements; otherwise the smallest."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, k = types[0], attrs["k"]
        size = x.shape[normalize_axis(-1, x.rank)]
        if size is not None and size < k:
            raise ShapeError(
                f"an axis of size {size} does not have {k} elements", port="x", hint="Lower k."
            )
        return x.with_shape((*x.shape[:-1], k)).with_dtype("int64")

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        k, n = attrs["k"], types[0].shape[-1] or 0
        if not outs[0].size:
            return None
        if k <= lowering.FEW_LARGEST and k < n:
            return lowering.Largest(attrs["largest"])
        order = types[0].with_dtype("int64")
        rows = math.prod(d or 0 for d in types[0].shape[:-1])
        first = lowering.Copy((lowering.Block((rows, k), 0, (n, 1), 0, (k, 1)),))
        ordered = lowering.Order(attrs["largest"])
        parts = (
            lowering.Part("order", ordered, ("x",), order, (("aside", order),)),
            lowering.Part("out", first, ("order",), outs[0]),
        )
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        order = order_of(arrays[0], -1, descending=attrs["largest"])
        return np.ascontiguousarray(order[..., : attrs["k"]])

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3), dtype),), {"k": 2})
            yield Sample((values((2, 70), dtype),), {"k": 33, "largest": False})
        yield Sample((values((2, 3, 70)),), {"k": 5})
        yield Sample((values((2, 4)),), {"k": 4})
        yield Sample((values((1, 1)),))
        yield Sample((values((0, 3)),))
        yield Sample((values((2, 3)),), {"k": 0})
        for largest in (False, True):
            ties = np.array([1.0, np.nan, 1.0, np.inf, 0.0, -0.0, np.nan])
            yield Sample((ties,), {"k": 5, "largest": largest})
            yield Sample((special("float32"),), {"k": 3, "largest": largest})


@register
class TopK(Composed):
    """The largest elements and their indices."""

    id = "top_k"
    category = "Reduction"
    keywords = ("largest", "best", "maximum", "beam", "ranking")
    doc = (
        "The k largest elements along an axis, largest first, and their indices (int64).\n\nWith "
        "`largest` false, the k smallest, smallest first. Of equal elements the first comes "
        "first. NaN counts as the largest. The axis must have at least k elements. Gradient: to "
        "the places of these elements."
    )
    inputs = (Port("x", dtypes=NUMBERS),)
    outputs = (Port("values", "The largest elements."), Port("indices", "Their indices."))
    attrs = (
        Attr("k", "int", 1, "Number of elements.", minimum=0),
        Attr("axis", "int", -1, "Axis to search along."),
        Attr("largest", "bool", True, "The largest elements; otherwise the smallest."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x, k = types[0], attrs["k"]
        axis = normalize_axis(attrs["axis"], x.rank)
        size = x.shape[axis]
        if size is not None and size < k:
            raise ShapeError(
                f"an axis of size {size} does not have {k} elements", port="x", hint="Lower k."
            )
        out = x.with_shape(with_size(x.shape, axis, k))
        return out, out.with_dtype("int64")

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x, chosen = inputs[0], {"k": attrs["k"], "largest": attrs["largest"]}
        axis, last = normalize_axis(attrs["axis"], len(x.shape)), len(x.shape) - 1
        if axis == last:
            first = F.largest_indices(x, name="indices", **chosen)
        else:
            swapped = list(range(last + 1))
            swapped[axis], swapped[last] = last, axis
            found = F.largest_indices(F.transpose(x, perm=swapped), **chosen)
            first = F.transpose(found, perm=swapped, name="indices")
        return F.take_along_axis(x, first, axis=axis, name="values"), first

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3), dtype),), {"k": 2}, smooth=dtype == "float64")
        yield Sample((values((4, 3)),), {"k": 3, "axis": 0}, smooth=True)
        yield Sample((values((4, 3)),), {"k": 2, "largest": False}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((np.array([1.0, np.nan, 1.0, np.inf]),), {"k": 4})
