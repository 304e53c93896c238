"""Mean, variance and deviation along axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axes
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.logic import ComposedReduction
from nodeflow.ops.math.reduction import element_count, reduced_shape
from nodeflow.ops.samples import values

KEEPDIMS = Attr("keepdims", "bool", False, "Keep the axes with size 1.")


def centred(x: Tensor, axis: Any) -> tuple[Tensor, Tensor]:
    """Return the mean, with its axes kept as size 1, and x minus the mean."""
    mean = F.reduce_mean(x, axis=axis, keepdims=True)
    return mean, x - mean


@register
class Moments(Composed):
    """Mean and variance."""

    id = "moments"
    category = "Reduction"
    keywords = ("mean", "variance", "statistics", "batch norm")
    doc = (
        "Mean and variance of the elements along axes.\n\nThe variance is the mean of (x - "
        "mean)^2. It is computed in a second pass, so that it loses no digits."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    outputs = (Port("mean", "Means."), Port("variance", "Variances."))
    attrs = (Attr("axes", "axes", None, "Axis or axes; none: all."), KEEPDIMS)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        axes = normalize_axes(attrs["axes"], types[0].rank)
        return [types[0].with_shape(reduced_shape(types[0].shape, axes, attrs["keepdims"]))] * 2

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x, axes, keep = inputs[0], attrs["axes"], attrs["keepdims"]
        _, apart = centred(x, axes)
        mean = F.reduce_mean(x, axis=axes, keepdims=keep)
        return mean, F.reduce_mean(F.square(apart), axis=axes, keepdims=keep)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for axes in (None, 0, (0, 2)):
                attrs = {"axes": axes, "keepdims": axes == 0}
                yield Sample((values((2, 3, 4), dtype),), attrs, smooth=dtype == "float64")
        yield Sample((values((0, 3)),), {"axes": 0})
        yield Sample((values((1, 1)),), {"axes": 1}, smooth=True)
        yield Sample((np.array([[np.nan, 1.0], [np.inf, 1.0], [2.0, 2.0]]),), {"axes": 1})


class Spread(ComposedReduction):
    """The base class of variance and standard deviation."""

    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        *ComposedReduction.attrs,
        Attr(
            "correction", "float", 0.0, "Subtracted from the count: 1 for the variance of a sample."
        ),
    )

    def variance(self, x: Tensor, **attrs: Any) -> Tensor:
        axis, less = attrs["axis"], attrs["correction"]
        _, apart = centred(x, axis)
        squares = F.square(apart)
        if not less:
            return F.reduce_mean(squares, axis=axis, keepdims=attrs["keepdims"])
        total = F.reduce_sum(squares, axis=axis, keepdims=attrs["keepdims"])
        return total / (element_count(x, axis) - less)

    def samples(self) -> Iterator[Sample]:
        yield Sample((values((2, 3, 4)),), {"axis": (0, 2), "correction": 1.0}, smooth=True)
        yield Sample((values((4, 3)),), {"correction": 1.0}, smooth=True)
        for dtype in FLOATS:
            for axis in (None, 0, (0, 2)):
                attrs = {"axis": axis, "keepdims": axis == 0}
                yield Sample((values((2, 3, 4), dtype),), attrs, smooth=dtype == "float64")
        yield Sample((values((0, 3)),), {"axis": 0})
        yield Sample((values((1, 1)),), {"axis": 1})


@register
class ReduceVariance(Spread):
    """The mean squared distance from the mean."""

    id = "reduce_variance"
    keywords = ("var", "spread", "statistics", "moment")
    doc = (
        "The variance of the elements along axes: the mean of (x - mean)^2.\n\nWith `correction` "
        "1 the sum is divided by the count minus 1, as for a sample."
    )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return self.variance(inputs[0], **attrs)


@register
class ReduceStd(Spread):
    """The standard deviation."""

    id = "reduce_std"
    keywords = ("std", "stddev", "standard deviation", "spread", "statistics")
    doc = (
        "The standard deviation of the elements along axes: the root of the variance.\n\nWith "
        "`correction` 1 the sum of squares is divided by the count minus 1, as for a sample. The "
        "gradient is not finite where all elements are equal."
    )

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.sqrt(self.variance(inputs[0], **attrs))
