"""Norms of vectors, and vectors of length 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axes
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.logic import ComposedReduction
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.samples import values


def root(total: Tensor) -> Tensor:
    """Return the square root, with a gradient of 0 at 0."""
    zero = F.equal(total, 0)
    return F.where(zero, 0, F.sqrt(F.where(zero, 1, total)))


@register
class Norm(ComposedReduction):
    """The length of vectors."""

    id = "norm"
    keywords = ("length", "magnitude", "euclidean", "l2", "l1", "frobenius", "distance")
    doc = (
        "The norm of the vectors along axes: the root of the sum of squares.\n\nAlong two axes it "
        "is the Frobenius norm of matrices. `ord` 1 sums absolute values, infinity takes the "
        "largest. Any other p > 0 gives sum(|x|^p)^(1/p). The gradient of the root is 0 at 0."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        Attr("ord", "float", 2.0, "Order of the norm: 2, 1, infinity, or another number above 0."),
        *ComposedReduction.attrs,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not attrs["ord"] > 0:
            raise AttributeProblem(f"ord {attrs['ord']:g} is not above 0", port="ord")
        return super().infer(*types, **attrs)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, power = inputs[0], attrs.pop("ord")
        if power == 2:
            return root(F.reduce_sum(F.square(x), **attrs))
        if power == 1:
            return F.reduce_sum(F.abs(x), **attrs)
        if math.isinf(power):
            return F.reduce_max(F.abs(x), **attrs)
        total = F.reduce_sum(F.power(F.abs(x), power), **attrs)
        return F.power(total, 1 / power)

    def samples(self) -> Iterator[Sample]:
        for power in (1.0, 3.0, math.inf):
            yield Sample((values((2, 3, 4)),), {"ord": power, "axis": 1}, smooth=True)
            yield Sample((values((4, 3), "float32"),), {"ord": power})
        yield Sample((np.zeros((2, 3)),), {"axis": 1})
        yield from super().samples()


@register
class L2Normalize(Composed):
    """Vectors of length 1."""

    id = "l2_normalize"
    category = "Neural network"
    keywords = ("unit vector", "normalize", "cosine", "direction", "length")
    doc = (
        "x divided by its length along axes: vectors of length 1.\n\nx / sqrt(max(sum(x^2), "
        "epsilon)), as in TensorFlow. A zero vector stays zero."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        Attr("axis", "axes", None, "Axis or axes of one vector; none: all."),
        Attr("epsilon", "float", 1e-12, "Lower bound of the squared length.", minimum=0),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        total = F.reduce_sum(F.square(x), axis=attrs["axis"], keepdims=True)
        return x * F.rsqrt(F.maximum(total, attrs["epsilon"]))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 3), dtype),), {"axis": -1}, smooth=dtype == "float64")
            yield Sample((values((2, 3, 4), dtype),), {"axis": (0, 2)}, smooth=dtype == "float64")
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((0, 3)),), {"axis": 1})
        yield Sample((values((1, 1)),), {"epsilon": 10.0}, smooth=True)
        yield Sample((np.zeros((2, 2)),))


@register
class WeightNormalization(Composed):
    """Weights split into length and direction."""

    id = "weight_normalization"
    everyday = False
    category = "Neural network"
    keywords = ("weight norm", "reparametrization", "direction")
    doc = (
        "g * v / |v|: weights with the length g and the direction of v.\n\nThe length is taken "
        "over all axes but `axis`. g broadcasts to v: one number per output. Salimans and Kingma, "
        "2016."
    )
    inputs = (
        Port("v", "Direction, in the shape of the weights.", FLOATS, "T"),
        Port("g", "Length; broadcasts to v.", FLOATS, "T"),
    )
    attrs = (Attr("axis", "axes", -1, "Axis or axes of the outputs."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        check_broadcast("g", types[1], types[0])
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        v, g = inputs
        rank = len(v.shape)
        kept = normalize_axes(attrs["axis"], rank)
        others = [a for a in range(rank) if a not in kept]
        return v * (g / F.norm(v, axis=others, keepdims=True))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((3,), dtype, 0.5, 1.5)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)), values((2, 1, 1), start=5)), {"axis": 0}, smooth=True)
        yield Sample((values((2, 3)), values((), start=5)), {"axis": ()}, smooth=True)
        yield Sample((values((0, 3)), values((3,))))
        yield Sample((values((1, 1)), values((1,), start=3)), smooth=True)
