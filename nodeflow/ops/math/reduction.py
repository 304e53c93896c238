"""Sums, means, products and extremes along axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    BOOL,
    COMPLEX,
    FLOATS,
    NUMBERS,
    Shape,
    TensorType,
    normalize_axes,
    normalize_axis,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.samples import values


def reduced_shape(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """Return the shape that remains when the (normalised) axes are reduced."""
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def total(x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
    """Return numpy's sum, but -0 if all elements are -0, as in IEEE 754."""
    start = -0.0 if x.size and x.dtype.kind == "f" else 0
    wide = accumulator(x.dtype.name)
    return np.sum(x, axis=axes, keepdims=keepdims, dtype=wide, initial=start)


class Reduction(Op):
    """The base class of functions of all elements along some axes."""

    category = "Reduction"
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        Attr("axis", "axes", None, "Axis or axes to reduce; none: all."),
        Attr("keepdims", "bool", False, "Keep the reduced axes with size 1."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if attrs["axis"] is None and not attrs["keepdims"]:
            return types[0].with_shape(())
        axes = normalize_axes(attrs["axis"], types[0].rank)
        return types[0].with_shape(reduced_shape(types[0].shape, axes, attrs["keepdims"]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        kind = self.id.removeprefix("reduce_")
        return lowering.Reduce(kind, normalize_axes(attrs["axis"], types[0].rank))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        axes = normalize_axes(attrs["axis"], x.ndim)
        with np.errstate(all="ignore"):
            result = self.reduce(x, axes, attrs["keepdims"])
            return np.asarray(result).astype(x.dtype, copy=axes == ())

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        """Reduce an array of any dtype along axes in numpy, as the reference implementation of this
        op.
        """
        raise NotImplementedError

    def samples(self) -> Iterator[Sample]:
        for dtype in self.inputs[0].dtypes:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
            yield Sample((values((0, 3), dtype),), {"axis": 0})
            yield Sample((values((0, 3), dtype),))
        for axis in (None, 0, -1, (0, 2), (-1, 1), ()):
            for keepdims in (False, True):
                attrs = {"axis": axis, "keepdims": keepdims}
                yield Sample((values((2, 3, 4)),), attrs, smooth=True)
        yield Sample((values(()),), smooth=True)
        yield Sample((values((1, 1)),), {"axis": 0}, smooth=True)
        yield Sample((values((0, 3)),), {"axis": 1})
        odd = np.array([[np.nan, 1.0], [np.inf, -1.0], [np.inf, -np.inf], [-0.0, 0.0]])
        yield Sample((odd,), {"axis": 1})


def restore_axes(tensor: Tensor, node: Node) -> Tensor:
    """Return a reduced tensor with the reduced axes put back, with size 1, unless they were
    kept.
    """
    axis, x = node.attrs["axis"], node.inputs[0].type
    if node.attrs["keepdims"] or (axis is None and not x.has_rank):  # a scalar broadcasts
        return tensor
    axes = normalize_axes(axis, x.rank) if x.has_rank else axis
    return tensor if axes == () else F.expand_dims(tensor, axis=axes)


def element_count(x: Tensor, axis: Any) -> Tensor | float:
    """Return the number of elements along ``axis``, as a float if the sizes are known, and
    otherwise as a tensor with the dtype of x.
    """
    if not x.type.has_rank:
        return F.size(x, axis=axis, dtype=x.dtype)
    sizes = [x.shape[a] for a in normalize_axes(axis, len(x.shape))]
    known = [s for s in sizes if s is not None]
    if len(known) == len(sizes):
        return float(math.prod(known))
    return F.size(x, axis=axis, dtype=x.dtype)


class Counting(Reduction):
    """The base class of sum and mean: bools count as 0 and 1 of the dtype ``counts_in``."""

    counts_in = ""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        out = super().infer(*types, **attrs)
        return out.with_dtype(self.counts_in) if out.dtype == "bool" else out

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        reduce = super().lower(types, outs, **attrs)
        if types[0].dtype != "bool":
            return reduce
        cast = lowering.Elementwise("cast(x)", ("x",))
        parts = (
            lowering.Part("numbers", cast, ("x",), types[0].with_dtype(self.counts_in)),
            lowering.Part("out", reduce, ("numbers",), outs[0]),
        )
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        return super().reference(x.astype(self.counts_in) if x.dtype == bool else x, **attrs)


@register
class ReduceSum(Counting):
    """Sum along axes."""

    id = "reduce_sum"
    keywords = ("add", "total")
    doc = (
        "The sum of the elements along axes.\n\nThe sum of no elements is 0, and of -0 alone -0. "
        "Bools give the number of true ones, int64. Integers wrap. Compiled code adds up float32 "
        "in float32, so a partial sum above 3.4e38 becomes infinite. The reference adds up in "
        "float64 and overflows only where the whole sum does."
    )

    inputs = (Port("x", dtypes=NUMBERS + COMPLEX + BOOL),)
    counts_in = "int64"

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return total(x, axes, keepdims)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.broadcast_like(restore_axes(grads[0], node), node.inputs[0]),)


@register
class ReduceMean(Counting):
    """Mean along axes."""

    id = "reduce_mean"
    keywords = ("average",)
    doc = (
        "The mean of the elements along axes.\n\nThe mean of no elements is NaN. Bools give the "
        "share of true ones, float32. Cast integers first. Gradient: 1 / count."
    )
    inputs = (Port("x", dtypes=FLOATS + COMPLEX + BOOL),)
    counts_in = "float32"

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        count = np.prod([x.shape[a] for a in axes], dtype=np.float64)
        return total(x, axes, keepdims) / count

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        share = grads[0] / element_count(x, node.attrs["axis"])
        return (F.broadcast_like(restore_axes(share, node), x),)


class Extreme(Reduction):
    """The base class of maximum and minimum; equal extremes share the gradient equally."""

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        chosen = F.cast(F.equal(x, restore_axes(node.outputs[0], node)), dtype=x.dtype)
        ties = F.reduce_sum(chosen, axis=node.attrs["axis"], keepdims=True)
        return (chosen * (restore_axes(grads[0], node) / ties),)


def limits(dtype: np.dtype) -> tuple[Any, Any]:
    """Return the lowest and highest value of a dtype."""
    if dtype.kind == "f":
        return -np.inf, np.inf
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@register
class ReduceMax(Extreme):
    """Maximum along axes."""

    id = "reduce_max"
    keywords = ("maximum", "largest")
    doc = (
        "The largest element along axes.\n\nNaN if any element is NaN. If there are no elements, "
        "the lowest value of the dtype (-infinity). Gradient: shared equally by all largest "
        "elements."
    )

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return np.max(x, axis=axes, keepdims=keepdims, initial=limits(x.dtype)[0])


@register
class ReduceMin(Extreme):
    """Minimum along axes."""

    id = "reduce_min"
    keywords = ("minimum", "smallest")
    doc = (
        "The smallest element along axes.\n\nNaN if any element is NaN. If there are no elements, "
        "the highest value of the dtype (infinity). Gradient: shared equally by all smallest "
        "elements."
    )

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return np.min(x, axis=axes, keepdims=keepdims, initial=limits(x.dtype)[1])


@register
class ReduceProd(Reduction):
    """Product along axes."""

    id = "reduce_prod"
    inputs = (Port("x", dtypes=NUMBERS + COMPLEX),)
    keywords = ("multiply", "product")
    doc = (
        "The product of the elements along axes.\n\nThe product of no elements is 1. Integers "
        "wrap. Elements are multiplied from first to last in their own dtype. More than 4096 "
        "elements are multiplied in blocks of 4096, then the products of the blocks. Of several "
        "axes the last is reduced first, and adjacent axes count as one. A partial product that "
        "overflows in this order overflows in every tier. Gradient: the product of the other "
        "elements, also where elements are 0."
    )

    def reduce(self, x: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        shape = [1 if a in axes else d for a, d in enumerate(x.shape) if keepdims or a not in axes]
        if x.size == 0:
            return np.ones(shape, x.dtype)
        runs = lowering.reduced_runs(x.shape, axes)
        x = x.reshape([size for _, size in runs])
        for at in reversed([i for i, (reduced, _) in enumerate(runs) if reduced]):
            while x.shape[at] > lowering.PRODUCT_BLOCK:
                starts = np.arange(0, x.shape[at], lowering.PRODUCT_BLOCK)
                x = np.multiply.reduceat(x, starts, axis=at, dtype=x.dtype)
            x = np.multiply.reduce(x, axis=at, dtype=x.dtype)
        return np.array(x.reshape(shape))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        others = F.product_of_others(node.inputs[0], axis=node.attrs["axis"])
        return (restore_axes(grads[0], node) * others,)


class ArgExtreme(Op):
    """The base class of ops that return the index of an extreme along one axis."""

    category = "Reduction"
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        Attr("axis", "int", 0, "Axis to search along; none: all elements.", optional=True),
        Attr("keepdims", "bool", False, "Keep the axis with size 1."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        return TensorType("int64", reduced_shape(types[0].shape, axes, attrs["keepdims"]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        if attrs["axis"] is not None:
            return lowering.Reduce(self.id, (normalize_axis(attrs["axis"], types[0].rank),))
        parts = (
            lowering.Part("all", lowering.Alias(), ("x",), types[0].with_shape((types[0].size,))),
            lowering.Part(
                "found", lowering.Reduce(self.id, (0,)), ("all",), outs[0].with_shape(())
            ),
            lowering.Part("out", lowering.Alias(), ("found",), outs[0]),
        )
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        if (x.size if attrs["axis"] is None else x.shape[attrs["axis"]]) == 0:
            where = "there are no elements" if attrs["axis"] is None else "axis {axis} has size 0"
            raise RunError(
                f"{self.id} of nothing: {where.format(**attrs)}",
                port="x",
                hint="Feed at least one element along it.",
            )
        return np.asarray(self.search(x, axis=attrs["axis"], keepdims=attrs["keepdims"]), np.int64)

    def search(self, x: np.ndarray, **options: Any) -> Any:
        """Return the index of the extreme, found by numpy."""
        raise NotImplementedError

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3), dtype),), {"axis": 1})
        yield Sample((values((2, 3, 4)),), {"axis": -2, "keepdims": True})
        for keepdims in (False, True):
            yield Sample((values((2, 3, 4)),), {"axis": None, "keepdims": keepdims})
        yield Sample((values((2, 3, 4)),))
        yield Sample((values((0, 3)),), {"axis": 1})
        yield Sample((values((1, 1)),))
        ties = np.array(
            [[1.0, 3.0, 3.0, 1.0], [0.0, np.nan, np.nan, np.inf], [0.0, -0.0, 0.0, -0.0]]
        )
        yield Sample((ties,), {"axis": 1})


@register
class ArgMax(ArgExtreme):
    """Index of the maximum."""

    id = "argmax"
    keywords = ("index", "largest", "maximum", "class", "prediction")
    doc = (
        "The index of the largest element along an axis, or among all elements, as int64.\n\nThe "
        "first of equal elements. NaN counts as the largest. Searching no elements is an error "
        "when run. No gradient flows."
    )

    def search(self, x: np.ndarray, **options: Any) -> Any:
        return np.argmax(x, **options)


@register
class ArgMin(ArgExtreme):
    """Index of the minimum."""

    id = "argmin"
    keywords = ("index", "smallest", "minimum")
    doc = (
        "The index of the smallest element along an axis, or among all elements, as int64.\n\nThe "
        "first of equal elements. NaN counts as the smallest. Searching no elements is an error "
        "when run. No gradient flows."
    )

    def search(self, x: np.ndarray, **options: Any) -> Any:
        return np.argmin(x, **options)
