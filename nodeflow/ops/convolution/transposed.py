"""Transposed convolution: the adjoint of convolution as a separate op."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, Dim, TensorType, compatible, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.convolution.conv2d import ATTRS, Convolution, filter_last, windows_of
from nodeflow.ops.convolution.reference import input_gradient
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import (
    Windows,
    as_layout,
    channels_last,
    check_picture,
    known,
    layout_shape,
)

SIZES = (
    Attr("output_padding", "ints", (0,), "Elements added at the end of each axis, fewer than its "
         "stride, as in PyTorch and ONNX.", advanced=True),
    Attr("output_sizes", "ints", None, "Sizes of the result along the spatial axes, as in "
         "TensorFlow; none: they follow from strides and border.",
         optional=True, advanced=True),
)  # fmt: skip


def made_sizes(
    windows: Windows, counts: Sequence[Dim], attrs: Mapping[str, Any]
) -> tuple[Dim, ...]:
    """Return the sizes of the result of a transposed convolution.

    Raises:
        AttributeProblem: a convolution of these sizes would not have the sizes of x.
    """
    axes, more, wanted = windows.axes, attrs["output_padding"], attrs["output_sizes"]
    more = more * len(axes) if len(more) == 1 else more
    if len(more) != len(axes):
        raise AttributeProblem(
            f"output_padding {list(more)} is not one or {len(axes)} numbers", port="output_padding"
        )
    if wanted is not None:
        if len(wanted) != len(axes) or any(more):
            text = f"is not {len(axes)} numbers" if not any(more) else "and output_padding exclude"
            raise AttributeProblem(
                f"output_sizes {list(wanted)} {text}{' each other' if any(more) else ''}",
                port="output_sizes",
            )
        for axis, size, count in zip(axes, wanted, counts, strict=True):
            if count is not None and axis.kernel and _count(axis, size) != count:
                natural = [axis.uncounted(count) for axis, count in zip(axes, counts, strict=True)]
                raise AttributeProblem(
                    f"a convolution of {size} elements does not have {count} windows",
                    port="output_sizes",
                    hint=f"Strides and border result in {natural}.",
                )
        return tuple(wanted)
    for axis, rest in zip(axes, more, strict=True):
        if not 0 <= rest < axis.stride or (rest and axis.same):
            raise AttributeProblem(
                f"output_padding {list(more)} must be less than the strides, and 0 with padding "
                "same",
                port="output_padding",
                hint="Give output_sizes, or use pad.",
            )
    natural = windows.uncounted(counts)
    return tuple(None if n is None else n + m for n, m in zip(natural, more, strict=True))


def _count(axis: Any, size: int) -> Dim:
    try:
        return axis.count(size)
    except ShapeError:
        return None


@register
class Conv2DTranspose(Convolution):
    """Transposed convolution of images."""

    id = "conv2d_transpose"
    layered = True
    product = "input"
    keywords = (
        "deconvolution", "upsampling", "decoder", "generator", "fractional stride",
        "conv_transpose", "ConvTranspose2d",
    )  # fmt: skip
    doc = (
        "Transposed convolution: each element of x times the filter, added up at its window.\n\n"
        "It is the adjoint of conv2d with the same filter (height, width, filters / groups, "
        'channels of x). With padding "same", x (n, height, width, channels) gives (n, height * '
        'stride, width * stride, filters). With "valid" the height is (height - 1) * stride plus '
        "the window, minus the border that `pads` sets; the width likewise. Where a convolution "
        "of several sizes would have as many windows, `output_padding` or `output_sizes` chooses "
        "one."
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("filter", "(height, width, filters / groups, channels of x).", FLOATS, "T"),
    )
    attrs = (*ATTRS, *SIZES)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, filter_ = types
        windows, filters, channels = windows_of(filter_, attrs)
        n, *counts, have = check_picture(x, attrs["layout"])
        if not compatible((have,), (channels,)):
            last = "first" if attrs["filter_layout"][0] == "O" else "last"
            raise ShapeError(
                f"x has {have} channels, but the filter {shape_text(filter_.shape)} takes "
                f"{channels}",
                port="x",
                hint=f"The filter's {last} size is the number of channels of x.",
            )
        made = None if filters is None else filters * attrs["groups"]
        sizes = made_sizes(windows, counts, attrs)
        return x.with_shape(layout_shape((n, *sizes, made), attrs["layout"]))

    def compute(
        self, arrays: Sequence[np.ndarray], groups: int, layout: str, attrs: Mapping[str, Any]
    ) -> np.ndarray:
        x, filter_ = (
            channels_last(arrays[0], layout),
            filter_last(arrays[1], attrs["filter_layout"]),
        )
        windows = Windows.of(filter_.shape[:-2], attrs)
        sizes = known(made_sizes(windows, x.shape[1:-1], attrs))
        shape = (x.shape[0], *sizes, filter_.shape[-2] * groups)
        return as_layout(input_gradient(x, filter_, windows, groups, shape), layout)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, filter_ = node.inputs
        by_filter = self.of("_filter_gradient", grads[0], x, filter_, **node.attrs)
        return self.of("", grads[0], filter_, **node.attrs), by_filter

    def call(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> Sample:
        _, weights, g = self._arrays(x, filter_, attrs, dtype)
        return Sample((g, weights), attrs, dtype == "float64")

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        arrays = values((1, 2, 3, 2)), values((3, 2, 1, 2), start=5)
        valid: dict[str, Any] = {"padding": "valid", "strides": (3, 2)}
        yield Sample(arrays, {**valid, "output_padding": (2, 1)}, smooth=True)
        yield Sample(arrays, {**valid, "pads": [[1, 0], [0, 1]], "output_padding": (1, 0)})
        yield Sample(arrays, {"strides": (2,), "output_sizes": (3, 6)}, smooth=True)
