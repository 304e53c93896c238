"""Interpolation of an array at points between its elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, numpy_dtype, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values

CUBIC = -0.75


@register
class GridSample(Composed):
    """The values of an array at points between its elements."""

    id = "grid_sample"
    everyday = False
    category = "Pictures"
    keywords = ("sample", "warp", "spatial transformer", "bilinear", "bicubic", "deform", "flow")
    doc = (
        "The values of x at the points of a grid, interpolated between its elements.\n\nx "
        "(n, channels, sizes...) and grid (n, points..., axes) give (n, channels, points...). The "
        "sizes of x must be known. A point has one coordinate per axis, the last axis of x first. "
        "Coordinates -1 and 1 are the outer edges, or with align_corners the centres of the outer "
        "elements. `padding` chooses the values beyond the border: zeros, the border, or its "
        "reflection. As in PyTorch and ONNX. Jaderberg et al., 2015."
    )
    inputs = (
        Port("x", "Array to read from.", FLOATS, "T"),
        Port("grid", "Points.", FLOATS, "T"),
    )
    attrs = (
        Attr(
            "method", "choice", "linear", "Interpolation.", choices=("linear", "nearest", "cubic")
        ),
        Attr(
            "padding", "choice", "zeros", "Values beyond the border.",
            choices=("zeros", "border", "reflection"),
        ),
        Attr("align_corners", "bool", False, "-1 and 1 are centres of elements, not edges."),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, grid = types
        axes = x.rank - 2
        if axes < 1 or None in x.shape[2:] or 0 in x.shape[2:]:
            raise ShapeError(
                f"{shape_text(x.shape)} must be (n, channels, sizes...) with known sizes", port="x"
            )
        if grid.rank != x.rank or not compatible(
            (x.shape[0], axes), (grid.shape[0], grid.shape[-1])
        ):
            raise ShapeError(
                f"grid {shape_text(grid.shape)} must be (n, points..., {axes})", port="grid"
            )
        rows = grid.shape[0] if x.shape[0] is None else x.shape[0]
        return x.with_shape((rows, x.shape[1], *grid.shape[1:-1]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, grid = inputs
        axes = len(x.shape) - 2
        sizes = [d or 0 for d in x.shape[2:]]
        parts = F.unstack(grid, num=axes, axis=-1)
        points = [
            self.coordinate(parts[axes - 1 - axis], size, attrs) for axis, size in enumerate(sizes)
        ]
        return self.between(x, points, attrs)

    def between(self, x: Tensor, points: Sequence[Tensor], attrs: Mapping[str, Any]) -> Tensor:
        """Interpolate x (n, channels, ...) at fractional positions.

        Args:
            points: the coordinate along each spatial axis, all of one shape (n, ...).
        """
        axes, sizes = len(points), [d or 0 for d in x.shape[2:]]
        last = (0, *range(2, axes + 2), 1)  # channels last, so that indices address whole rows
        table = F.transpose(x, perm=last)
        choices = [self.neighbours(point, attrs["method"]) for point in points]
        terms = []
        for corner in product(*choices):
            index, inside = [], []
            for (place, _), size in zip(corner, sizes, strict=True):
                fits = F.logical_and(place >= 0, place <= size - 1)
                inside.append(fits)
                index.append(F.cast(self.wrapped(place, size, attrs), dtype="int64"))
            value = F.gather_nd(table, F.stack(index, axis=-1), batch_dims=1)
            weight = reduce(F.multiply, [w for _, w in corner])
            if attrs["padding"] == "zeros":
                weight = F.where(reduce(F.logical_and, inside), weight, 0)
            terms.append(value * F.expand_dims(weight, axis=-1))
        total = reduce(F.add, terms)
        rank = len(total.shape)
        return F.transpose(total, perm=(0, rank - 1, *range(1, rank - 1)))

    def coordinate(self, share: Tensor, size: int, attrs: Mapping[str, Any]) -> Tensor:
        """Convert a normalized coordinate in [-1, 1] to a fractional index along an axis with
        ``size`` elements.
        """
        corners = attrs["align_corners"]
        place = (share + 1) * ((size - 1) / 2) if corners else ((share + 1) * size - 1) * 0.5
        if attrs["method"] == "cubic" or attrs["padding"] == "zeros":
            return place
        return self.wrapped(place, size, attrs)

    def wrapped(self, place: Tensor, size: int, attrs: Mapping[str, Any]) -> Tensor:
        """Move a coordinate outside the image back inside: reflect it at the border if ``padding``
        is "reflection", otherwise clip it.
        """
        if attrs["padding"] == "reflection":
            low = 0.0 if attrs["align_corners"] else -0.5
            span = size - 1 if attrs["align_corners"] else size
            if not span:
                place = place * 0
            else:
                turn = F.modulo(F.abs(place - low), 2.0 * span)
                place = F.minimum(turn, 2.0 * span - turn) + low
        return F.clip_by_value(place, min=0.0, max=size - 1.0)

    def neighbours(self, point: Tensor, method: str) -> list[tuple[Tensor, Tensor]]:
        """Return the integer positions around a fractional position along one axis, each with its
        interpolation weight.
        """
        if method == "nearest":
            return [(F.round(point), F.ones_like(point))]
        first = F.floor(point)
        share = point - first
        if method == "linear":
            return [(first, 1 - share), (first + 1, share)]
        return [(first + by, cubic(share - by)) for by in (-1, 0, 1, 2)]

    def samples(self) -> Iterator[Sample]:
        x, grid = values((2, 3, 4, 5)), values((2, 2, 3, 2), "float64", -0.9, 0.9, start=7)
        for dtype in FLOATS:
            arrays = (array.astype(numpy_dtype(dtype)) for array in (x, grid))
            yield Sample(tuple(arrays), smooth=dtype == "float64")
        for method in ("nearest", "cubic"):
            yield Sample((x[:, :1], grid[:, :1]), {"method": method}, smooth=method == "cubic")
        wide = values((2, 2, 3, 2), "float64", -1.8, 1.8, start=7)
        for padding in ("border", "reflection"):
            for corners in (False, True):
                attrs = {"padding": padding, "align_corners": corners}
                yield Sample((x, wide), attrs)
        yield Sample((values((2, 1, 3)), values((2, 4, 1), "float64", -0.9, 0.9)), smooth=True)
        yield Sample((values((0, 2, 3)), values((0, 4, 1))))
        yield Sample((values((1, 1, 1)), np.zeros((1, 1, 1))))


def cubic(distance: Tensor) -> Tensor:
    """Return Keys's cubic at a distance below 2."""
    d = F.abs(distance)
    near = ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    far = ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC
    return F.where(d <= 1, near, far)
