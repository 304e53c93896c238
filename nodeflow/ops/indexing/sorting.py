"""Sorting, elements along an axis by indices, distinct values, and sums by segment.

All follow numpy's order, in which NaN comes last, and are stable: of equal elements the first stays
first, also in descending order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    DTYPES,
    NUMBERS,
    Shape,
    TensorType,
    compatible,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.gradient_helpers import Internal
from nodeflow.ops.indexing.slicing import INDICES, check_indices
from nodeflow.ops.inputs import literal_at
from nodeflow.ops.samples import special, values

AXIS = Attr("axis", "int", -1, "Axis to sort along.")
DESCENDING = Attr("descending", "bool", False, "Largest first.")


def with_size(shape: Shape, axis: int, size: int | None) -> Shape:
    """Return a shape with another size along an axis."""
    return tuple(size if a == axis else d for a, d in enumerate(shape))


def check_along(x: TensorType, indices: TensorType, axis: int) -> int:
    """Check that x and indices have equal shapes except along ``axis``. Return the axis as a
    non-negative number.

    Raises:
        ShapeError: the shapes differ in another axis.
    """
    axis = normalize_axis(axis, x.rank)
    wanted = with_size(x.shape, axis, None)
    if not compatible(wanted, indices.shape):
        raise ShapeError(
            f"indices {shape_text(indices.shape)} and {shape_text(x.shape)} differ along axes "
            f"other than {axis}",
            port="indices",
        )
    return axis


@register
class TakeAlongAxis(Op):
    """Elements at the indices of each row."""

    id = "take_along_axis"
    category = "Shape"
    keywords = ("gather", "index", "pick", "choose", "argsort")
    doc = (
        "For each row, the elements at the indices of the same row.\n\nx and indices have the "
        "same shape except along `axis`. With the indices of argsort it sorts. Negative indices "
        "count from the end; an index out of range is an error when run. Gradient: added up at "
        "the places taken from."
    )
    differentiable = True
    inputs = (Port("x", "Source.", DTYPES), Port("indices", "Indices.", INDICES))
    attrs = (Attr("axis", "int", -1, "Axis of the indices."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices = types
        axis = check_along(x, indices, attrs["axis"])
        known = [q if p is None else p for p, q in zip(x.shape, indices.shape, strict=True)]
        return x.with_shape(with_size(tuple(known), axis, indices.shape[axis]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.TakeAlong(normalize_axis(attrs["axis"], types[0].rank))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices = arrays
        check_indices(indices, x.shape[attrs["axis"]])
        return np.take_along_axis(x, indices.astype(np.int64), attrs["axis"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, indices = node.inputs
        return F.add_along_axis(grads[0], indices, x, axis=node.attrs["axis"]), None

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            indices = np.array([[2, 0, 2, 1], [1, 1, 0, 0]])
            yield Sample((values((2, 3), dtype), indices), smooth=dtype == "float64")
        for kind in INDICES:
            indices = np.array([[1, 0, 1]], kind)
            yield Sample((values((2, 3)), indices), {"axis": 0}, smooth=True)
        yield Sample((values((2, 3)), np.array([[-1, 0], [1, -3]])), smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 2), "int64")), smooth=True)
        yield Sample((values((1,)), np.zeros(1, "int64")), smooth=True)


@register
class AddAlongAxis(Internal):
    """The adjoint of take_along_axis: zeros with elements added at the indices of each row."""

    id = "add_along_axis"
    doc = "Zeros like `like`, with the elements of x added at the indices of each row."
    inputs = (
        Port("x", dtypes=NUMBERS),
        Port("indices", "Indices to add at.", INDICES),
        Port("like", "Only its shape is used.", DTYPES),
    )
    attrs = (Attr("axis", "int", -1, "Axis of the indices."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices, like = types
        check_along(like, indices, attrs["axis"])
        if not compatible(x.shape, indices.shape):
            raise ShapeError(
                f"shape {shape_text(x.shape)} must be {shape_text(indices.shape)}", port="x"
            )
        return x.with_shape(like.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        add = lowering.AddAlong(normalize_axis(attrs["axis"], types[0].rank))
        part = lowering.Part("out", add, ("x", "indices"), outs[0])
        return lowering.Composite(("x", "indices", "like"), (part,), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices, like = arrays
        axis = normalize_axis(attrs["axis"], like.ndim)
        check_indices(indices, like.shape[axis])
        total = np.zeros(like.shape, accumulator(x.dtype.name))
        places = list(np.ogrid[tuple(slice(0, d) for d in x.shape)])
        places[axis] = indices.astype(np.int64)
        np.add.at(total, tuple(places), x)
        return total.astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.take_along_axis(grads[0], node.inputs[1], axis=node.attrs["axis"]), None, None

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            indices = np.array([[2, 0, 2, 1], [1, 1, 0, 0]])
            kind = dtype if dtype in NUMBERS else "float64"
            x = values((2, 4), kind)
            yield Sample((x, indices, values((2, 3), dtype)), smooth=kind == "float64")
        for kind in INDICES:
            arrays = values((1, 3)), np.array([[1, 0, 1]], kind), values((2, 3))
            yield Sample(arrays, {"axis": 0}, smooth=True)
        yield Sample((values((0, 2)), np.zeros((0, 2), "int64"), values((0, 3))), smooth=True)
        yield Sample((values((1,)), np.zeros(1, "int64"), values((1,))), smooth=True)


# ---- sorting ----------------------------------------------------------------------------------


def sort_samples(dtypes: Sequence[str], smooth: bool) -> Iterator[Sample]:
    for dtype in dtypes:
        yield Sample((values((2, 3), dtype),), smooth=smooth and dtype == "float64")
        yield Sample((values((4, 3), dtype),), {"axis": 0, "descending": True})
    yield Sample((values((2, 3, 4)),), {"axis": 1, "descending": True}, smooth=smooth)
    yield Sample((values((0, 3)),), {"axis": 0})
    yield Sample((values((1, 1)),), smooth=smooth)
    ties = np.array([[2.0, 1.0, 2.0, 1.0], [np.nan, np.inf, -np.inf, np.nan]])
    for descending in (False, True):
        yield Sample((ties,), {"descending": descending})
        yield Sample((special("float32"),), {"descending": descending})


def order_of(x: np.ndarray, axis: int, *, descending: bool) -> np.ndarray:
    """Return the indices that sort along an axis, stable in both directions."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    order = np.argsort(np.flip(x, axis), axis, kind="stable")  # the last of equal elements first
    return np.ascontiguousarray(x.shape[axis] - 1 - np.flip(order, axis))


