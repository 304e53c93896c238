"""Losses between vectors: angles and triplets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed, equal_shapes
from nodeflow.ops.objectives.losses import REDUCTION, RESHAPE, Loss
from nodeflow.ops.samples import values


@register
class CosineLoss(Loss):
    """The distance of two directions."""

    id = "cosine_loss"
    everyday = False
    keywords = ("cosine similarity", "cosine distance", "angle", "embedding", "direction")
    doc = (
        "1 - the cosine of the angle between labels and predictions, per row.\n\nRows are along "
        "the last axis. 0 for the same direction, 1 for a right angle, 2 for opposite directions. "
        "A row of zeros gives 1. Lengths below 1e-6 count as 1e-6."
    )
    rows = True

    def each(self, labels: Tensor, predictions: Tensor, **attrs: Any) -> Tensor:
        one, other = (F.l2_normalize(x, axis=-1) for x in (labels, predictions))
        return 1 - F.reduce_sum(one * other, axis=-1)


@register
class TripletLoss(Composed):
    """A comparison of the distances to a similar and a different vector."""

    id = "triplet_loss"
    everyday = False
    category = "Loss"
    keywords = ("triplet margin", "metric learning", "embedding", "siamese", "facenet")
    doc = (
        "max(0, d(anchor, positive) - d(anchor, negative) + margin), per row.\n\nd is the "
        "Euclidean distance along the last axis, or its square. Schroff, Kalenichenko and "
        "Philbin, 2015, use the square. The gradient is 0 at distance 0 and at the margin."
    )
    inputs = (
        Port("anchor", "Vectors.", FLOATS, "T"),
        Port("positive", "Vectors of the same class.", FLOATS, "T"),
        Port("negative", "Vectors of another class.", FLOATS, "T"),
    )
    attrs = (
        Attr("margin", "float", 1.0, "Required difference of the distances."),
        Attr("squared", "bool", False, "Use squared distances."),
        REDUCTION,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        equal_shapes(types[1], types[0], "positive anchor", RESHAPE)
        shape = equal_shapes(types[2], types[0], "negative anchor", RESHAPE)
        if not shape:
            raise ShapeError("triplet_loss needs vectors, not scalars", port="anchor")
        return types[0].with_shape(shape[:-1] if attrs["reduction"] == "none" else ())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        anchor, *others = inputs
        near, far = (self.distance(anchor - other, attrs["squared"]) for other in others)
        each = F.relu(near - far + attrs["margin"])
        if attrs["reduction"] == "none":
            return each
        return F.reduce_mean(each) if attrs["reduction"] == "mean" else F.reduce_sum(each)

    def distance(self, apart: Tensor, squared: bool) -> Tensor:
        if squared:
            return F.reduce_sum(F.square(apart), axis=-1)
        return F.norm(apart, axis=-1)

    def samples(self) -> Iterator[Sample]:
        def three(shape: tuple[int, ...], dtype: str = "float64") -> tuple[np.ndarray, ...]:
            return tuple(values(shape, dtype, start=s) for s in (1, 8, 20))

        for dtype in FLOATS:
            yield Sample(three((2, 3), dtype), smooth=dtype == "float64")
        for reduction in REDUCTION.choices:
            for squared in (False, True):
                attrs = {"reduction": reduction, "squared": squared, "margin": 4.0}
                yield Sample(three((2, 3, 4)), attrs, smooth=True)
        yield Sample(three((0, 3)))
        yield Sample(three((1, 1)), smooth=True)
