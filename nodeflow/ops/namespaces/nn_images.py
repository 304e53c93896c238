"""Convolution and pooling of `nf.nn`: strides and sizes with an entry for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import (
    is_channels_first,
    layout,
    padding_name,
    scoped,
    spatial,
    tensor,
)


def conv1d(
    value: Any,
    filters: Any,
    stride: int | Sequence[int] = 1,
    padding: str = "VALID",
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Filters (size, channels, filters) over series (rows, time, channels)."""
    form = layout(data_format, 1)
    return F.conv1d(
        value, filters, strides=spatial("stride", stride, 1, form), padding=padding_name(padding),
        dilations=spatial("dilations", dilations, 1, form), layout=form, name=name,
    )  # fmt: skip


def conv2d(
    input: Any,
    filter: Any,
    strides: Any = (1, 1, 1, 1),
    padding: Any = "SAME",
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Filters (height, width, channels, filters) over images (rows, height, width, channels).

    Args:
        strides: steps between windows, [1, height, width, 1].
        padding: "SAME" or "VALID".
        data_format: "NHWC", or "NCHW" where the channels come before height and width.
        dilations: steps between the elements of a window, [1, height, width, 1].

    Raises:
        AttributeProblem: strides or dilations of rows or channels that are not 1.
        ShapeError: images and filters do not fit.
    """
    return F.conv2d(
        input, filter, strides=spatial("strides", strides, 2, data_format),
        padding=padding_name(padding), dilations=spatial("dilations", dilations, 2, data_format),
        layout=layout(data_format), name=name,
    )  # fmt: skip


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """`conv2d` with steps of `rate` between the elements of a window."""
    return conv2d(value, filters, 1, padding, dilations=rate, name=name)


def conv2d_transpose(
    value: Any,
    filter: Any,
    output_shape: Sequence[int | None] | None = None,
    strides: Any = (1, 1, 1, 1),
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` as an op: every pixel adds its filters (height, width, out, in).

    Args:
        output_shape: sizes of the result; it must be what strides and padding give.

    Raises:
        ShapeError: output_shape is another.
    """
    made = F.conv2d_transpose(
        value, filter, strides=spatial("strides", strides, 2, data_format),
        padding=padding_name(padding), layout=layout(data_format), name=name,
    )  # fmt: skip
    wanted = output_shape if isinstance(output_shape, (list, tuple)) else None
    sizes = [w if isinstance(w, int) and w >= 0 else None for w in wanted or made.shape]
    if any(None not in (w, s) and w != s for w, s in zip(sizes, made.shape, strict=True)):
        raise ShapeError(
            f"output_shape is {shape_text(tuple(sizes))}, and strides and padding give "
            f"{shape_text(made.shape)}",
            node=made.node.name,
            hint="Give the sizes that follow, or leave output_shape out.",
        )
    return made


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Filters (height, width, channels, multiplier) for each channel of images by itself.

    Channel k gives the results k * multiplier to (k + 1) * multiplier - 1.
    """
    x, kernel = tensor(input), tensor(filter)
    channels, form = kernel.shape[2], data_format or "NHWC"
    if channels is None or None in kernel.shape:
        raise ShapeError(f"the filter {shape_text(kernel.shape)} needs sizes that are known")
    height, width, _, multiplier = kernel.shape
    with scoped(name, "depthwise", [x]):
        own = F.reshape(kernel, shape=(height, width, 1, channels * multiplier))
        return F.conv2d(
            x, own, strides=spatial("strides", strides, 2, form), padding=padding_name(padding),
            dilations=spatial("rate", rate, 2, form), groups=channels, layout=layout(form),
            name="conv",
        )  # fmt: skip


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
) -> Tensor:
    """`depthwise_conv2d`, and then `conv2d` with filters of size 1."""
    with scoped(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]):
        each = depthwise_conv2d(
            input, depthwise_filter, strides, padding, rate, data_format=data_format
        )
        return conv2d(each, pointwise_filter, 1, "VALID", data_format=data_format or "NHWC")


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window.

    Args:
        ksize: size of a window, [1, height, width, 1].
        strides: steps between windows, [1, height, width, 1].
    """
    return _pooled("max_pool2d", value, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window; arguments as of `max_pool`."""
    return _pooled("average_pool2d", value, ksize, strides, padding, data_format, name)


def _pooled(
    op: str, value: Any, ksize: Any, strides: Any, padding: Any, data_format: str, name: str | None
) -> Tensor:
    return getattr(F, op)(
        value, size=spatial("ksize", ksize, 2, data_format),
        strides=spatial("strides", strides, 2, data_format), padding=padding_name(padding),
        layout=layout(data_format), name=name,
    )  # fmt: skip


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """value + bias, one number for each channel.

    Raises:
        ShapeError: the bias has not one axis of as many numbers as there are channels.
    """
    x = tensor(value)
    b = tensor(bias, x)
    if len(b.shape) != 1:
        raise ShapeError(f"the bias must have one axis, not shape {shape_text(b.shape)}")
    if is_channels_first(data_format):
        rest = [1] * (len(x.shape) - 2)
        b = F.reshape(b, shape=[-1 if b.shape[0] is None else b.shape[0], *rest])
    return F.add(x, b, name=name)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x @ weights + biases."""
    with scoped(name, "xw_plus_b", [x, weights, biases]):
        return F.matmul(x, weights) + biases


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(x @ weights + biases)."""
    with scoped(name, "relu_layer", [x, weights, biases]):
        return F.relu(F.matmul(x, weights) + biases)