@register
class ArgSort(Op):
    """The indices that sort a tensor."""

    id = "argsort"
    category = "Reduction"
    keywords = ("sort", "order", "rank", "index")
    doc = (
        "The indices that sort a tensor along an axis, as int64.\n\nOf equal elements the first "
        "comes first, in both directions. NaN counts as the largest. No gradient flows."
    )
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (AXIS, DESCENDING)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0].with_dtype("int64")

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        order = lowering.Order(attrs["descending"])
        return lowering.last_axis(
            types, outs[0], (attrs["axis"],), lambda rows: (order, [rows.with_dtype("int64")] * 2)
        )

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return order_of(arrays[0], attrs["axis"], descending=attrs["descending"])

    def samples(self) -> Iterator[Sample]:
        yield from sort_samples(NUMBERS, False)


def order_keys(x: np.ndarray) -> np.ndarray:
    """Map floats to integers of the same order. Applied twice, it restores the bits of the
    floats.
    """
    bits = x.view(f"int{8 * x.dtype.itemsize}")
    highest = np.iinfo(bits.dtype).max
    return bits ^ ((bits >> (8 * x.dtype.itemsize - 1)) & highest)


@register
class Sort(Op):
    """Sorted elements."""

    id = "sort"
    category = "Reduction"
    keywords = ("order", "ascending", "descending", "quantile", "median")
    doc = (
        "The elements sorted along an axis, the smallest first.\n\nNaN counts as the largest, and "
        "-0 comes before 0. Gradient: to the places where the elements came from."
    )
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (AXIS, DESCENDING)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        sort = lowering.SortValues(attrs["descending"])
        return lowering.last_axis(types, outs[0], (attrs["axis"],), lambda rows: (sort, [rows]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, axis = np.ascontiguousarray(arrays[0]), attrs["axis"]
        if x.dtype.kind == "f":
            keys = order_keys(x)
            keys[x != x] = np.array(np.nan, x.dtype).view(keys.dtype)
            keys.sort(axis)
            out = order_keys(keys).view(x.dtype)
        else:
            out = np.sort(x, axis)
        return np.ascontiguousarray(np.flip(out, axis)) if attrs["descending"] else out

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        (x,), attrs = node.inputs, dict(node.attrs)
        return (F.add_along_axis(grads[0], F.argsort(x, **attrs), x, axis=attrs["axis"]),)

    def samples(self) -> Iterator[Sample]:
        yield from sort_samples(NUMBERS, True)


# ---- groups -----------------------------------------------------------------------------------


@register
class SegmentSum(Op):
    """Sums by segment."""

    id = "segment_sum"
    category = "Reduction"
    keywords = ("group by", "scatter", "bincount", "histogram", "graph", "bag")
    doc = (
        "The sum of the slices of x in each segment.\n\nsegments holds the segment number of each "
        "slice: x (n, ...) and segments (n,) give (count, ...). A segment without slices is 0. "
        "The numbers need not be sorted; a number outside 0 to count - 1 is an error when run. "
        "Gradient: each slice gets the gradient of its segment."
    )
    differentiable = True
    inputs = (
        Port("x", dtypes=NUMBERS),
        Port("segments", "Segment number of each slice.", INDICES),
    )
    attrs = (Attr("count", "int", 10, "Number of segments.", minimum=0),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, segments = types
        if segments.rank > x.rank or not compatible(segments.shape, x.shape[: segments.rank]):
            raise ShapeError(
                f"segments {shape_text(segments.shape)} must be the first sizes of x, "
                f"{shape_text(x.shape)}",
                port="segments",
            )
        return x.with_shape((attrs["count"], *x.shape[segments.rank :]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.ScatterAdd(0, from_end=False)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, segments = arrays
        count = attrs["count"]
        try:
            check_indices(segments, count, 0)
        except RunError as error:
            raise RunError(
                f"{error.message.replace('index', 'segment')}", port="segments"
            ) from None
        total = np.zeros((count, *x.shape[segments.ndim :]), accumulator(x.dtype.name))
        np.add.at(total, segments.astype(np.int64), x)
        return total.astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.gather(grads[0], node.inputs[1], axis=0), None

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = values((4, 3), dtype), np.array([1, 0, 1, 3], "int64")
            yield Sample(arrays, {"count": 5}, smooth=dtype == "float64")
        for kind in INDICES:
            arrays = values((2, 3)), np.array([[1, 0, 1], [0, 0, 0]], kind)
            yield Sample(arrays, {"count": 2}, smooth=True)
        yield Sample((values((0, 3)), np.zeros(0, "int64")), {"count": 2}, smooth=True)
        yield Sample((values(()), np.array(0)), {"count": 1}, smooth=True)


@register
class Unique(Op):
    """Distinct values."""

    id = "unique"
    category = "Reduction"
    keywords = ("distinct", "set", "vocabulary", "duplicates", "count")
    doc = (
        "The distinct elements in ascending order, padded to a known size.\n\nReturns the values "
        "(size,), padded with `fill`; for each element of x the index of its value; and the "
        "number of distinct elements. NaN is one value. More than `size` distinct elements are an "
        "error when run. No gradient flows."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    outputs = (
        Port("values", "Distinct elements."),
        Port("indices", "Index of each element's value."),
        Port("count", "Number of distinct elements."),
    )
    attrs = (
        Attr("size", "int", 100, "Size of the result.", minimum=0),
        Attr("fill", "literal", 0, "Padding after the last value."),
    )

    def _fill(self, fill: Any, dtype: str) -> np.ndarray:
        number = bool(fill) if dtype == "bool" and fill in (0, 1) else fill
        if (array := literal_at("fill", number, dtype)).shape != ():
            raise AttributeProblem("fill must be one number", port="fill")
        return array

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        self._fill(attrs["fill"], x.dtype)
        counts = TensorType("int64", x.shape)
        return x.with_shape((attrs["size"],)), counts, counts.with_shape(())

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        flat = types[0].with_shape((types[0].size,))
        places = flat.with_dtype("int64")
        fill = self._fill(attrs["fill"], flat.dtype).item()
        parts = (
            lowering.Part("flat", lowering.Alias(), ("x",), flat),
            lowering.Part("order", lowering.Order(), ("flat",), places, (("aside", places),)),
            lowering.Part(
                "values", lowering.Distinct(fill), ("flat", "order"), outs[0],
                (("indices", outs[1]), ("count", outs[2])),
            ),
        )  # fmt: skip
        return lowering.Composite(("x",), parts, ("values", "indices", "count"))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        x, size = arrays[0], attrs["size"]
        # np.unique with return_index sorts stably: of -0.0 and 0.0 it keeps the first one.
        found, _, places = np.unique(x, return_index=True, return_inverse=True)
        if found.size > size:
            raise RunError(
                f"{found.size} distinct elements do not fit into {size}",
                port="x",
                hint="Raise `size`.",
            )
        padded = np.full(size, self._fill(attrs["fill"], x.dtype.name))
        padded[: found.size] = found
        return padded, places.reshape(x.shape).astype("int64"), np.array(found.size, "int64")

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"size": 7})
        yield Sample((np.array([[3, 1, 3], [2, 1, 1]]),), {"size": 4, "fill": -1})
        yield Sample((np.array([np.nan, 1.0, np.nan, -0.0, 0.0]),), {"size": 3})
        yield Sample((values((0, 3)),), {"size": 0})
        yield Sample((values((1, 1)),), {"size": 2})
