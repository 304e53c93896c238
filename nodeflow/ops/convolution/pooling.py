"""Pooling: the largest element or the mean of each window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.convolution.channels_last import lower_pictures, picture_order
from nodeflow.ops.convolution.volumes import lower_pooled_volumes, volume_order
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import (
    LAYOUT,
    PADS,
    Windows,
    as_layout,
    channels_last,
    check_picture,
    known,
    layout_shape,
    per_axis,
)

SIZE = Attr("size", "ints", (2, 2), "Height and width of a window, or one number for both.")
STRIDES = Attr("strides", "ints", None, "Steps between windows; none: their size.", optional=True)
PADDING = Attr(
    "padding", "choice", "valid", "Whole windows only (valid), or also windows over the border "
         "(same).",
    choices=("same", "valid"),
)  # fmt: skip
CEIL = Attr(
    "ceil_mode",
    "bool",
    False,
    "Add a last window that begins inside and ends outside.",
    advanced=True,
)
ATTRS = (
    SIZE,
    STRIDES,
    PADDING,
    LAYOUT,
    Attr("dilations", "ints", (1, 1), "Distance between the elements of a window.", advanced=True),
    PADS,
    CEIL,
)
COUNT_BORDER = Attr(
    "count_include_pad",
    "bool",
    False,
    "Count the zeros of the border, as PyTorch does.",
    advanced=True,
)


def windows_of(attrs: Mapping[str, Any]) -> Windows:
    """Return the pooling windows that an op's attributes describe.

    Raises:
        AttributeProblem: a setting is neither one number nor one per axis, or a window may contain
            only padding.
    """
    size = per_axis("size", attrs["size"], len(attrs["layout"]) - 2)
    windows = Windows.of(size, {**attrs, "strides": attrs["strides"] or size})
    if any(max(axis.around) >= axis.reach for axis in windows.axes):
        raise AttributeProblem(
            f"pads {attrs['pads']} let windows of {list(size)} contain only border",
            port="pads",
            hint="A border must be smaller than the window.",
        )
    return windows


def pooled(x: TensorType, attrs: Mapping[str, Any], port: str = "x") -> TensorType:
    """Return the type of x after pooling: one element per window and channel.

    Raises:
        ShapeError, AttributeProblem: x is no batch of images, or the attributes describe no
            windows.
    """
    windows = windows_of(attrs)
    n, *sizes, channels = check_picture(x, attrs["layout"], port)
    shape = (n, *windows.counts(*sizes, port=port), channels)
    return x.with_shape(layout_shape(shape, attrs["layout"]))


def check_pooled(g: TensorType, x: TensorType, attrs: Mapping[str, Any], ports: str) -> None:
    """Raise ShapeError unless a gradient g has the shape that pooling x gives.

    Args:
        ports: the names of the two ports in the error message, such as ``g x``.
    """
    of_g, of_x = ports.split()
    expected = pooled(x, attrs, of_x).shape
    if not compatible(g.shape, expected):
        text = f"shape {shape_text(g.shape)} must be {shape_text(expected)}, one per window"
        raise ShapeError(text, port=of_g)


class Pool(Op):
    """The base class of pooling and its adjoints, in one layout."""

    category = "Layers"
    differentiable = True
    inputs = (Port("x", "Images.", FLOATS),)
    attrs = ATTRS
    pooling: Literal["max", "mean", "put", "take", "share"]
    partner = ""
    """Id of the op that computes the gradient."""

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        windows, border = windows_of(attrs), attrs.get("count_include_pad", False)
        if len(windows.axes) == 3:
            order = volume_order(attrs["layout"])
            return lower_pooled_volumes(self.pooling, windows, border, types, outs[0], order)
        taken = 2 if self.pooling in ("put", "take") else 1
        core = lowering.Pool(self.pooling, windows, border)
        order = picture_order(attrs["layout"])
        return lower_pictures(core, types, outs[0], (order,) * (taken + 1))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return pooled(types[0], attrs)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        layout = attrs["layout"]
        pictures = [channels_last(a, layout) for a in arrays]
        border = attrs.get("count_include_pad", False)
        with np.errstate(all="ignore"):
            return as_layout(self.compute(windows_of(attrs), border, *pictures), layout)

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        """Compute this op in numpy. Arrays and result are channels last.

        Args:
            border: whether a mean counts the padding.
        """
        raise NotImplementedError

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        """Build the op's inputs from arrays of images ``x`` and of pooled images ``g``. By default
        the op takes only the images.
        """
        return (x,)

    def call(self, shape: tuple[int, ...], dtype: str = "float64", **attrs: Any) -> Sample:
        """Return a sample from a channels-last shape of images."""
        full = {a.name: a.default for a in self.attrs} | attrs
        x = values(known(layout_shape(shape, full["layout"])), dtype)
        g = values(known(pooled(TensorType(dtype, x.shape), full).shape), dtype, start=9)
        return Sample(self.arrange(x, g), attrs, smooth=dtype == "float64")

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield self.call((2, 4, 5, 3), dtype)
        yield self.call((1, 5, 4, 2), size=(3, 2), strides=(2, 1), layout="NCHW")
        yield self.call((1, 5, 4, 2), size=(3,), strides=(2,), padding="same")
        yield self.call((1, 3, 4, 2), size=(2, 3), strides=(1,), padding="same")
        more: dict[str, Any] = {"pads": [[1, 0], [2, 1]], "ceil_mode": True}
        yield self.call((1, 4, 5, 2), size=(2, 3), strides=(3, 2), **more)
        yield self.call((1, 4, 5, 2), size=(2,), strides=(1, 2), dilations=(2,), **more)
        if COUNT_BORDER in self.attrs:
            yield self.call((1, 4, 5, 2), size=(2, 3), count_include_pad=True, **more)
        yield self.call((0, 4, 3, 2))
        yield self.call((1, 1, 1, 1), size=(1,))


# ---- the largest ------------------------------------------------------------------------------


def places_seen(windows: Windows) -> tuple[int, ...]:
    """Return the numbers of the axes that run inside a window, in the array of all windows (rows,
    windows..., elements..., channels).
    """
    count = len(windows.axes)
    return tuple(range(1 + count, 1 + 2 * count))


def side_by_side(windows: Windows, seen: np.ndarray) -> np.ndarray:
    """Flatten the spatial axes inside each window into one axis of elements. The result has the
    axes (rows, windows..., elements, channels).
    """
    count = 1 + len(windows.axes)
    return seen.reshape(*seen.shape[:count], math.prod(windows.kernel), seen.shape[-1])


def largest_places(windows: Windows, x: np.ndarray) -> np.ndarray:
    """Return the index of the first largest element in each window; the border never counts."""
    flat = side_by_side(windows, windows.view(x, -np.inf))
    places = flat.argmax(-2)
    if any(map(any, windows.pads(x.shape[1:-1]))):
        # A border of -inf may come before elements that are -inf.
        real = side_by_side(windows, windows.view(np.ones((1, *x.shape[1:-1], 1), bool), False))
        inside = np.take_along_axis(np.broadcast_to(real, flat.shape), places[..., None, :], -2)
        places = np.where(inside[..., 0, :], places, real.argmax(-2))
    return places


def places_in(windows: Windows, places: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Return the coordinates of window elements along each axis; negative in the border."""
    found = []
    elements = np.unravel_index(places, windows.kernel)
    for axis, element, size, number in zip(
        windows.axes, elements, sizes, range(len(sizes)), strict=True
    ):
        first = np.arange(places.shape[1 + number]) * axis.stride - axis.pads(size)[0]
        shape = [-1 if a == number else 1 for a in range(len(sizes))]
        found.append(first.reshape(1, *shape, 1) + element * axis.dilation)
    return tuple(found)


