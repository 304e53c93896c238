"""Counts of numbers, histograms, and search in sorted rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed, equal_shapes
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.samples import values

COUNTS = Attr("dtype", "dtype", "int32", "Data type of the result.", choices=("int32", "int64"))


@register
class BinCount(Composed):
    """How often each number occurs."""

    id = "bincount"
    everyday = False
    category = "Reduction"
    keywords = ("histogram", "count", "frequency", "occurrences", "votes")
    doc = (
        "The number of times each of the numbers 0 to size - 1 occurs, or the sum of its "
        "weights.\n\nOther numbers are left out. Counts are int32; sums have the dtype of the "
        "weights. Gradient: each weight gets the gradient of its number."
    )
    inputs = (
        Port("x", "Numbers to count.", INDICES),
        Port("weights", "Weight of each number; 1 if not connected.", FLOATS, optional=True),
    )
    attrs = (Attr("size", "int", 10, "Size of the result.", minimum=0),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if len(types) > 1:
            equal_shapes(types[1], types[0], "weights x")
        return TensorType(types[1].dtype if len(types) > 1 else "int32", (attrs["size"],))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, size = F.cast(inputs[0], dtype="int64"), attrs["size"]
        kept = F.where(F.logical_and(x >= 0, x < size), x, size)
        one = F.cast(F.ones_like(x), dtype="int32")
        amounts = inputs[1] if len(inputs) > 1 else one
        return F.segment_sum(amounts, kept, count=size + 1)[:size]

    def samples(self) -> Iterator[Sample]:
        for kind in INDICES:
            yield Sample((np.array([[1, 2, 1], [9, 0, 1]], kind),), {"size": 4})
        for dtype in FLOATS:
            arrays = np.array([[1, -2, 1], [9, 0, 1]]), values((2, 3), dtype)
            yield Sample(arrays, {"size": 4}, smooth=dtype == "float64")
        yield Sample((np.zeros(0, "int64"),), {"size": 3})
        yield Sample((np.array(2),), {"size": 3})


@register
class HistogramFixedWidth(Composed):
    """A histogram."""

    id = "histogram_fixed_width"
    everyday = False
    category = "Reduction"
    keywords = ("histogram", "bins", "histc", "distribution", "frequency")
    doc = (
        "The number of values in each of nbins bins of equal width.\n\nValues outside value_range "
        "count in the first or last bin, NaN in the first. No gradient flows."
    )
    differentiable = False
    inputs = (Port("values", "Numbers to count.", NUMBERS),)
    attrs = (
        Attr("value_range", "literal", [0.0, 1.0], "Lower and upper end of the bins."),
        Attr("nbins", "int", 100, "Number of bins.", minimum=1),
        COUNTS,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self._range(attrs)
        return TensorType(attrs["dtype"], (attrs["nbins"],))

    def _range(self, attrs: Any) -> tuple[float, float]:
        ends = np.asarray(attrs["value_range"], "float64")
        if ends.shape != (2,) or not ends[0] < ends[1] or not np.isfinite(ends).all():
            raise AttributeProblem(
                "value_range must be two numbers, the lower one first", port="value_range"
            )
        return float(ends[0]), float(ends[1])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        low, high = self._range(attrs)
        bins, dtype = attrs["nbins"], attrs["dtype"]
        x = F.cast(inputs[0], dtype="float64")
        place = F.cast(F.floor((x - low) / (high - low) * float(bins)), dtype="int64")
        place = F.clip_by_value(place, min=0, max=bins - 1)
        return F.segment_sum(F.cast(F.ones_like(place), dtype=dtype), place, count=bins)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((4, 3), dtype),), {"value_range": [-2.0, 2.0], "nbins": 5})
        yield Sample((values((40,)),), {"dtype": "int64"})
        yield Sample((values((0, 3)),), {"nbins": 3})
        yield Sample((values((1, 1)),), {"nbins": 3})
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0])
        yield Sample((odd,), {"nbins": 4})


def _less(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return whether a sorts before b. NaN sorts last."""
    return (a < b) | ((b != b) & (a == a))


@register
class SearchSorted(Op):
    """Search in sorted rows."""

    id = "searchsorted"
    everyday = False
    category = "Reduction"
    keywords = ("bucketize", "digitize", "lower_bound", "upper_bound", "bisect", "insert")
    doc = (
        "The index at which each value would be inserted into a sorted row.\n\nRows are along the "
        "last axis, and each row of values is searched in its own sorted row; all other sizes "
        "must be equal. `left` gives the first possible place, `right` the last. No gradient "
        "flows."
    )
    inputs = (
        Port("sorted_sequence", "Rows in ascending order.", NUMBERS, "T"),
        Port("values", "Values to search.", NUMBERS, "T"),
    )
    attrs = (
        Attr(
            "side",
            "choice",
            "left",
            "Place before or after equal elements.",
            choices=("left", "right"),
        ),
        COUNTS,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        row, found = types
        if not row.rank or not found.rank or not compatible(row.shape[:-1], found.shape[:-1]):
            raise ShapeError(
                f"{shape_text(row.shape)} and {shape_text(found.shape)} must be rows, equal before "
                "the last axis",
                port="values",
            )
        return TensorType(attrs["dtype"], found.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.SearchSorted(attrs["side"])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        rows, found = arrays
        places, left = np.zeros(found.shape, "int64"), rows.shape[-1]
        while left > 0:
            half = (left + 1) // 2
            number = np.take_along_axis(rows, places + (half - 1), -1)
            before = _less(number, found) if attrs["side"] == "left" else ~_less(found, number)
            places += half * before
            left -= half
        return places.astype(attrs["dtype"])

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            row = np.sort(values((2, 5), dtype, 0, 9), axis=1)
            yield Sample((row, values((2, 3), dtype, 0, 9, start=4)))
        for side in ("left", "right"):
            arrays = np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, -1.0, 3.0, np.nan])
            yield Sample(arrays, {"side": side, "dtype": "int64"})
        yield Sample((np.zeros((0, 3)), np.zeros((0, 2))))
        yield Sample((np.zeros(1), np.zeros(1)))
