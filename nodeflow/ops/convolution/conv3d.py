"""Convolution of volumes: like convolution of images, with one more axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops.base import register
from nodeflow.ops.convolution.channels_last import Order
from nodeflow.ops.convolution.conv2d import (
    GROUPS,
    Conv2D,
    Conv2DFilterGradient,
    Conv2DInputGradient,
    Convolution,
)
from nodeflow.ops.convolution.transposed import SIZES, Conv2DTranspose
from nodeflow.ops.convolution.volumes import lower_volumes, volume_filter_order, volume_order
from nodeflow.ops.lowering import Lowering
from nodeflow.ops.samples import ROUNDED, values
from nodeflow.ops.sliding_windows import LAYOUT_3D, PADDING, PADS, Windows

ATTRS_3D = (
    Attr("strides", "ints", (1, 1, 1), "Steps between windows: one number, or one per axis."),
    PADDING,
    Attr("dilations", "ints", (1, 1, 1), "Distance between the elements of a window.",
         advanced=True),
    GROUPS,
    LAYOUT_3D,
    PADS,
    Attr("filter_layout", "choice", "DHWIO", "Axis order of the filter: DHWIO as in TensorFlow, "
         "OIDHW as in PyTorch and ONNX.",
         choices=("DHWIO", "OIDHW"), advanced=True),
)  # fmt: skip
FILTER = Port("filter", "(depth, height, width, channels / groups, filters).", FLOATS, "T")


class Convolution3D(Convolution):
    """A mixin that turns an op on images into the op on volumes."""

    everyday = False
    attrs = ATTRS_3D
    family = "conv3d"

    def orders(self, layout: str, filter_layout: str) -> tuple[Order, Order]:
        return volume_order(layout), volume_filter_order(filter_layout)

    def lowered(
        self,
        windows: Windows,
        groups: int,
        types: Sequence[TensorType],
        out: TensorType,
        orders: Sequence[Order],
    ) -> Lowering:
        return lower_volumes(self.product, windows, groups, types, out, orders)

    def samples(self) -> Iterator[Sample]:
        yield self.call((1, 3, 2, 4, 2), (2, 1, 3, 2, 3), {}, "float64")
        for dtype in ROUNDED:
            yield self.call((2, 3, 4, 5, 6), (2, 3, 1, 6, 7), {}, dtype)
        for attrs in (
            {"padding": "valid", "strides": (2, 1, 2)},
            {"strides": (2,), "layout": "NCDHW", "filter_layout": "OIDHW"},
            {"dilations": (1, 2, 1), "pads": [[1, 0], [2, 1], [0, 2]]},
        ):
            yield self.call((1, 2, 3, 4, 1), (2, 2, 1, 1, 2), attrs, "float64")
        yield self.call((1, 2, 1, 3, 4), (1, 1, 2, 2, 6), {"groups": 2}, "float64")
        yield self.call((0, 2, 3, 4, 2), (2, 1, 1, 2, 3), {}, "float64")
        yield self.call((1, 1, 1, 1, 1), (1, 1, 1, 1, 1), {}, "float64")


@register
class Conv3D(Convolution3D, Conv2D):
    """Convolution of volumes."""

    id = "conv3d"
    keywords = ("convolution", "cnn", "filter", "volume", "video", "Conv3d")
    doc = (
        "The product of filters with every window of a batch of volumes.\n\nx (n, depth, height, "
        "width, channels) and filter (depth, height, width, channels / groups, filters) give (n, "
        "depth', height', width', filters). Otherwise as conv2d."
    )
    inputs = (Port("x", "Volumes.", FLOATS, "T"), FILTER)


@register
class Conv3DInputGradient(Convolution3D, Conv2DInputGradient):
    """The adjoint of convolution with respect to the volume."""

    id = "conv3d_input_gradient"
    doc = "The sum of filters weighted by x, each at its window in a volume of the shape of `like`."
    inputs = (Conv2DInputGradient.inputs[0], FILTER, Conv2DInputGradient.inputs[2])


@register
class Conv3DFilterGradient(Convolution3D, Conv2DFilterGradient):
    """The adjoint of convolution with respect to the filter."""

    id = "conv3d_filter_gradient"
    inputs = (Port("x", "Volumes.", FLOATS, "T"), *Conv2DFilterGradient.inputs[1:])


@register
class Conv3DTranspose(Convolution3D, Conv2DTranspose):
    """Transposed convolution of volumes."""

    id = "conv3d_transpose"
    keywords = ("deconvolution", "upsampling", "volume", "ConvTranspose3d", "conv_transpose")
    doc = (
        "Transposed convolution of volumes: the adjoint of conv3d with the same filter.\n\nx (n, "
        "depth, height, width, channels) and filter (depth, height, width, filters / groups, "
        "channels of x) give (n, depth * stride, height * stride, width * stride, filters) with "
        'padding "same". Otherwise as conv2d_transpose.'
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("filter", "(depth, height, width, filters / groups, channels of x).", FLOATS, "T"),
    )
    attrs = (*ATTRS_3D, *SIZES)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        arrays = values((1, 2, 1, 3, 2)), values((1, 3, 2, 1, 2), start=5)
        valid: dict[str, Any] = {"padding": "valid", "strides": (1, 3, 2)}
        yield Sample(arrays, {**valid, "output_padding": (0, 2, 1)}, smooth=True)
        yield Sample(arrays, {"strides": (2,), "output_sizes": (3, 2, 6)}, smooth=True)
