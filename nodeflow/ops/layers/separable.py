"""Separable convolutional layers: filters of each channel, then filters across channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.convolution import BIAS_INITIALIZER, Conv1D, Conv2D, Convolutional
from nodeflow.ops.layers.layer import Weights, activate, initializer_attr
from nodeflow.ops.samples import values

GLOROT = {"op": "glorot_uniform"}


def _attrs(plain: tuple[Attr, ...]) -> tuple[Attr, ...]:
    """Derive the attributes of a separable convolution layer from an ordinary convolution's. The
    kernel's initializer becomes two, ``depth_multiplier`` is added, and ``groups`` is dropped.
    """
    return tuple(
        part
        for attr in plain
        if attr.name != "groups"
        for part in {
            "dilation_rate": (
                attr,
                Attr("depth_multiplier", "int", 1, "Filters per channel.", minimum=1),
            ),
            "kernel_initializer": (
                initializer_attr("depthwise_initializer", GLOROT, "Initial depthwise kernel."),
                initializer_attr("pointwise_initializer", GLOROT, "Initial pointwise kernel."),
            ),
            "bias_initializer": (BIAS_INITIALIZER,),
        }.get(attr.name, (attr,))
    )


class Separable(Convolutional):
    """The base class of separable convolutions: a depthwise convolution, then a pointwise one."""

    grouped = False

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        found = super().weights(*types, **self._plain(attrs))
        channels, many = self.channels_of(types[0]), attrs["depth_multiplier"]
        size = self.kernel_size(attrs)
        point = (*(1,) * self.axes, channels * many, attrs["filters"])
        return {
            "depthwise_kernel": ((*size, channels, many), attrs["depthwise_initializer"]),
            "pointwise_kernel": (point, attrs["pointwise_initializer"]),
            **{name: rest for name, rest in found.items() if name == "bias"},
        }

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check_weights(*types, **attrs)
        kernel = types[0].with_shape(super().weights(*types, **self._plain(attrs))["kernel"][0])
        return self.convolved(types[0], kernel, attrs)

    @staticmethod
    def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a separable convolution layer's attributes to attributes of an ordinary
        convolution with the same sizes.
        """
        return {**attrs, "kernel_initializer": attrs["depthwise_initializer"], "groups": 1}

    def depthwise(self, x: Tensor, own: Tensor, attrs: Mapping[str, Any]) -> Tensor:
        """Convolve each channel with its own filters."""
        *size, channels, many = (size or 0 for size in own.shape)
        kernel = F.reshape(own, shape=(*size, 1, channels * many))
        convolve = getattr(F, self.convolution)
        return convolve(x, kernel, **self.windows(attrs), groups=channels, name="depthwise")

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        made = self.make_weights(*inputs, **attrs)
        each = self.depthwise(inputs[0], made["depthwise_kernel"], attrs)
        convolve = getattr(F, self.convolution)
        out = convolve(each, made["pointwise_kernel"], padding="valid", name="pointwise")
        if attrs["use_bias"]:
            out = out + made["bias"]
        return activate(out, attrs["activation"])

    def variables(self, attrs: Mapping[str, Any]) -> tuple[str, ...]:
        names = ("depthwise_kernel", "pointwise_kernel")
        return (*names, "bias") if attrs["use_bias"] else names

    def samples(self) -> Iterator[Sample]:
        def x(rows: int, *sizes: int, dtype: str = "float64") -> Any:
            return (values((rows, *sizes[: self.axes], sizes[-1]), dtype),)

        def each(*numbers: int) -> tuple[int, ...]:
            return numbers[-self.axes :]

        names = {attr.name for attr in self.attrs}
        base: dict[str, Any] = {"filters": 3, "kernel_size": each(1, 2)}
        base = {name: value for name, value in base.items() if name in names}
        for dtype in FLOATS:
            yield Sample(x(2, 4, 5, 3, dtype=dtype), base, smooth=dtype == "float64")
        more = {"depth_multiplier": 2, "padding": "same", "strides": each(2, 1)}
        yield Sample(x(1, 4, 3, 2), {**base, **more}, smooth=True)
        yield Sample(x(2, 3, 4, 1), {**base, "depth_multiplier": 3}, smooth=True)
        rest = {"use_bias": False, "trainable": False, "dilation_rate": each(2, 1)}
        yield Sample(x(1, 5, 4, 2), {**base, **rest}, smooth=True)
        for activation in self.attr("activation").choices:
            yield Sample(x(1, 3, 3, 2), {**base, "activation": activation}, smooth=False)
        yield Sample(x(0, 4, 5, 2), base)
        one = {name: 1 if name == "filters" else each(1, 1) for name in base}
        yield Sample(x(1, 1, 1, 1), one, smooth=True)


