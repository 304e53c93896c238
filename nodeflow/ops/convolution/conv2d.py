"""Convolution and its two gradients.

Convolution is linear in the image and in the filter, and so are its gradients. Each of the
three is the gradient of the others, so derivatives of every order exist. All three are matrix
products of image patches, computed block by block. The ops on volumes (`conv3d`) are the same with
one more axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    FLOATS,
    Dim,
    Shape,
    TensorType,
    compatible,
    shape_text,
    type_of_array,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.convolution.channels_last import (
    Order,
    filter_order,
    lower_pictures,
    picture_order,
)
from nodeflow.ops.convolution.reference import convolve, filter_gradient, input_gradient
from nodeflow.ops.lowering import Convolve, FilterGradient, Lowering
from nodeflow.ops.samples import ROUNDED, values
from nodeflow.ops.sliding_windows import (
    LAYOUT,
    PADDING,
    PADS,
    Windows,
    as_layout,
    channels_last,
    check_picture,
    known,
    layout_shape,
    shape_last,
)

GROUPS = Attr(
    "groups",
    "int",
    1,
    "Number of independent groups that channels are split into.",
    minimum=1,
    advanced=True,
)
FILTER_LAYOUT = Attr(
    "filter_layout", "choice", "HWIO", "Axis order of the filter: HWIO as in TensorFlow, OIHW as "
                                       "in PyTorch and ONNX.", choices=("HWIO", "OIHW"),
                                       advanced=True
)  # fmt: skip
ATTRS = (
    Attr("strides", "ints", (1, 1), "Steps between windows: height and width, or one number."),
    PADDING,
    Attr("dilations", "ints", (1, 1), "Distance between the elements of a window.", advanced=True),
    GROUPS,
    LAYOUT,
    PADS,
    FILTER_LAYOUT,
)
FILTER = Port("filter", "(height, width, channels / groups, filters).", FLOATS, "T")


# ---- layouts of filters -----------------------------------------------------------------------


def filter_shape_last(shape: Shape, layout: str) -> Shape:
    """Convert the shape of a filter from the given layout to (height, width, channels, filters)."""
    return (*shape[2:], shape[1], shape[0]) if layout[0] == "O" else shape


def filter_layout_shape(shape: Shape, layout: str) -> Shape:
    """Convert the shape of a filter from (height, width, channels, filters) to the given layout."""
    return (shape[-1], shape[-2], *shape[:-2]) if layout[0] == "O" else shape


def filter_last(x: np.ndarray, layout: str) -> np.ndarray:
    """Return a filter as (spatial axes, channels, filters)."""
    return np.moveaxis(x, (1, 0), (-2, -1)) if layout[0] == "O" else x


def as_filter(x: np.ndarray, layout: str) -> np.ndarray:
    """Convert a filter from (height, width, channels, filters) to the given layout, as a contiguous
    array.
    """
    return np.ascontiguousarray(np.moveaxis(x, (-2, -1), (1, 0)) if layout[0] == "O" else x)


# ---- types ------------------------------------------------------------------------------------


def windows_of(filter_: TensorType, attrs: Mapping[str, Any]) -> tuple[Windows, Dim, Dim]:
    """Return the sliding windows of a convolution's filter, its number of channels per group, and
    the number of filters.

    Raises:
        ShapeError: the filter has a wrong rank, or a size of 0.
        AttributeProblem: strides or dilations are no pairs, or groups do not divide the filters.
    """
    layout = attrs["filter_layout"]
    if filter_.rank != len(layout):
        named = {"D": "depth", "H": "height", "W": "width", "I": "channels", "O": "filters"}
        names = ", ".join(named[axis] for axis in layout)
        raise ShapeError(
            f"a filter must be ({names}), not {shape_text(filter_.shape)}", port="filter"
        )
    *kernel, channels, filters = filter_shape_last(filter_.shape, layout)
    if 0 in kernel:
        raise ShapeError(
            f"a filter of shape {shape_text(filter_.shape)} has no elements", port="filter"
        )
    if filters is not None and filters % attrs["groups"]:
        raise AttributeProblem(
            f"{filters} filters do not split into {attrs['groups']} groups", port="groups"
        )
    return Windows.of(known(kernel), attrs), channels, filters


def convolved(
    x: TensorType, filter_: TensorType, attrs: Mapping[str, Any], port: str = "x"
) -> TensorType:
    """Return the output type of a convolution of images x with a filter.

    Raises:
        ShapeError, AttributeProblem: image, filter and attributes do not fit each other.
    """
    windows, channels, filters = windows_of(filter_, attrs)
    n, *sizes, have = check_picture(x, attrs["layout"], port)
    if have is not None and channels is not None and have != channels * attrs["groups"]:
        groups = f" in {attrs['groups']} groups" if attrs["groups"] > 1 else ""
        size = {"HWIO": "third", "OIHW": "second", "DHWIO": "fourth", "OIDHW": "second"}
        raise ShapeError(
            f"{port} has {have} channels, but the filter {shape_text(filter_.shape)} takes "
            f"{channels * attrs['groups']}{groups}",
            port=port,
            hint=f"The filter's {size[attrs['filter_layout']]} size times groups is the number of "
            "channels.",
        )
    counts = windows.counts(*sizes, port=port)
    return x.with_shape(layout_shape((n, *counts, filters), attrs["layout"]))


def check_result(g: TensorType, x: TensorType, filter_: TensorType, attrs: Any, port: str) -> None:
    """Raise ShapeError unless g has the shape of the convolution's result."""
    expected = convolved(x, filter_, attrs, "like" if port == "x" else "x").shape
    if not compatible(g.shape, expected):
        raise ShapeError(
            f"shape {shape_text(g.shape)} must be {shape_text(expected)}, that of the convolution",
            port=port,
        )


