"""Convolutional layers for series, images and volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nodeflow.errors import AttributeProblem, NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.dense import USE_BIAS
from nodeflow.ops.layers.layer import (
    ACTIVATIONS,
    TRAINABLE,
    VERSION,
    ZEROS,
    Layer,
    Weights,
    activate,
    activation_attr,
    initializer_attr,
    known_size,
)
from nodeflow.ops.samples import values

FILTERS = Attr("filters", "int", 32, "Number of filters: the channels of the output.", minimum=1)
PADDING = Attr(
    "padding", "choice", "valid", "Whole windows only (valid), or zeros around that keep the "
    "sizes (same).", choices=("valid", "same"),
)  # fmt: skip
KERNEL_INITIALIZER = initializer_attr(
    "kernel_initializer", {"op": "glorot_uniform"}, "Initial kernel."
)
BIAS_INITIALIZER = initializer_attr("bias_initializer", ZEROS, "Initial bias.")


class Convolutional(Layer):
    """The base class of convolutional layers, with the convolution op and the shape of filters."""

    can_share = True
    convolution = ""
    axes = 2
    what = "images (rows, height, width, channels)"
    shown_attrs = ("filters", "kernel_size", "activation")
    grouped = True
    dilated = True

    def windows(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes that the convolution op takes."""
        found = {"strides": attrs["strides"], "padding": attrs["padding"]}
        if self.dilated:
            found["dilations"] = attrs["dilation_rate"]
        if self.grouped:
            found["groups"] = attrs["groups"]
        return found

    def kernel_size(self, attrs: Mapping[str, Any]) -> tuple[int, ...]:
        """Check the settings of a convolution, and return the kernel's size along each spatial
        axis.

        Raises:
            AttributeProblem: a setting is neither one positive number nor one per axis.
        """
        for name in ("kernel_size", "strides", "dilation_rate"):
            sizes = attrs.get(name, (1,))
            if len(sizes) not in (1, self.axes) or min(sizes) < 1:
                each = ("one positive number", "one or two positive numbers")
                text = each[self.axes - 1] if self.axes < 3 else "one or three positive numbers"
                raise AttributeProblem(f"{name} {list(sizes)} is not {text}", port=name)
        size = attrs["kernel_size"]
        return tuple(size) * self.axes if len(size) == 1 else tuple(size)

    def kernel_shape(self, channels: int, attrs: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape of the kernel for images with this number of channels."""
        groups = attrs["groups"]
        for name, count in (("channels", channels), ("filters", attrs["filters"])):
            if count % groups:
                raise AttributeProblem(
                    f"{count} {name} cannot be split into {groups} groups", port="groups"
                )
        return (*self.kernel_size(attrs), channels // groups, attrs["filters"])

    def channels_of(self, x: TensorType) -> int:
        """Return the number of channels of the input.

        Raises:
            ShapeError: the rank is wrong, or the number is unknown.
        """
        if x.rank != self.axes + 2:
            given = shape_text(x.shape)
            hint = "Insert reshape before it." if x.rank else None
            if x.rank == self.axes + 1:
                hint = "Insert expand_dims before it: the last axis is the channels."
            raise ShapeError(
                f"{self.short_id} needs {self.what}, not shape {given}", port="x", hint=hint
            )
        return known_size(x, -1, "channels")

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        channels = self.channels_of(types[0])
        kernel = self.kernel_shape(channels, attrs)
        found: Weights = {"kernel": (kernel, attrs["kernel_initializer"])}
        if attrs["use_bias"]:
            found["bias"] = ((attrs["filters"],), attrs["bias_initializer"])
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check_weights(*types, **attrs)
        kernel = types[0].with_shape(self.weights(*types, **attrs)["kernel"][0])
        return self.convolved(types[0], kernel, attrs)

    def convolved(self, x: TensorType, kernel: TensorType, attrs: Mapping[str, Any]) -> TensorType:
        """Return the output type of the layer's convolution of x with a kernel. Errors name the
        layer's attributes and not the convolution's.
        """
        op = REGISTRY.lookup(self.convolution)
        try:
            made = op.infer(x, kernel, **op.bind_attrs(self.windows(attrs)))
        except NodeflowError as error:
            error.port = {"filter": "kernel_size", "dilations": "dilation_rate"}.get(
                error.port or "", error.port
            )
            raise
        assert isinstance(made, TensorType)
        return made

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        made = self.make_weights(*inputs, **attrs)
        out = getattr(F, self.convolution)(inputs[0], made["kernel"], **self.windows(attrs))
        if attrs["use_bias"]:
            out = out + made["bias"]
        return activate(out, attrs["activation"])

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        return ("kernel", "bias") if attrs["use_bias"] else ("kernel",)

    def picture(self, rows: int, size: int, channels: int, dtype: str = "float64") -> Any:
        """Return a sample input (rows, space..., channels), with spatial sizes ``size``, ``size`` +
        1, ...
        """
        return values((rows, *range(size, size + self.axes), channels), dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            x = self.picture(2, 4, 3, dtype)
            yield Sample((x,), {"filters": 2, "kernel_size": (2,)}, smooth=dtype == "float64")
        for activation in ACTIVATIONS:
            attrs = {"filters": 3, "kernel_size": (2,), "activation": activation}
            x = self.picture(1, 3, 2)
            yield Sample((x,), {**attrs, "trainable": False}, smooth=activation == "tanh")
        size = (3, 2, 1)[: self.axes]
        same: dict[str, Any] = {"filters": 4, "kernel_size": size, "padding": "same"}
        plain = {"use_bias": False, "strides": (2,)}
        yield Sample((self.picture(2, 4, 2),), {**same, **plain}, smooth=True)
        if self.dilated:
            wide = {"dilation_rate": (2,), "groups": 2}
            yield Sample((self.picture(2, 4, 2),), {**same, **wide}, smooth=True)
        yield Sample((self.picture(0, 4, 2),), {"filters": 3, "kernel_size": (2,)})
        one = values((1,) * (self.axes + 2))
        yield Sample((one,), {"filters": 1, "kernel_size": (1,)}, smooth=True)


def _attrs(axes: int, *, transposed: bool = False) -> tuple[Attr, ...]:
    """Declare the attributes of a convolution layer with this number of spatial axes, 1 to 3."""
    each = (
        "Length of a filter.",
        "Height and width of a filter, or one number for both.",
        "Depth, height and width of a filter, or one number for all.",
    )[axes - 1]
    rest = () if transposed else (
        Attr("dilation_rate", "ints", (1,) * axes, "Distance between the elements of a window.",
             advanced=True),
        Attr("groups", "int", 1, "Number of groups that channels are split into.", minimum=1,
             advanced=True),
    )  # fmt: skip
    return (
        FILTERS,
        Attr("kernel_size", "ints", (3,) * axes, each),
        Attr("strides", "ints", (1,) * axes, "Steps between windows."),
        PADDING,
        *rest,
        activation_attr(),
        USE_BIAS,
        KERNEL_INITIALIZER,
        BIAS_INITIALIZER,
        TRAINABLE,
        VERSION,
    )


@register
class Conv2D(Convolutional):
    """Convolution of images with learned filters."""

    id = "layers/conv2d"
    convolution = "conv2d"
    keywords = ("convolution", "convolutional layer", "layer", "image", "filter", "kernel", "cnn")
    doc = (
        "The convolution of images with learned filters: activation(convolution + bias).\n\nx "
        "(rows, height, width, channels) gives (rows, height', width', filters). The node has the "
        "variables NAME/kernel (height, width, channels / groups, filters) and NAME/bias "
        "(filters,)."
    )
    inputs = (Port("x", "Images: (rows, height, width, channels).", FLOATS),)
    attrs = _attrs(2)


@register
class Conv1D(Convolutional):
    """Convolution of series with learned filters."""

    id = "layers/conv1d"
    convolution = "conv1d"
    axes = 1
    what = "series (rows, time, channels)"
    keywords = ("convolution", "convolutional layer", "layer", "series", "time", "filter", "cnn")
    doc = (
        "The convolution of series with learned filters: activation(convolution + bias).\n\nx "
        "(rows, time, channels) gives (rows, time', filters). The node has the variables "
        "NAME/kernel (size, channels / groups, filters) and NAME/bias (filters,)."
    )
    inputs = (Port("x", "Series: (rows, time, channels).", FLOATS),)
    attrs = _attrs(1)


@register
class Conv3D(Convolutional):
    """Convolution of volumes with learned filters."""

    id = "layers/conv3d"
    everyday = False
    convolution = "conv3d"
    axes = 3
    what = "volumes (rows, depth, height, width, channels)"
    keywords = ("convolution", "convolutional layer", "layer", "volume", "video", "cnn", "Conv3d")
    doc = (
        "The convolution of volumes with learned filters: activation(convolution + bias).\n\nx "
        "(rows, depth, height, width, channels) gives (rows, depth', height', width', filters). "
        "The node has the variables NAME/kernel (depth, height, width, channels / groups, "
        "filters) and NAME/bias (filters,)."
    )
    inputs = (Port("x", "Volumes: (rows, depth, height, width, channels).", FLOATS),)
    attrs = _attrs(3)


class Transposed(Convolutional):
    """The base class of transposed convolutions."""

    grouped = False
    dilated = False

    def kernel_shape(self, channels: int, attrs: Mapping[str, Any]) -> tuple[int, ...]:
        return (*self.kernel_size(attrs), attrs["filters"], channels)


@register
class Conv1DTranspose(Transposed):
    """Transposed convolution of series."""

    id = "layers/conv1d_transpose"
    everyday = False
    convolution = "conv1d_transpose"
    axes = 1
    what = Conv1D.what
    keywords = (
        "deconvolution", "upsampling", "layer", "series", "transposed convolution",
        "ConvTranspose1d",
    )  # fmt: skip
    doc = (
        "The transposed convolution of series: activation(convolution + bias). Strides lengthen "
        'them.\n\nx (rows, time, channels) gives (rows, time\', filters); with padding "same" '
        "time' is time times the stride. The node has the variables NAME/kernel "
        "(size, filters, channels) and NAME/bias (filters,)."
    )
    inputs = Conv1D.inputs
    attrs = _attrs(1, transposed=True)


@register
class Conv2DTranspose(Transposed):
    """Transposed convolution of images."""

    id = "layers/conv2d_transpose"
    convolution = "conv2d_transpose"
    keywords = (
        "deconvolution", "upsampling", "layer", "decoder", "transposed convolution", "gan",
        "ConvTranspose2d",
    )  # fmt: skip
    doc = (
        "The transposed convolution of images: activation(convolution + bias). Strides enlarge "
        "them.\n\nx (rows, height, width, channels) gives (rows, height', width', filters); with "
        'padding "same" sizes are multiplied by the strides. The node has the variables '
        "NAME/kernel (height, width, filters, channels) and NAME/bias (filters,)."
    )
    inputs = (Port("x", "Images: (rows, height, width, channels).", FLOATS),)
    attrs = _attrs(2, transposed=True)


@register
class Conv3DTranspose(Transposed):
    """Transposed convolution of volumes."""

    id = "layers/conv3d_transpose"
    everyday = False
    convolution = "conv3d_transpose"
    axes = 3
    what = Conv3D.what
    keywords = (
        "deconvolution", "upsampling", "layer", "volume", "transposed convolution",
        "ConvTranspose3d",
    )  # fmt: skip
    doc = (
        "The transposed convolution of volumes: activation(convolution + bias). Strides enlarge "
        "them.\n\nx (rows, depth, height, width, channels) gives (rows, depth', height', width', "
        'filters); with padding "same" sizes are multiplied by the strides. The node has the '
        "variables NAME/kernel (depth, height, width, filters, channels) and NAME/bias (filters,)."
    )
    inputs = Conv3D.inputs
    attrs = _attrs(3, transposed=True)