@register
class SeparableConv2D(Separable):
    """Separable convolution of images."""

    id = "layers/separable_conv2d"
    convolution = "conv2d"
    keywords = ("depthwise", "mobilenet", "xception", "layer", "image", "cnn")
    doc = (
        "The convolution of each channel of images, then a convolution with filters of size 1.\n\n"
        "Images (rows, height, width, channels) give (rows, height', width', filters), with fewer "
        "weights than conv2d. The variables are NAME/depthwise_kernel (height, width, channels, "
        "depth_multiplier), NAME/pointwise_kernel (1, 1, channels * depth_multiplier, filters) "
        "and NAME/bias (filters,). Chollet, 2017."
    )
    inputs = Conv2D.inputs
    attrs = _attrs(Conv2D.attrs)


@register
class SeparableConv1D(Separable):
    """Separable convolution of series."""

    id = "layers/separable_conv1d"
    everyday = False
    convolution = "conv1d"
    axes = 1
    what = Conv1D.what
    keywords = ("depthwise", "layer", "series", "time", "cnn")
    doc = (
        "The convolution of each channel of series, then a convolution with filters of size 1.\n\n"
        "Series (rows, time, channels) give (rows, time', filters), with fewer weights than "
        "conv1d. The variables are NAME/depthwise_kernel (size, channels, depth_multiplier), "
        "NAME/pointwise_kernel (1, channels * depth_multiplier, filters) and NAME/bias "
        "(filters,). Chollet, 2017."
    )
    inputs = Conv1D.inputs
    attrs = _attrs(Conv1D.attrs)


@register
class DepthwiseConv2D(Separable):
    """Depthwise convolution of images."""

    id = "layers/depthwise_conv2d"
    everyday = False
    convolution = "conv2d"
    shown_attrs = ("kernel_size", "depth_multiplier", "activation")
    keywords = ("depthwise", "mobilenet", "layer", "image", "cnn", "groups")
    doc = (
        "The convolution of each channel of images with its own filters: activation(convolution + "
        "bias).\n\nImages (rows, height, width, channels) give (rows, height', width', channels * "
        "depth_multiplier), where the results of channel k begin at k * depth_multiplier. The "
        "variables are NAME/depthwise_kernel (height, width, channels, depth_multiplier) and "
        "NAME/bias (channels * depth_multiplier,)."
    )
    inputs = Conv2D.inputs
    attrs = tuple(
        attr
        for attr in SeparableConv2D.attrs
        if attr.name not in ("filters", "pointwise_initializer")
    )

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        made = self.channels_of(types[0]) * attrs["depth_multiplier"]
        full = {**attrs, "filters": made, "pointwise_initializer": GLOROT}
        found = super().weights(*types, **full)
        return {name: each for name, each in found.items() if name != "pointwise_kernel"}

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        made = self.channels_of(types[0]) * attrs["depth_multiplier"]
        return super().infer(*types, **{**attrs, "filters": made})

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        made = self.make_weights(*inputs, **attrs)
        out = self.depthwise(inputs[0], made["depthwise_kernel"], attrs)
        if attrs["use_bias"]:
            out = out + made["bias"]
        return activate(out, attrs["activation"])

    def variables(self, attrs: Mapping[str, Any]) -> tuple[str, ...]:
        return ("depthwise_kernel", "bias") if attrs["use_bias"] else ("depthwise_kernel",)