class MaxPoolLike(Pool):
    """The base class of ops that find the largest element of each window."""

    inputs = (
        Port("x", "Images in which the largest elements are found.", FLOATS, "T"),
        Port("y", "Elements to take or to put there.", FLOATS, "T"),
    )
    category = "Internal"
    hidden = True


@register
class MaxPool2D(Pool):
    """The largest element of each window."""

    id = "max_pool2d"
    pooling = "max"
    partner = "put_at_largest"
    keywords = ("pooling", "maximum", "cnn", "downsample", "subsample", "MaxPool", "MaxPool2d")
    doc = (
        "The largest element of each window of images, for each channel.\n\nNaN if any is NaN. "
        "The border never counts. Gradient: to the first of equal largest elements, row by row."
    )

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        return windows.view(pictures[0], -np.inf).max(places_seen(windows))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (getattr(F, self.partner)(node.inputs[0], grads[0], **node.attrs),)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        inf, nan = np.inf, np.nan
        odd = np.array([[nan, 1.0, -inf, -inf], [0.0, -0.0, -inf, -inf]]).reshape(1, 2, 4, 1)
        yield Sample((odd,))
        yield Sample((odd,), {"size": (3,), "strides": (1,), "padding": "same"})


@register
class PutAtLargest(MaxPoolLike):
    """The adjoint of max pooling."""

    id = "put_at_largest"
    pooling = "put"
    partner = "take_at_largest"
    doc = "Zeros like x, with y added at the largest element of each window of x."

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        check_pooled(y, x, attrs, "y x")
        return x

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        x, y = pictures
        n, *sizes, channels = x.shape
        whole = windows.padded_sizes(sizes)
        places = places_in(windows, largest_places(windows, x), sizes)
        starts = [before for before, _ in windows.pads(sizes)]
        flat = np.arange(n).reshape(-1, *[1] * (len(sizes) + 1))
        for place, start, size in zip(places, starts, whole, strict=True):
            flat = flat * size + place + start
        flat = flat * channels + np.arange(channels)
        total = np.bincount(flat.ravel(), y.ravel(), n * math.prod(whole) * channels)
        return windows.unpadded(total.astype(x.dtype).reshape(n, *whole, channels), sizes)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, getattr(F, self.partner)(node.inputs[0], grads[0], **node.attrs)

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, g


