"""Resizing of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, numpy_dtype, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import LAYOUT, check_picture, known, layout_shape, pair

Taps = list[tuple[np.ndarray, np.ndarray]]
"""Source indices and their weights, for each output."""


def taps(size: int, target: int, method: str) -> Taps:
    """Return the interpolation weights of a resize along one axis, with pixel centres at half
    integers. Each pair holds, for all new pixels, the index of an old pixel and its weight.
    """
    centre = (np.arange(target) + 0.5) * (size / target) if target else np.zeros(0)
    if method == "nearest":
        index = np.minimum(np.floor(centre).astype(np.int64), size - 1)
        return [(index, np.ones(target))]
    place = np.clip(centre - 0.5, 0, size - 1)
    low = np.floor(place).astype(np.int64)
    share = place - low
    high = np.where(share > 0, np.minimum(low + 1, size - 1), low)
    return [(low, 1 - share), (high, share)]


def resized(x: TensorType, attrs: Mapping[str, Any], port: str = "x") -> TensorType:
    """Return the tensor type of images x after resizing.

    Raises:
        ShapeError: x is no batch of images, or its height or width is 0.
    """
    n, height, width, channels = check_picture(x, attrs["layout"], port)
    if 0 in (height, width):
        raise ShapeError(f"images of shape {shape_text(x.shape)} have no pixels", port=port)
    size = pair("size", attrs["size"])
    return x.with_shape(layout_shape((n, *size, channels), attrs["layout"]))


def spatial_axes(layout: str) -> tuple[int, int]:
    return (1, 2) if layout == "NHWC" else (2, 3)


def with_size(type_: TensorType, axis: int, size: int) -> TensorType:
    return type_.with_shape(size if a == axis else d for a, d in enumerate(type_.shape))


class ResizeLike(Op):
    """The base class of resizing and its adjoint."""

    category = "Pictures"
    differentiable = True
    attrs = (
        Attr("size", "ints", (28, 28), "New height and width, or one number for both."),
        Attr("method", "choice", "bilinear", "Interpolation between pixels.",
             choices=("bilinear", "nearest")),
        LAYOUT,
    )  # fmt: skip

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        """Build the op's inputs from arrays of images ``x`` and of resized images ``g``. By default
        the op takes only the images.
        """
        return (x,)

    def samples(self) -> Iterator[Sample]:
        def call(shape: tuple[int, ...], dtype: str = "float64", **attrs: Any) -> Sample:
            x = values(shape, dtype)
            full = {a.name: a.default for a in self.attrs} | attrs
            g = values(known(resized(TensorType(dtype, shape), full).shape), dtype, start=9)
            return Sample(self.arrange(x, g), attrs, smooth=dtype == "float64")

        for dtype in FLOATS:
            for method in ("nearest", "bilinear"):
                yield call((2, 3, 4, 1), dtype, size=(5, 2), method=method)
        yield call((1, 2, 3, 4), size=(4,), layout="NCHW")
        yield call((1, 5, 4, 2), size=(1, 7))
        yield call((0, 3, 4, 2), size=(2,))
        yield call((1, 1, 1, 1), size=(1,))


@register
class Resize(ResizeLike):
    """Resized images."""

    id = "resize"
    keywords = ("image", "scale", "interpolate", "bilinear", "nearest", "upsample", "zoom")
    doc = (
        "Images resized by linear interpolation or to the nearest pixel.\n\nx is "
        "(n, height, width, channels). Pixels are areas with their centres at a half, so the "
        "edges of the images stay in place. Shrinking does not smooth. Gradient: to the pixels "
        "that were used, by their weights."
    )
    inputs = (Port("x", "Images.", FLOATS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return resized(types[0], attrs)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        parts: list[lowering.Part] = []
        at, type_ = "x", types[0]
        for axis in spatial_axes(attrs["layout"]):
            size, target = type_.shape[axis] or 0, outs[0].shape[axis] or 0
            made_of = taps(size, target, attrs["method"])
            type_ = with_size(type_, axis, target)
            at = _taken(parts, at, type_, axis, made_of)
        parts.append(lowering.Part("out", lowering.Alias(), (at,), type_))
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        size = pair("size", attrs["size"])
        for axis, target in zip(spatial_axes(attrs["layout"]), size, strict=True):
            x = self._along(x, axis, taps(x.shape[axis], target, attrs["method"]))
        return np.ascontiguousarray(x)

    def _along(self, x: np.ndarray, axis: int, made_of: Taps) -> np.ndarray:
        if len(made_of) == 1:
            return x.take(made_of[0][0], axis)
        shape = [-1 if a == axis else 1 for a in range(4)]
        with np.errstate(all="ignore"):
            low, high = (x.take(i, axis) * w.astype(x.dtype).reshape(shape) for i, w in made_of)
            return np.where(made_of[1][1].reshape(shape) > 0, low + high, low)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.resize_gradient(grads[0], node.inputs[0], **node.attrs),)


@register
class ResizeGradient(ResizeLike):
    """The adjoint of resizing."""

    id = "resize_gradient"
    category = "Internal"
    hidden = True
    doc = (
        "Each pixel of x, added to the pixels of an image like `like` that it was interpolated "
        "from."
    )
    inputs = (
        Port("x", "Gradient of the resized images.", FLOATS),
        Port("like", "Only its shape is used.", FLOATS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        g, like = types
        expected = resized(like, attrs, "like").shape
        if not compatible(g.shape, expected):
            raise ShapeError(
                f"shape {shape_text(g.shape)} must be {shape_text(expected)}", port="x"
            )
        return g.with_shape(like.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        parts: list[lowering.Part] = []
        at, type_ = "x", types[0]
        for axis in spatial_axes(attrs["layout"]):
            size, target = outs[0].shape[axis] or 0, type_.shape[axis] or 0
            at = _added(parts, at, type_, axis, size, taps(size, target, attrs["method"]))
            type_ = with_size(type_, axis, size)
        parts.append(lowering.Part("out", lowering.Alias(), (at,), type_))
        return lowering.Composite(("x", "like"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        g, like = arrays
        for axis in spatial_axes(attrs["layout"]):
            made_of = taps(like.shape[axis], g.shape[axis], attrs["method"])
            rows = np.moveaxis(g, axis, 0)
            total = np.zeros((like.shape[axis], *rows.shape[1:]), g.dtype)
            with np.errstate(all="ignore"):
                for index, weight in made_of:
                    shape = (-1, 1, 1, 1)
                    np.add.at(total, index, rows * weight.astype(g.dtype).reshape(shape))
            g = np.moveaxis(total, 0, axis)
        return np.ascontiguousarray(g)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.resize(grads[0], **node.attrs), None

    def arrange(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
        return g, x


# ---- for the compiled tier --------------------------------------------------------------------


def _known(parts: list[lowering.Part], value: np.ndarray) -> str:
    """Add a constant array, which depends only on sizes, to the operations ``parts`` of a lowering.
    Return its name.
    """
    name = f"known {len(parts)}"
    type_ = TensorType(value.dtype.name, value.shape)
    parts.append(lowering.Part(name, lowering.Known(value), (), type_))
    return name


def _weights(parts: list[lowering.Part], weight: np.ndarray, type_: TensorType, axis: int) -> str:
    """Add a constant with the weights along one axis of images to the operations ``parts`` of a
    lowering. It is shaped to broadcast. Return its name.
    """
    shape = [-1 if a == axis else 1 for a in range(4)]
    return _known(parts, weight.astype(numpy_dtype(type_.dtype)).reshape(shape))


def _part(
    parts: list[lowering.Part], work: lowering.Lowering, inputs: Sequence[str], type_: TensorType
) -> str:
    name = f"part {len(parts)}"
    parts.append(lowering.Part(name, work, tuple(inputs), type_))
    return name


def _taken(parts: list[lowering.Part], x: str, type_: TensorType, axis: int, made_of: Taps) -> str:
    """Add the operations that resize x along an axis to the operations ``parts`` of a lowering.
    Return the name of the result.
    """
    taken = [
        _part(parts, lowering.Gather(axis), (x, _known(parts, index)), type_)
        for index, _ in made_of
    ]
    if len(taken) == 1:
        return taken[0]
    weights = [_weights(parts, weight, type_, axis) for _, weight in made_of]
    mixed = lowering.Elementwise(
        "where(v > 0, low * u + high * v, low * u)", ("u", "v", "low", "high")
    )
    return _part(parts, mixed, (*weights, *taken), type_)


def _added(
    parts: list[lowering.Part], g: str, type_: TensorType, axis: int, size: int, made_of: Taps
) -> str:
    """Add the gradient of a resize along one axis to the operations ``parts`` of a lowering:
    scatter the result's gradient ``g`` back to the ``size`` old pixels, with the interpolation
    weights. Return the name of the gradient.
    """
    out = with_size(type_, axis, size)
    added = []
    for index, weight in made_of:
        part = g
        if len(made_of) > 1:
            scaled = lowering.Elementwise("g * w", ("g", "w"))
            part = _part(parts, scaled, (g, _weights(parts, weight, type_, axis)), type_)
        scatter = lowering.ScatterAdd(axis)
        added.append(_part(parts, scatter, (part, _known(parts, index)), out))
    if len(added) == 1:
        return added[0]
    return _part(parts, lowering.Elementwise("x + y", ("x", "y")), added, out)
