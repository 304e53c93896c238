"""The separable convolutional layer: each channel by itself, then all channels of one pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.convolution import BIAS_INITIALIZER, Conv2D, Convolutional
from nodeflow.ops.layers.layer import Weights, activate, initializer_attr, known_size
from nodeflow.ops.samples import values

GLOROT = {"op": "glorot_uniform"}


@register
class SeparableConv2D(Convolutional):
    """Filters for each channel, and then over all channels."""

    id = "layers/separable_conv2d"
    convolution = "conv2d"
    keywords = ("depthwise", "mobilenet", "xception", "layer", "image", "cnn")
    doc = (
        "Filters for each channel by itself, then filters of size 1 over the results.\n\nImages "
        "(rows, height, width, channels) give (rows, height', width', filters), with fewer weights "
        "than conv2d. The variables are NAME/depthwise_kernel (height, width, channels, "
        "depth_multiplier), NAME/pointwise_kernel (1, 1, channels * depth_multiplier, filters) and "
        "NAME/bias (filters,). Chollet, 2017."
    )
    inputs = Conv2D.inputs
    attrs = tuple(
        part
        for attr in Conv2D.attrs
        if attr.name != "groups"
        for part in {
            "dilation_rate": (
                attr,
                Attr("depth_multiplier", "int", 1, "Filters of each channel.", minimum=1),
            ),
            "kernel_initializer": (
                initializer_attr("depthwise_initializer", GLOROT, "How that kernel begins."),
                initializer_attr("pointwise_initializer", GLOROT, "How that kernel begins."),
            ),
            "bias_initializer": (BIAS_INITIALIZER,),
        }.get(attr.name, (attr,))
    )
    grouped = False

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        plain = {**attrs, "kernel_initializer": attrs["depthwise_initializer"], "groups": 1}
        found = super().weights(*types, **plain)
        channels, many = known_size(types[0], -1, "channels"), attrs["depth_multiplier"]
        size = self.kernel_size(attrs)
        point = (1, 1, channels * many, attrs["filters"])
        return {
            "depthwise_kernel": ((*size, channels, many), attrs["depthwise_initializer"]),
            "pointwise_kernel": (point, attrs["pointwise_initializer"]),
            **{name: rest for name, rest in found.items() if name == "bias"},
        }

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check_weights(*types, **attrs)
        plain = {**attrs, "kernel_initializer": attrs["depthwise_initializer"], "groups": 1}
        kernel = types[0].with_shape(super().weights(*types, **plain)["kernel"][0])
        return self.convolved(types[0], kernel, attrs)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, made = inputs[0], self.make_weights(*inputs, **attrs)
        own = made["depthwise_kernel"]
        height, width, channels, many = (size or 0 for size in own.shape)
        kernel = F.reshape(own, shape=(height, width, 1, channels * many))
        each = F.conv2d(x, kernel, **self.windows(attrs), groups=channels, name="depthwise")
        out = F.conv2d(each, made["pointwise_kernel"], padding="valid", name="pointwise")
        if attrs["use_bias"]:
            out = out + made["bias"]
        return activate(out, attrs["activation"])

    def variables(self, attrs: Mapping[str, Any]) -> tuple[str, ...]:
        names = ("depthwise_kernel", "pointwise_kernel")
        return (*names, "bias") if attrs["use_bias"] else names

    def samples(self) -> Iterator[Sample]:
        base: dict[str, Any] = {"filters": 3, "kernel_size": (1, 2)}
        for dtype in FLOATS:
            yield Sample((values((2, 4, 5, 2), dtype),), base, smooth=dtype == "float64")
        more = {"depth_multiplier": 2, "padding": "same", "strides": (2, 1)}
        yield Sample((values((1, 4, 3, 2)),), {**base, **more}, smooth=True)
        yield Sample(
            (values((2, 3, 4, 1), "float64"),), {**base, "depth_multiplier": 3}, smooth=True
        )
        rest = {"use_bias": False, "trainable": False, "dilation_rate": (2, 1)}
        yield Sample((values((1, 5, 4, 2)),), {**base, **rest}, smooth=True)
        for activation in self.attr("activation").choices:
            attrs = {**base, "activation": activation}
            yield Sample((values((1, 3, 3, 2)),), attrs, smooth=False)
        yield Sample((values((0, 4, 5, 2)),), base)
        yield Sample((values((1, 1, 1, 1)),), {"filters": 1, "kernel_size": (1, 1)}, smooth=True)
