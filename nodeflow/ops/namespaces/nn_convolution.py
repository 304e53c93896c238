"""Convolution of `nn`: strides and dilations have an entry per axis, or one for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import (
    borders,
    either,
    layout,
    scoped,
    sizes_known,
    spatial,
    tensor,
)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: int | Sequence[int] = 1,
    padding: Any = "VALID",
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Convolve series (rows, time, channels) with filters (size, channels, filters).

    Args:
        padding: "SAME", "VALID", or [[0, 0], [before, after], [0, 0]].
        input: another name of value.
    """
    x = either("conv1d", "value", value, "input", input)
    return _convolved(1, x, filters, stride, padding, data_format, dilations, name)


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = (1, 1, 1, 1),
    padding: Any = "SAME",
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Convolve images (rows, height, width, channels) with (height, width, channels, filters).

    Args:
        strides: steps between windows, [1, height, width, 1].
        padding: "SAME", "VALID", or [[0, 0], [top, bottom], [left, right], [0, 0]].
        data_format: "NHWC", or "NCHW" if the channels come before height and width.
        dilations: distance between the elements of a window, [1, height, width, 1].
        filters: another name of filter.

    Raises:
        AttributeProblem: strides or dilations of rows or channels are not 1.
        ShapeError: images and filters do not fit.
    """
    kernel = either("conv2d", "filter", filter, "filters", filters)
    return _convolved(2, input, kernel, strides, padding, data_format, dilations, name)


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = (1, 1, 1, 1, 1),
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Convolve volumes with filters (depth, height, width, channels, filters).

    Volumes are (rows, depth, height, width, channels). Arguments are the same as for `conv2d`, with
    a number for the depth.
    """
    kernel = either("conv3d", "filter", filter, "filters", filters)
    return _convolved(3, input, kernel, strides, padding, data_format, dilations, name)