# ---- the ops ----------------------------------------------------------------------------------


class Convolution(Op):
    """The base class of convolution and its gradients, in one layout."""

    category = "Neural network"
    differentiable = True
    attrs = ATTRS
    family = "conv2d"
    """Id of the convolution, also in the ops of its gradients."""
    product: Literal["result", "input", "filter"]
    """The product that the op computes, out of three."""

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        # Each of image, result and filter is the product of the other two.
        filters = outs[0] if self.product == "filter" else types[1]
        windows, groups = windows_of(filters, attrs)[0], attrs["groups"]
        picture, weights = self.orders(attrs["layout"], attrs["filter_layout"])
        orders = {
            "result": (picture, weights, picture), "input": (picture, weights, picture),
            "filter": (picture, picture, weights),
        }[self.product]  # fmt: skip
        return self.lowered(windows, groups, types, outs[0], orders)

    def orders(self, layout: str, filter_layout: str) -> tuple[Order, Order]:
        """Return two axis permutations: from ``layout`` to channels-last images, and from
        ``filter_layout`` to (height, width, channels, filters). None stands for no change.
        """
        return picture_order(layout), filter_order(filter_layout)

    def lowered(
        self,
        windows: Windows,
        groups: int,
        types: Sequence[TensorType],
        out: TensorType,
        orders: Sequence[Order],
    ) -> Lowering:
        if self.product == "filter":
            core = FilterGradient(windows, groups)
        else:
            core = Convolve(self.product, windows, groups)
        return lower_pictures(core, types, out, orders)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return self.compute(arrays, attrs["groups"], attrs["layout"], attrs)

    def compute(
        self, arrays: Sequence[np.ndarray], groups: int, layout: str, attrs: Mapping[str, Any]
    ) -> np.ndarray:
        raise NotImplementedError

    def of(self, op: str, *inputs: Tensor, **attrs: Any) -> Tensor:
        """Add another op of this op's family, such as ``conv2d_input_gradient``, and return its
        result. Attributes that this op does not declare are dropped.
        """
        declared = {attr.name for attr in Convolution.attrs}
        given = {name: value for name, value in attrs.items() if name in declared}
        return getattr(F, f"{self.family}{op}")(*inputs, **given)

    def call(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> Sample:
        """Build a sample call of the op: inputs and attributes for tests.

        Args:
            x, filter_: shapes of the image and the filter, both channels last.
        """
        raise NotImplementedError

    def samples(self) -> Iterator[Sample]:
        yield self.call((1, 4, 3, 2), (3, 2, 2, 3), {}, "float64")
        for dtype in ROUNDED:
            yield self.call((4, 5, 7, 3), (3, 2, 3, 2), {}, dtype)
        for attrs in (
            {"padding": "valid"},
            {"strides": (2, 3)},
            {"strides": (3, 1), "padding": "valid", "layout": "NCHW"},
            {"dilations": (2,)},
            {"dilations": (1, 2), "padding": "valid", "strides": (2,)},
            {"pads": [[2, 0], [1, 3]], "strides": (2, 3), "filter_layout": "OIHW"},
            {"pads": 1, "layout": "NCHW", "filter_layout": "OIHW", "dilations": (1, 2)},
        ):
            yield self.call((1, 4, 5, 1), (2, 3, 1, 2), attrs, "float64")
        yield self.call((2, 2, 1, 4), (2, 1, 2, 6), {"groups": 2}, "float64")
        yield self.call((1, 2, 3, 3), (1, 2, 1, 3), {"groups": 3, "layout": "NCHW"}, "float64")
        yield self.call((0, 3, 4, 2), (2, 1, 2, 3), {}, "float64")
        yield self.call((1, 1, 1, 1), (1, 1, 1, 1), {}, "float64")

    def _arrays(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Make sample arrays: an image, a filter, and an array of the shape of their
        convolution.
        """
        full = {a.name: a.default for a in self.attrs} | dict(attrs)
        picture = values(known(layout_shape(x, full["layout"])), dtype)
        weights = values(known(filter_layout_shape(filter_, full["filter_layout"])), dtype, start=5)
        result = convolved(type_of_array(picture), type_of_array(weights), full)
        return picture, weights, values(known(result.shape), dtype, start=9)


@register
class Conv2D(Convolution):
    """Convolution of images."""

    id = "conv2d"
    layered = True
    product = "result"
    keywords = ("convolution", "cnn", "filter", "kernel", "image", "depthwise", "dilated")
    doc = (
        "The product of filters with every window of a batch of images.\n\nx "
        "(n, height, width, channels) and filter (height, width, channels / groups, filters) give "
        "(n, height', width', filters). Padding \"same\" divides the sizes by the strides, "
        "rounding up, and pads with zeros; of an odd number of zeros the last is at the end. "
        'Padding "valid" takes only whole windows. `pads` sets the border explicitly. The filter '
        "is not flipped. With as many groups as channels it is a depthwise convolution."
    )
    inputs = (Port("x", "Images.", FLOATS, "T"), FILTER)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return convolved(types[0], types[1], attrs)

    def compute(
        self, arrays: Sequence[np.ndarray], groups: int, layout: str, attrs: Mapping[str, Any]
    ) -> np.ndarray:
        x, filter_ = (
            channels_last(arrays[0], layout),
            filter_last(arrays[1], attrs["filter_layout"]),
        )
        windows = Windows.of(filter_.shape[:-2], attrs)
        return as_layout(convolve(x, filter_, windows, groups), layout)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, filter_ = node.inputs
        by_x = self.of("_input_gradient", grads[0], filter_, x, **node.attrs)
        return by_x, self.of("_filter_gradient", x, grads[0], filter_, **node.attrs)

    def call(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> Sample:
        return Sample(self._arrays(x, filter_, attrs, dtype)[:2], attrs, dtype == "float64")


@register
class Conv2DInputGradient(Convolution):
    """The adjoint of convolution with respect to the image."""

    id = "conv2d_input_gradient"
    product = "input"
    category = "Internal"
    hidden = True
    doc = "The sum of filters weighted by x, each at its window in an image of the shape of `like`."
    inputs = (
        Port("x", "Gradient of the convolution's result.", FLOATS, "T"),
        FILTER,
        Port("like", "Only its shape is used.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        g, filter_, like = types
        check_result(g, like, filter_, attrs, "x")
        return g.with_shape(like.shape)

    def compute(
        self, arrays: Sequence[np.ndarray], groups: int, layout: str, attrs: Mapping[str, Any]
    ) -> np.ndarray:
        g, filter_ = (
            channels_last(arrays[0], layout),
            filter_last(arrays[1], attrs["filter_layout"]),
        )
        shape = known(shape_last(arrays[2].shape, layout))
        windows = Windows.of(filter_.shape[:-2], attrs)
        return as_layout(input_gradient(g, filter_, windows, groups, shape), layout)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, filter_, _ = node.inputs
        by_filter = self.of("_filter_gradient", grads[0], g, filter_, **node.attrs)
        return self.of("", grads[0], filter_, **node.attrs), by_filter, None

    def call(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> Sample:
        like, weights, g = self._arrays(x, filter_, attrs, dtype)
        return Sample((g, weights, like), attrs, dtype == "float64")


@register
class Conv2DFilterGradient(Convolution):
    """The adjoint of convolution with respect to the filter."""

    id = "conv2d_filter_gradient"
    product = "filter"
    category = "Internal"
    hidden = True
    doc = (
        "Windows of x weighted by the gradient of the result, summed for filters shaped like "
        "`like`."
    )
    inputs = (
        Port("x", "Images.", FLOATS, "T"),
        Port("y", "Gradient of the convolution's result.", FLOATS, "T"),
        Port("like", "Filters; only their shape is used.", FLOATS, "T"),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, g, like = types
        check_result(g, x, like, attrs, "y")
        return x.with_shape(like.shape)

    def compute(
        self, arrays: Sequence[np.ndarray], groups: int, layout: str, attrs: Mapping[str, Any]
    ) -> np.ndarray:
        x, g = (channels_last(a, layout) for a in arrays[:2])
        shape = known(filter_shape_last(arrays[2].shape, attrs["filter_layout"]))
        windows = Windows.of(shape[:-2], attrs)
        return as_filter(filter_gradient(x, g, windows, groups, shape), attrs["filter_layout"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, g, _ = node.inputs
        by_x = self.of("_input_gradient", g, grads[0], x, **node.attrs)
        return by_x, self.of("", x, grads[0], **node.attrs), None

    def call(
        self, x: tuple[int, ...], filter_: tuple[int, ...], attrs: Mapping[str, Any], dtype: str
    ) -> Sample:
        picture, like, g = self._arrays(x, filter_, attrs, dtype)
        return Sample((picture, g, like), attrs, dtype == "float64")
