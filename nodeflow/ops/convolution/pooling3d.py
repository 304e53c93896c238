"""Pooling of volumes: like pooling of images, with one more axis."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS
from nodeflow.ops.base import register
from nodeflow.ops.convolution.pooling import (
    CEIL,
    COUNT_BORDER,
    PADDING,
    STRIDES,
    AveragePool2D,
    AveragePool2DGradient,
    MaxPool2D,
    Pool,
    PutAtLargest,
    TakeAtLargest,
)
from nodeflow.ops.sliding_windows import LAYOUT_3D, PADS

ATTRS = (
    Attr("size", "ints", (2, 2, 2), "Sizes of a window, or one number for all."),
    STRIDES,
    PADDING,
    LAYOUT_3D,
    Attr(
        "dilations", "ints", (1, 1, 1), "Distance between the elements of a window.", advanced=True
    ),
    PADS,
    CEIL,
)
VOLUMES = Port("x", "Volumes.", FLOATS)


class Pool3D(Pool):
    """A mixin that turns pooling of images into pooling of volumes."""

    everyday = False
    inputs = (VOLUMES,)
    attrs = ATTRS

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield self.call((1, 3, 2, 4, 3), dtype, size=(2, 1, 2), strides=(1,))
        yield self.call((2, 3, 4, 5, 6), "float32", size=(2, 1, 2))
        yield self.call((1, 2, 4, 3, 1), size=(2, 3, 1), strides=(2, 1, 1), layout="NCDHW")
        yield self.call((1, 3, 2, 4, 1), size=(2,), padding="same")
        pads = [[1, 0], [0, 1], [1, 1]]
        yield self.call((1, 2, 3, 4, 1), size=(2, 2, 3), pads=pads, ceil_mode=True)
        yield self.call((1, 3, 1, 4, 1), size=(2, 1, 2), strides=(1,), dilations=(2,))
        if COUNT_BORDER in self.attrs:
            yield self.call((1, 2, 3, 4, 1), size=(2,), pads=pads, count_include_pad=True)
        yield self.call((0, 2, 4, 3, 1))
        yield self.call((1, 1, 1, 1, 1), size=(1,))


@register
class MaxPool3D(Pool3D, MaxPool2D):
    """The largest element of each window of volumes."""

    id = "max_pool3d"
    partner = "put_at_largest3d"
    keywords = ("pooling", "maximum", "cnn", "volume", "video", "MaxPool3d", "MaxPool")
    doc = "The largest element of each window of volumes, for each channel.\n\nAs max_pool2d."


@register
class PutAtLargest3D(Pool3D, PutAtLargest):
    """The adjoint of max pooling of volumes."""

    id = "put_at_largest3d"
    partner = "take_at_largest3d"
    inputs = PutAtLargest.inputs


@register
class TakeAtLargest3D(Pool3D, TakeAtLargest):
    """The elements of one volume at the places of the maxima of another."""

    id = "take_at_largest3d"
    partner = "put_at_largest3d"
    inputs = TakeAtLargest.inputs


@register
class AveragePool3D(Pool3D, AveragePool2D):
    """The mean of each window of volumes."""

    id = "average_pool3d"
    partner = "average_pool3d_gradient"
    keywords = ("pooling", "mean", "cnn", "volume", "video", "AvgPool3d", "avg_pool3d")
    doc = "The mean of each window of volumes, for each channel.\n\nAs average_pool2d."
    attrs = (*ATTRS, COUNT_BORDER)


@register
class AveragePool3DGradient(Pool3D, AveragePool2DGradient):
    """The adjoint of average pooling of volumes."""

    id = "average_pool3d_gradient"
    partner = "average_pool3d"
    inputs = AveragePool2DGradient.inputs
    attrs = (*ATTRS, COUNT_BORDER)
