"""Reductions of bools, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import BOOL, FLOATS, TensorType, normalize_axes
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.reduction import Reduction, reduced_shape
from nodeflow.ops.samples import special, values


class ComposedReduction(Composed):
    """The base class of reductions composed of other ops."""

    category = "Reduction"
    attrs = Reduction.attrs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        return types[0].with_shape(reduced_shape(types[0].shape, axes, attrs["keepdims"]))

    def samples(self) -> Iterator[Sample]:
        for dtype in self.inputs[0].dtypes:
            for axis in (None, 0, (0, 2)):
                attrs = {"axis": axis, "keepdims": axis == 0}
                yield Sample((values((2, 3, 4), dtype),), attrs, smooth=dtype == "float64")
            yield Sample((values((0, 3), dtype),), {"axis": 0})
            yield Sample((values((2, 0), dtype),), {"axis": 0})
            yield Sample((values((), dtype),), smooth=dtype == "float64")
            yield Sample((values((1, 1), dtype),), {"axis": 1}, smooth=dtype == "float64")


def _by_bytes(reduce: str, x: Tensor, attrs: dict[str, Any]) -> Tensor:
    result = getattr(F, reduce)(F.cast(x, dtype="uint8"), **attrs)
    return F.cast(result, dtype="bool")


@register
class ReduceAny(ComposedReduction):
    """The op that tells whether any element is true."""

    id = "reduce_any"
    keywords = ("or", "exists", "some")
    doc = "True where any element along the axes is true.\n\nFalse if there are no elements."
    differentiable = False
    inputs = (Port("x", dtypes=BOOL),)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return _by_bytes("reduce_max", inputs[0], attrs)


@register
class ReduceAll(ComposedReduction):
    """The op that tells whether all elements are true."""

    id = "reduce_all"
    keywords = ("and", "every")
    doc = "True where all elements along the axes are true.\n\nTrue if there are no elements."
    differentiable = False
    inputs = (Port("x", dtypes=BOOL),)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return _by_bytes("reduce_min", inputs[0], attrs)


@register
class ReduceLogSumExp(ComposedReduction):
    """The logarithm of the sum of exponentials, a smooth maximum."""

    id = "reduce_logsumexp"
    keywords = ("smooth maximum", "logarithm", "partition function", "stable")
    doc = (
        "log(sum(exp(x))) along axes, without overflow.\n\nThe maximum is subtracted first. "
        "-infinity if there are no elements. Gradient: softmax along the axes."
    )
    inputs = (Port("x", dtypes=FLOATS),)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, axis = inputs[0], attrs["axis"]
        largest = F.stop_gradient(F.reduce_max(x, axis=axis, keepdims=True))
        level = F.where(F.abs(largest) < float("inf"), largest, 0)
        total = F.log(F.reduce_sum(F.exp(x - level), axis=axis, keepdims=True)) + level
        if axis is None and not x.type.has_rank:
            return total if attrs["keepdims"] else F.reshape(total, shape=())
        axes = normalize_axes(axis, x.type.rank) if x.type.has_rank else axis
        return total if attrs["keepdims"] or not axes else F.squeeze(total, axis=axes)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        for dtype in FLOATS:
            yield Sample((special(dtype),))
            yield Sample((special(dtype)[2:].reshape(2, 2) * 1e4,), {"axis": 1})