@register
class TakeAtLargest(MaxPoolLike):
    """The elements of one array at the places of the maxima of another."""

    id = "take_at_largest"
    pooling = "take"
    partner = "put_at_largest"
    doc = "The element of y, shaped like x, at the largest element of each window of x."

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        try:
            shape = unify_shapes(x.shape, y.shape)
        except ShapeError as error:
            raise error.at(None, "y") from None
        return pooled(x.with_shape(shape), attrs)

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        x, y = pictures
        flat = side_by_side(windows, windows.view(y))
        places = largest_places(windows, x)
        return np.take_along_axis(flat, places[..., None, :], -2)[..., 0, :]

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, getattr(F, self.partner)(node.inputs[0], grads[0], **node.attrs)

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, values(x.shape, x.dtype.name, start=7)


# ---- the mean ---------------------------------------------------------------------------------


@register
class AveragePool2D(Pool):
    """The mean of each window."""

    id = "average_pool2d"
    pooling = "mean"
    partner = "average_pool2d_gradient"
    keywords = (
        "pooling", "mean", "cnn", "downsample", "blur", "AveragePool", "AvgPool2d", "avg_pool",
    )  # fmt: skip
    doc = (
        "The mean of each window of images, for each channel.\n\nThe border does not count, "
        "unless `count_include_pad` is set. Gradient: shared equally by the window's elements."
    )
    attrs = (*ATTRS, COUNT_BORDER)

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        x = pictures[0]
        total = windows.view(x).sum(places_seen(windows), dtype=accumulator(x.dtype.name))
        return (total / windows.seen_counts(x.shape[1:-1], border)).astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (getattr(F, self.partner)(grads[0], node.inputs[0], **node.attrs),)


@register
class AveragePool2DGradient(Pool):
    """The adjoint of average pooling."""

    id = "average_pool2d_gradient"
    pooling = "share"
    partner = "average_pool2d"
    category = "Internal"
    hidden = True
    doc = "Each element of x shared equally by the elements of its window, in the shape of `like`."
    inputs = (
        Port("x", "One element per window.", FLOATS),
        Port("like", "Only its shape is used.", FLOATS),
    )
    attrs = AveragePool2D.attrs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        g, like = types
        check_pooled(g, like, attrs, "x like")
        return g.with_shape(like.shape)

    def compute(self, windows: Windows, border: bool, *pictures: np.ndarray) -> np.ndarray:
        g, like = pictures
        share = g / windows.seen_counts(like.shape[1:-1], border).astype(g.dtype)
        spread = share.reshape(*share.shape[:-1], *[1] * len(windows.axes), share.shape[-1])
        seen = np.broadcast_to(spread, (*share.shape[:-1], *windows.kernel, share.shape[-1]))
        return windows.gather_back(seen, like.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return getattr(F, self.partner)(grads[0], **node.attrs), None

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return g, x
