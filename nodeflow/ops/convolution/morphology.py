"""Dilation of images: a convolution with sum and maximum in place of product and sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import PADDING, Windows, check_picture


@register
class Dilation2D(Composed):
    """The largest sum of window and filter, for each window."""

    id = "dilation2d"
    everyday = False
    category = "Neural network"
    keywords = ("morphology", "erosion", "grey", "grayscale", "max plus", "structuring element")
    doc = (
        "Grey dilation: the maximum over each window of image plus filter.\n\nx "
        "(n, height, width, channels) and filter (height, width, channels) give (n, height', "
        "width', channels). The border never counts. Height and width must be known. For an "
        "erosion, negate the dilation of -x by the flipped filter. Gradient: shared equally by "
        "equal largest sums."
    )
    inputs = (
        Port("x", "Images: (n, height, width, channels).", FLOATS, "T"),
        Port("filter", "(height, width, channels).", FLOATS, "T"),
    )
    attrs = (
        Attr("strides", "ints", (1, 1), "Steps between windows: height and width, or one number."),
        PADDING,
        Attr(
            "dilations", "ints", (1, 1), "Distance between the elements of a window.", advanced=True
        ),
    )

    def windows(self, filter_: TensorType, **attrs: Any) -> Windows:
        """Return the sliding windows that a filter (height, width, channels) and the op's
        attributes define.

        Raises:
            ShapeError: the filter's rank is not 3, or its height or width is unknown or 0.
        """
        if filter_.rank != 3 or None in filter_.shape[:2] or 0 in filter_.shape[:2]:
            raise ShapeError(
                f"a filter must be (height, width, channels), not {shape_text(filter_.shape)}",
                port="filter",
            )
        return Windows.of([size or 0 for size in filter_.shape[:2]], attrs)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, filter_ = types
        windows = self.windows(filter_, **attrs)
        n, *sizes, channels = check_picture(x, "NHWC")
        if None in sizes:
            raise ShapeError(
                f"height and width of {shape_text(x.shape)} must be known",
                port="x",
                hint="Give the sizes where the tensor is made.",
            )
        if not compatible((channels,), filter_.shape[2:]):
            raise ShapeError(
                f"x has {channels} channels, but the filter has {filter_.shape[2]}", port="filter"
            )
        channels = filter_.shape[2] if channels is None else channels
        return x.with_shape((n, *windows.counts(*sizes), channels))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, filter_ = inputs
        windows = self.windows(filter_.type, **attrs)
        sizes = [size or 0 for size in x.shape[1:3]]
        pads = windows.pads(sizes)
        if any(map(any, pads)):
            x = F.pad(x, paddings=[[0, 0], *map(list, pads), [0, 0]], value=float("-inf"))
        for place, axis, size in zip((1, 3), windows.axes, sizes, strict=True):
            first = np.arange(axis.count(size) or 0)[:, None] * axis.stride
            x = F.gather(x, first + np.arange(axis.kernel) * axis.dilation, axis=place)
        height, width, channels = filter_.shape
        shape = (height, 1, width, -1 if channels is None else channels)
        return F.reduce_max(x + F.reshape(filter_, shape=shape), axis=(2, 4))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 4, 5, 3), dtype), values((2, 1, 3), dtype, start=5)
            yield Sample(arrays, smooth=dtype == "float64")
        arrays = values((1, 5, 6, 2)), values((2, 3, 2), start=7)
        attrs = {"strides": (2, 1), "dilations": (1, 2), "padding": "valid"}
        yield Sample(arrays, attrs, smooth=True)
        yield Sample((values((0, 4, 3, 2)), values((2, 2, 2))))
        yield Sample((values((1, 1, 1, 1)), values((1, 1, 1))), smooth=True)
