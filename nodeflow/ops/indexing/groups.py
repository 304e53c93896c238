"""Means and extremes of segments; sums of segments are in ``sorting``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.indexing.slicing import INDICES, check_indices
from nodeflow.ops.indexing.sorting import SegmentSum
from nodeflow.ops.math.reduction import limits
from nodeflow.ops.samples import values

SEGMENTS = SegmentSum.inputs[1]


def segment_type(*types: TensorType, **attrs: Any) -> TensorType:
    """Return the type of sums by segment."""
    found = REGISTRY.lookup("segment_sum").infer(*types, **attrs)
    assert isinstance(found, TensorType)
    return found


def segment_samples(dtypes: Sequence[str]) -> Iterator[Sample]:
    for dtype in dtypes:
        arrays = values((4, 3), dtype), np.array([1, 0, 1, 2], "int64")
        yield Sample(arrays, {"count": 3}, smooth=dtype == "float64")
        yield Sample(arrays, {"count": 5})
    for kind in INDICES:
        arrays = values((2, 3)), np.array([[1, 0, 1], [0, 0, 0]], kind)
        yield Sample(arrays, {"count": 2}, smooth=True)
    yield Sample((values((0, 3)), np.zeros(0, "int64")), {"count": 2})
    yield Sample((values(()), np.array(0)), {"count": 1}, smooth=True)


@register
class SegmentMean(Composed):
    """Means by segment."""

    id = "segment_mean"
    category = "Reduction"
    keywords = ("group by", "average", "unsorted_segment_mean", "centroid", "k-means")
    doc = (
        "The mean of the slices of x in each segment.\n\nShapes are as for segment_sum. A segment "
        "without slices is 0. Gradient: shared equally by the slices of the segment."
    )
    inputs = (Port("x", dtypes=FLOATS), SEGMENTS)
    attrs = SegmentSum.attrs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return segment_type(*types, **attrs)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, segments = inputs
        total = F.segment_sum(x, segments, **attrs)
        ones = F.cast(F.ones_like(segments), dtype=x.dtype)
        count = F.maximum(F.segment_sum(ones, segments, **attrs), 1)
        rest = len(x.shape) - len(segments.shape)
        return total / (F.expand_dims(count, axis=tuple(range(1, rest + 1))) if rest else count)

    def samples(self) -> Iterator[Sample]:
        yield from segment_samples(FLOATS)


class SegmentExtreme(Op):
    """The base class of extremes by segment; equal extremes share the gradient equally."""

    category = "Reduction"
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS), SEGMENTS)
    attrs = SegmentSum.attrs
    kind = ""
    combine: np.ufunc

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return segment_type(*types, **attrs)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.ScatterAdd(0, from_end=False, kind=self.kind)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, segments = arrays
        count = attrs["count"]
        try:
            check_indices(segments, count, 0)
        except RunError as error:
            message = error.message.replace("index", "segment")
            raise RunError(message, port="segments") from None
        start = limits(x.dtype)[self.kind == "min"]
        out = np.full((count, *x.shape[segments.ndim :]), start, x.dtype)
        self.combine.at(out, segments.astype(np.int64), x)
        return out

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        (x, segments), count = node.inputs, node.attrs["count"]
        chosen = F.cast(F.equal(x, F.gather(node.outputs[0], segments)), dtype=x.dtype)
        ties = F.segment_sum(chosen, segments, count=count)
        share = grads[0] / F.maximum(ties, 1)
        return chosen * F.gather(share, segments), None

    def samples(self) -> Iterator[Sample]:
        yield from segment_samples(NUMBERS)


@register
class SegmentMax(SegmentExtreme):
    """Maxima by segment."""

    id = "segment_max"
    everyday = False
    keywords = ("group by", "largest", "unsorted_segment_max", "scatter max")
    doc = (
        "The elementwise maximum of the slices of x in each segment.\n\nShapes are as for "
        "segment_sum. A segment without slices is the lowest value of the dtype (-infinity). "
        "Gradient: shared equally by all largest elements."
    )
    kind, combine = "max", np.maximum


@register
class SegmentMin(SegmentExtreme):
    """Minima by segment."""

    id = "segment_min"
    everyday = False
    keywords = ("group by", "smallest", "unsorted_segment_min", "scatter min")
    doc = (
        "The elementwise minimum of the slices of x in each segment.\n\nShapes are as for "
        "segment_sum. A segment without slices is the highest value of the dtype (infinity). "
        "Gradient: shared equally by all smallest elements."
    )
    kind, combine = "min", np.minimum
