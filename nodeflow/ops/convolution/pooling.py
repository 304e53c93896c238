"""Pooling: the largest or the mean of each window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.convolution.channels_last import lower_pictures
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import (
    LAYOUT,
    Windows,
    as_layout,
    channels_last,
    check_picture,
    known,
    layout_shape,
    pair,
)

SIZE = Attr("size", "ints", (2, 2), "Height and width of a window, or one number for both.")
STRIDES = Attr("strides", "ints", None, "Steps between windows; none is their size.", optional=True)
PADDING = Attr(
    "padding", "choice", "valid", "Whole windows only (valid), or also those over the border.",
    choices=("same", "valid"),
)  # fmt: skip


def windows_of(attrs: Mapping[str, Any]) -> Windows:
    """The windows that an op's attributes describe."""
    size = pair("size", attrs["size"])
    return Windows.of(size, {**attrs, "strides": attrs["strides"] or size})


def pooled(x: TensorType, attrs: Mapping[str, Any], port: str = "x") -> TensorType:
    """The type of what remains of x: one element per window and channel.

    Raises:
        ShapeError, AttributeProblem: not images, or no windows.
    """
    windows = windows_of(attrs)
    n, height, width, channels = check_picture(x, attrs["layout"], port)
    shape = (n, *windows.counts(height, width, port), channels)
    return x.with_shape(layout_shape(shape, attrs["layout"]))


def check_pooled(g: TensorType, x: TensorType, attrs: Mapping[str, Any], ports: str) -> None:
    """Raises ShapeError unless g has the shape of x pooled; ``ports`` names both."""
    of_g, of_x = ports.split()
    expected = pooled(x, attrs, of_x).shape
    if not compatible(g.shape, expected):
        text = f"shape {shape_text(g.shape)} must be {shape_text(expected)}, one per window"
        raise ShapeError(text, port=of_g)


class Pool(Op):
    """Base: an op of images, in one layout."""

    category = "Layers"
    differentiable = True
    inputs = (Port("x", "Images.", FLOATS),)
    attrs = (SIZE, STRIDES, PADDING, LAYOUT)
    pooling: Literal["max", "mean", "put", "take", "share"]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        taken = 2 if self.pooling in ("put", "take") else 1
        core = lowering.Pool(self.pooling, windows_of(attrs))
        return lower_pictures(core, types, outs[0], attrs["layout"], (True,) * (taken + 1))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return pooled(types[0], attrs)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        layout = attrs["layout"]
        pictures = [channels_last(a, layout) for a in arrays]
        with np.errstate(all="ignore"):
            return as_layout(self.compute(windows_of(attrs), *pictures), layout)

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        """The result, channels last."""
        raise NotImplementedError

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        """The op's inputs, from images and an array like them pooled."""
        return (x,)

    def samples(self) -> Iterator[Sample]:
        def call(shape: tuple[int, ...], dtype: str = "float64", **attrs: Any) -> Sample:
            layout = attrs.get("layout", "NHWC")
            x = values(known(layout_shape(shape, layout)), dtype)
            full = {a.name: a.default for a in self.attrs} | attrs
            g = values(known(pooled(TensorType(dtype, x.shape), full).shape), dtype, start=9)
            return Sample(self.arrange(x, g), attrs, smooth=dtype == "float64")

        for dtype in FLOATS:
            yield call((2, 4, 5, 3), dtype)
        yield call((1, 5, 4, 2), size=(3, 2), strides=(2, 1), layout="NCHW")
        yield call((1, 5, 4, 2), size=(3,), strides=(2,), padding="same")
        yield call((1, 3, 4, 2), size=(2, 3), strides=(1,), padding="same")
        yield call((0, 4, 3, 2))
        yield call((1, 1, 1, 1), size=(1,))


# ---- the largest ------------------------------------------------------------------------------


def side_by_side(seen: np.ndarray) -> np.ndarray:
    """What windows see, (rows, down, across, kernel, channels), row by row."""
    n, down, across, height, width, channels = seen.shape
    return seen.reshape(n, down, across, height * width, channels)


def largest_places(windows: Windows, x: np.ndarray) -> np.ndarray:
    """Which element of each window is the first of the largest; never one of the border."""
    seen = windows.view(x, -np.inf)
    flat = side_by_side(seen)
    places = flat.argmax(3)
    if windows.height.same:  # a border of -inf may come before elements that are -inf
        real = windows.view(np.ones((1, *x.shape[1:3], 1), bool), False)
        real = side_by_side(real)
        inside = np.take_along_axis(np.broadcast_to(real, flat.shape), places[:, :, :, None], 3)
        places = np.where(inside[:, :, :, 0], places, real.argmax(3))
    return places