def convolution(
    input: Any,
    filter: Any = None,
    padding: Any = "VALID",
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Apply `conv1d`, `conv2d` or `conv3d`, chosen by the number of axes.

    Raises:
        ShapeError: the number of axes fits none of them.
        GraphError: dilation_rate and dilations, or filter and filters, are both given.
    """
    kernel = either("convolution", "filter", filter, "filters", filters)
    rate = either("convolution", "dilation_rate", dilation_rate, "dilations", dilations, 1)
    x = tensor(input, kernel)
    axes = _axes_of(x)
    return _convolved(axes, x, kernel, strides, padding, data_format, rate, name)


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """Apply `conv2d` with a distance of `rate` between the elements of a window."""
    return conv2d(value, filters, 1, padding, dilations=rate, name=name)


def _axes_of(x: Tensor) -> int:
    """Return the number of spatial axes.

    Raises:
        ShapeError: it is not one, two or three.
    """
    axes = len(x.shape) - 2
    if axes not in (1, 2, 3):
        raise ShapeError(
            f"convolution and pooling need three, four or five axes, not {shape_text(x.shape)}",
            port="input",
        )
    return axes


def _convolved(
    axes: int,
    x: Any,
    kernel: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str | None,
    **more: Any,
) -> Tensor:
    form = layout(data_format, axes)
    return getattr(F, f"conv{axes}d")(
        x, kernel, strides=spatial("strides", strides, axes, form),
        dilations=spatial("dilations", dilations, axes, form), layout=form, name=name,
        **borders(padding, axes, form), **more,
    )  # fmt: skip


# ---- transposed -------------------------------------------------------------------------------


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Apply the gradient of `conv1d`; arguments are the same as for `conv2d_transpose`."""
    return _transposed(
        1, input, filters, output_shape, strides, padding, data_format, dilations, name
    )


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = (1, 1, 1, 1),
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Apply the gradient of `conv2d`: every pixel adds its filters (height, width, out, in).

    Args:
        output_shape: sizes of the result, as numbers or a tensor. A convolution of these sizes must
            have the sizes of value. Default: they follow from strides and padding.

    Raises:
        ShapeError: output_shape does not fit.
    """
    x = either("conv2d_transpose", "value", value, "input", input)
    kernel = either("conv2d_transpose", "filter", filter, "filters", filters)
    return _transposed(2, x, kernel, output_shape, strides, padding, data_format, dilations, name)


def conv3d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = (1, 1, 1, 1, 1),
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Apply the gradient of `conv3d`; arguments are the same as for `conv2d_transpose`."""
    x = either("conv3d_transpose", "value", value, "input", input)
    kernel = either("conv3d_transpose", "filter", filter, "filters", filters)
    return _transposed(3, x, kernel, output_shape, strides, padding, data_format, dilations, name)


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Apply a transposed convolution along one, two or three axes.

    The rank of ``input`` selects `conv1d_transpose`, `conv2d_transpose` or `conv3d_transpose`.
    """
    x = tensor(input, filters)
    return _transposed(
        *(_axes_of(x), x, filters, output_shape, strides, padding, data_format, dilations, name)
    )


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """Apply the gradient of `atrous_conv2d`."""
    return conv2d_transpose(value, filters, output_shape, 1, padding, dilations=rate, name=name)


def _transposed(
    axes: int,
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str | None,
) -> Tensor:
    form, op = layout(data_format, axes), f"conv{axes}d_transpose"
    x, kernel = tensor(x, kernel), tensor(kernel, x)
    attrs: dict[str, Any] = {
        "strides": spatial("strides", strides, axes, form), "layout": form,
        "dilations": spatial("dilations", dilations, axes, form), **borders(padding, axes, form),
    }  # fmt: skip
    declared = REGISTRY.lookup(op)
    natural: Any = declared.infer(x.type, kernel.type, **declared.bind_attrs(attrs))
    wanted = sizes_known(output_shape, axes + 2)
    if wanted is not None:
        sizes = [w or n for w, n in zip(wanted, natural.shape, strict=True)]
        inside = sizes[2:] if form[1] == "C" else sizes[1:-1]
        if tuple(sizes) != natural.shape and None not in inside:
            attrs["output_sizes"] = inside
        fits = all(
            None in (w, n) or w == n
            for axis, w, n in zip(form, wanted, natural.shape, strict=True)
            if axis in "NC"
        )
        try:
            declared.infer(x.type, kernel.type, **declared.bind_attrs(attrs))
        except AttributeProblem:
            fits = False
        if not fits:
            raise ShapeError(
                f"output_shape is {shape_text(tuple(wanted))}, but strides and padding result in "
                f"{shape_text(natural.shape)}",
                node=name,
                hint="Give sizes whose convolution has the sizes of the input, or leave "
                "output_shape out.",
            )
    return getattr(F, op)(x, kernel, **attrs, name=name)


# ---- gradients as ops -------------------------------------------------------------------------


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = (1, 1, 1, 1),
    padding: Any = "SAME",
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Return the gradient of `conv2d` with respect to images of `input_sizes`."""
    kernel = either("conv2d_backprop_input", "filter", filter, "filters", filters)
    return conv2d_transpose(
        out_backprop, kernel, input_sizes, strides, padding, data_format, name, dilations=dilations
    )


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Return the gradient of `conv2d` with respect to filters of `filter_sizes`."""
    return _by_filter(
        2, input, filter_sizes, out_backprop, strides, padding, data_format, dilations, name
    )


def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Return the gradient of `conv3d` with respect to filters of `filter_sizes`."""
    return _by_filter(
        3, input, filter_sizes, out_backprop, strides, padding, data_format, dilations, name
    )


def _by_filter(
    axes: int,
    x: Any,
    filter_sizes: Any,
    slope: Any,
    strides: Any,
    padding: Any,
    data_format: str,
    dilations: Any,
    name: str | None,
) -> Tensor:
    form, x = layout(data_format, axes), tensor(x, slope)
    with scoped(name, f"conv{axes}d_backprop_filter", [x]):
        like = F.fill(shape=filter_sizes, value=0, dtype=x.dtype)
        return getattr(F, f"conv{axes}d_filter_gradient")(
            x, slope, like, strides=spatial("strides", strides, axes, form), layout=form,
            dilations=spatial("dilations", dilations, axes, form), **borders(padding, axes, form),
        )  # fmt: skip


# ---- each channel by itself -------------------------------------------------------------------


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Convolve each channel of images with its own filters (height, width, channels, multiplier).

    Channel k gives the results k * multiplier to (k + 1) * multiplier - 1.
    """
    x, kernel = tensor(input, filter), tensor(filter, input)
    channels = kernel.shape[2]
    if channels is None or None in kernel.shape:
        raise ShapeError(f"the filter {shape_text(kernel.shape)} needs known sizes")
    height, width, _, multiplier = kernel.shape
    steps = either("depthwise_conv2d", "rate", rate, "dilations", dilations, 1)
    with scoped(name, "depthwise", [x]):
        own = F.reshape(kernel, shape=(height, width, 1, channels * multiplier))
        return _convolved(2, x, own, strides, padding, data_format, steps, "conv", groups=channels)


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Apply `depthwise_conv2d`, with its arguments in another order."""
    return depthwise_conv2d(input, filter, strides, padding, dilations, name, data_format)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Apply `depthwise_conv2d`, then `conv2d` with filters of size 1."""
    steps = either("separable_conv2d", "rate", rate, "dilations", dilations, 1)
    with scoped(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]):
        each = depthwise_conv2d(
            input, depthwise_filter, strides, padding, steps, data_format=data_format
        )
        return conv2d(each, pointwise_filter, 1, "VALID", data_format=data_format or "NHWC")
