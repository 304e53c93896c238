"""Pooling of `nn`: window sizes and strides have an entry per axis, or one for all."""

from __future__ import annotations

from typing import Any, NamedTuple

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import (
    borders,
    either,
    layout,
    padding_name,
    scoped,
    spatial,
    tensor,
)


def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Take the largest element of each window.

    Args:
        ksize: size of a window, [1, height, width, 1].
        strides: steps between windows, [1, height, width, 1].
        padding: "SAME", "VALID", or [[0, 0], [top, bottom], [left, right], [0, 0]].
        input: another name of value.
    """
    x = either("max_pool", "value", value, "input", input)
    return _pooled("max", 2, x, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Take the mean of each window, without the border; arguments are the same as for
    `max_pool`.
    """
    x = either("avg_pool", "value", value, "input", input)
    return _pooled("average", 2, x, ksize, strides, padding, data_format, name)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Take the largest element of each window of series."""
    return _pooled("max", 1, input, ksize, strides, padding, data_format, name)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Take the mean of each window of series."""
    return _pooled("average", 1, input, ksize, strides, padding, data_format, name)


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Apply `max_pool`."""
    return _pooled("max", 2, input, ksize, strides, padding, data_format, name)


avg_pool2d = avg_pool


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """Take the largest element of each window of volumes."""
    return _pooled("max", 3, input, ksize, strides, padding, data_format, name)


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """Take the mean of each window of volumes."""
    return _pooled("average", 3, input, ksize, strides, padding, data_format, name)


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    padding: Any,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Pool series, images or volumes, chosen by the number of axes.

    Args:
        pooling_type: "MAX" or "AVG".
        dilation_rate: distance between the elements of a window, one per spatial axis.
        strides: steps between windows, 1 by default.

    Raises:
        AttributeProblem: another pooling_type is given.
        ShapeError: the rank is not 3, 4 or 5.
    """
    kinds = {"MAX": "max", "AVG": "average"}
    if pooling_type not in kinds:
        raise AttributeProblem(
            f"pooling_type must be 'MAX' or 'AVG', not {pooling_type!r}", port="pooling_type"
        )
    x = tensor(input)
    axes = len(x.shape) - 2
    if axes not in (1, 2, 3):
        raise ShapeError(
            f"pooling needs three, four or five axes, not {shape_text(x.shape)}", port="input"
        )
    rate = either("pool", "dilation_rate", dilation_rate, "dilations", dilations, 1)
    form = layout(data_format, axes)
    return _pooled(
        kinds[pooling_type], axes, x, window_shape, strides or 1, padding, form, name,
        dilations=spatial("dilation_rate", rate, axes, form),
    )  # fmt: skip


class MaxPoolWithArgmax(NamedTuple):
    """The two results of `max_pool_with_argmax`."""

    output: Tensor
    argmax: Tensor


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> MaxPoolWithArgmax:
    """Take the largest element of each window, and its index.

    Args:
        output_dtype: dtype of the indices, int64 by default; ``Targmax`` is its older name.
        include_batch_in_index: whether indices count from the first image of the batch.

    Returns:
        output and argmax, which is (row * width + column) * channels + channel.
    """
    dtype = either(
        "max_pool_with_argmax", "output_dtype", output_dtype, "Targmax", Targmax, "int64"
    )
    form = layout(data_format)
    output, argmax = F.max_pool_with_argmax(
        input, size=spatial("ksize", ksize, 2, form), strides=spatial("strides", strides, 2, form),
        layout=form, counted="batch" if include_batch_in_index else "image", name=name,
        **borders(padding, 2, form),
    )  # fmt: skip
    same = getattr(dtype, "name", dtype) == "int64"
    return MaxPoolWithArgmax(output, argmax if same else F.cast(argmax, dtype=dtype))


def _pooled(
    kind: str,
    axes: int,
    x: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    name: str | None,
    **more: Any,
) -> Tensor:
    if x is None or ksize is None or strides is None:
        raise AttributeProblem(
            f"{kind} pooling needs an input, ksize, strides and padding", port="ksize"
        )
    form = layout(data_format, axes)
    return getattr(F, f"{kind}_pool{axes}d")(
        x, size=spatial("ksize", ksize, axes, form),
        strides=spatial("strides", strides, axes, form), layout=form, name=name,
        **borders(padding, axes, form), **more,
    )  # fmt: skip


# ---- morphology -------------------------------------------------------------------------------


def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = "SAME",
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Apply grey dilation: maximum over windows of input plus filter (height, width, channels).

    Args:
        strides: steps between windows, [1, height, width, 1].
        rates: distance between the elements of a window; ``dilations`` is another name.
    """
    kernel = either("dilation2d", "filter", filter, "filters", filters)
    steps = either("dilation2d", "rates", rates, "dilations", dilations)
    return F.dilation2d(
        input, kernel, strides=spatial("strides", strides, 2, "NHWC"),
        dilations=spatial("rates", steps, 2, "NHWC"), padding=padding_name(padding), name=name,
    )  # fmt: skip


def erosion2d(
    value: Any, kernel: Any, strides: Any, rates: Any, padding: Any, name: str | None = None
) -> Tensor:
    """Apply grey erosion: the minimum over each window of value minus kernel.

    The kernel is (height, width, channels). As in TensorFlow, it is the negative of the dilation of
    -value by the flipped kernel.
    """
    x, weights = tensor(value, kernel), tensor(kernel, value)
    with scoped(name, "erosion2d", [x, weights]):
        turned = F.reverse(weights, axis=(0, 1))
        return F.negative(dilation2d(F.negative(x), turned, strides, rates, padding))