class MaxPoolLike(Pool):
    """Base of the ops that work at each window's largest element."""

    inputs = (
        Port("x", "Where the largest elements are found.", FLOATS, "T"),
        Port("y", "What is taken or put there.", FLOATS, "T"),
    )
    category = "Internal"
    hidden = True


@register
class MaxPool2D(Pool):
    """The largest element of each window."""

    id = "max_pool2d"
    pooling = "max"
    keywords = ("pooling", "maximum", "cnn", "downsample", "subsample")
    doc = (
        "The largest element of each window of images, for each channel.\n\nNaN if any is NaN. "
        "The border never counts. Gradient: to the first of the largest elements, row by row."
    )

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        return windows.view(pictures[0], -np.inf).max((3, 4))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.put_at_largest(node.inputs[0], grads[0], **node.attrs),)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        inf, nan = np.inf, np.nan
        odd = np.array([[nan, 1.0, -inf, -inf], [0.0, -0.0, -inf, -inf]]).reshape(1, 2, 4, 1)
        yield Sample((odd,))
        yield Sample((odd,), {"size": (3,), "strides": (1,), "padding": "same"})


@register
class PutAtLargest(MaxPoolLike):
    """The adjoint of pooling the largest."""

    id = "put_at_largest"
    pooling = "put"
    doc = "Zeros like x, with y added where the largest element of each window of x is."

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        check_pooled(y, x, attrs, "y x")
        return x

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        x, y = pictures
        n, height, width, channels = x.shape
        down, across = y.shape[1:3]
        high, wide = windows.padded_sizes(height, width)
        places = largest_places(windows, x)
        row = (
            np.arange(down)[:, None, None] * windows.height.stride + places // windows.width.kernel
        )
        column = np.arange(across)[:, None] * windows.width.stride + places % windows.width.kernel
        first = np.arange(n)[:, None, None, None] * high
        flat = ((first + row) * wide + column) * channels + np.arange(channels)
        size = n * high * wide * channels
        whole = np.bincount(flat.ravel(), y.ravel(), size).astype(x.dtype)
        return windows.unpadded(whole.reshape(n, high, wide, channels), height, width)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, F.take_at_largest(node.inputs[0], grads[0], **node.attrs)

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, g


@register
class TakeAtLargest(MaxPoolLike):
    """Pooling by where another image is largest."""

    id = "take_at_largest"
    pooling = "take"
    doc = "The element of y, which is like x, where the largest element of each window of x is."

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        try:
            shape = unify_shapes(x.shape, y.shape)
        except ShapeError as error:
            raise error.at(None, "y") from None
        return pooled(x.with_shape(shape), attrs)

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        x, y = pictures
        seen = windows.view(y)
        flat = side_by_side(seen)
        places = largest_places(windows, x)
        return np.take_along_axis(flat, places[:, :, :, None], 3)[:, :, :, 0]

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, F.put_at_largest(node.inputs[0], grads[0], **node.attrs)

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, values(x.shape, x.dtype.name, start=7)


# ---- the mean ---------------------------------------------------------------------------------


def seen_counts(windows: Windows, height: int, width: int) -> np.ndarray:
    """How many elements inside the image each window sees."""
    return windows.view(np.ones((1, height, width, 1))).sum((3, 4))


@register
class AveragePool2D(Pool):
    """The mean of each window."""

    id = "average_pool2d"
    pooling = "mean"
    keywords = ("pooling", "mean", "cnn", "downsample", "blur")
    doc = (
        "The mean of each window of images, for each channel.\n\nElements of the border do not "
        "count. Gradient: shared equally by the window's elements."
    )

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        x = pictures[0]
        total = windows.view(x).sum((3, 4), dtype=accumulator(x.dtype.name))
        return (total / seen_counts(windows, *x.shape[1:3])).astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.average_pool2d_gradient(grads[0], node.inputs[0], **node.attrs),)


@register
class AveragePool2DGradient(Pool):
    """The adjoint of the mean of windows."""

    id = "average_pool2d_gradient"
    pooling = "share"
    category = "Internal"
    hidden = True
    doc = "Each element of x shared equally by its window's elements in an image like `like`."
    inputs = (
        Port("x", "One element per window.", FLOATS),
        Port("like", "Only its shape is used.", FLOATS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        g, like = types
        check_pooled(g, like, attrs, "x like")
        return g.with_shape(like.shape)

    def compute(self, windows: Windows, *pictures: np.ndarray) -> np.ndarray:
        g, like = pictures
        share = g / seen_counts(windows, *like.shape[1:3]).astype(g.dtype)
        kernel = windows.height.kernel, windows.width.kernel
        seen = np.broadcast_to(
            share[:, :, :, None, None], (*share.shape[:3], *kernel, share.shape[3])
        )
        return windows.gather_back(seen, like.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.average_pool2d(grads[0], **node.attrs), None

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return g, x
