"""Normalization by groups of channels, by root mean squares, and by given statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axes, normalize_axis, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.norms.moments import centred
from nodeflow.ops.samples import values

AXIS = Attr("axis", "int", -1, "Axis of the channels.")
EPSILON = Attr("epsilon", "float", 1e-5, "Added to the variance.", minimum=0)
SCALE = Port("scale", "Factor of each channel; 1 if not connected.", FLOATS, "T", optional=True)
OFFSET = Port("offset", "Added to each channel; 0 if not connected.", FLOATS, "T", optional=True)


def check_channels(port: str, vector: TensorType, x: TensorType, axis: int) -> None:
    """Raise ShapeError unless a vector has one number per channel or broadcasts to x."""
    if vector.rank == 1:
        sizes = {vector.shape[0], x.shape[axis], None}
        if len(sizes) > 2 and vector.shape[0] != 1:
            raise ShapeError(
                f"{port} has {vector.shape[0]} numbers for {x.shape[axis]} channels", port=port
            )
    else:
        check_broadcast(port, vector, x)


def by_channel(vector: Tensor, x: Tensor, axis: int) -> Tensor:
    """Return a vector of channels, reshaped to broadcast to x; other shapes stay unchanged."""
    after = len(x.shape) - 1 - normalize_axis(axis, len(x.shape))
    if len(vector.shape) != 1 or not after:
        return vector
    return F.expand_dims(vector, axis=tuple(range(1, after + 1)))


def scaled(x: Tensor, like: Tensor, rest: tuple[Tensor, ...], axis: int) -> Tensor:
    """Multiply x by a scale and add an offset, one number for each channel.

    Args:
        like: the tensor whose shape the numbers are broadcast to.
        rest: the connected inputs: nothing, the scale, or the scale and the offset.
        axis: the channel axis.
    """
    if rest:
        x = x * by_channel(rest[0], like, axis)
    return x + by_channel(rest[1], like, axis) if len(rest) > 1 else x


class Channels(Composed):
    """The base class of normalizations with one scale and offset per channel."""

    category = "Neural network"
    inputs = (Port("x", "Input.", FLOATS, "T"), SCALE, OFFSET)
    attrs: tuple[Attr, ...] = (AXIS, EPSILON)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        axis = normalize_axis(attrs["axis"], x.rank)
        for port, type_ in zip(("scale", "offset"), types[1:], strict=False):
            check_channels(port, type_, x, axis)
        return x

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            x, row = values((2, 5, 4), dtype), values((4,), dtype, 0.5, 1.5, start=9)
            yield Sample((x,), smooth=dtype == "float64")
            yield Sample((x, row), smooth=dtype == "float64")
            yield Sample((x, row, row), {"epsilon": 0.1}, smooth=dtype == "float64")
        x, row = values((2, 4, 3, 5)), values((4,), start=9)
        yield Sample((x, row, row), {"axis": 1}, smooth=True)
        yield Sample((values((0, 3, 2)),))
        yield Sample((values((1, 1, 1)),))


@register
class GroupNormalization(Channels):
    """Groups of channels normalized to mean 0 and variance 1."""

    id = "group_normalization"
    everyday = False
    keywords = ("group norm", "standardize", "channels", "cnn")
    doc = (
        "Each group of channels of each row, normalized to mean 0 and variance 1.\n\n(x - mean) / "
        "sqrt(variance + epsilon), times scale, plus offset. The channels of `axis`, whose number "
        "must be known, are split into `groups`. The first axis holds the rows. Wu and He, 2018."
    )
    attrs = (
        Attr("groups", "int", 1, "Number of groups.", minimum=1),
        AXIS,
        EPSILON,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = super().infer(*types, **attrs)
        axis = normalize_axis(attrs["axis"], x.rank)
        size = x.shape[axis]
        if axis == 0 or size is None or size % attrs["groups"]:
            raise ShapeError(
                f"axis {axis} of {shape_text(x.shape)} does not split into {attrs['groups']} "
                "groups",
                port="x",
                hint="The number of channels must be known, and a multiple of the groups.",
            )
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, groups = inputs[0], attrs["groups"]
        rank = len(x.shape)
        axis = normalize_axis(attrs["axis"], rank)
        size = x.shape[axis] or 0

        def mean(of: Tensor) -> Tensor:
            """Return the mean over each group of channels in each row (example). The result
            broadcasts to x.
            """
            if groups == 1 or not size:
                return F.reduce_mean(of, axis=tuple(range(1, rank)), keepdims=True)
            others = tuple(a for a in range(1, rank) if a != axis)
            channels = F.reduce_mean(of, axis=others) if others else of
            parts = F.reshape(channels, shape=(-1, groups, size // groups))
            means = F.tile(F.reduce_mean(parts, axis=2, keepdims=True), (1, 1, size // groups))
            return F.reshape(means, shape=(-1, *(size if a == axis else 1 for a in range(1, rank))))

        apart = x - mean(x)
        normal = apart * F.rsqrt(mean(F.square(apart)) + attrs["epsilon"])
        return scaled(normal, x, inputs[1:], axis)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample((values((2, 5, 4)),), {"groups": 2}, smooth=True)
        yield Sample((values((2, 6, 4)),), {"groups": 3, "axis": 1}, smooth=True)


@register
class InstanceNormalization(Channels):
    """Channels of each row normalized to mean 0 and variance 1."""

    id = "instance_normalization"
    everyday = False
    keywords = ("instance norm", "standardize", "style", "contrast")
    doc = (
        "(x - mean) / sqrt(variance + epsilon) of each channel of each row, times scale, plus "
        "offset.\n\nThe first axis holds the rows, `axis` the channels. Mean and variance are "
        "taken along all other axes. Ulyanov, Vedaldi and Lempitsky, 2016."
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = super().infer(*types, **attrs)
        if normalize_axis(attrs["axis"], x.rank) == 0:
            raise ShapeError("axis 0 holds the rows, not the channels", port="axis")
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        rank = len(x.shape)
        axis = normalize_axis(attrs["axis"], rank)
        axes = tuple(a for a in range(1, rank) if a != axis)
        _, apart = centred(x, axes)
        variance = F.reduce_mean(F.square(apart), axis=axes, keepdims=True)
        return scaled(apart * F.rsqrt(variance + attrs["epsilon"]), x, inputs[1:], axis)


@register
class RmsNormalization(Composed):
    """Rows normalized to root mean square 1."""

    id = "rms_normalization"
    everyday = False
    category = "Neural network"
    keywords = ("rms norm", "root mean square", "transformer", "llama")
    doc = (
        "x / sqrt(mean(x^2) + epsilon) of each row, times scale.\n\nA layer normalization that "
        "does not subtract the mean. If connected, scale broadcasts to x. Zhang and Sennrich, "
        "2019."
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("scale", "Factor; 1 if not connected.", FLOATS, "T", optional=True),
    )
    attrs = (Attr("axis", "axes", -1, "Axis or axes of one row; none: all."), EPSILON)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, *scale = types
        normalize_axes(attrs["axis"], x.rank)
        if scale:
            check_broadcast("scale", scale[0], x)
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        squares = F.reduce_mean(F.square(x), axis=attrs["axis"], keepdims=True)
        out = x * F.rsqrt(squares + attrs["epsilon"])
        return out * inputs[1] if len(inputs) > 1 else out

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            x, row = values((2, 3), dtype), values((3,), dtype, 0.5, 1.5, start=9)
            yield Sample((x,), smooth=dtype == "float64")
            yield Sample((x, row), {"epsilon": 0.1}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)), values((3, 1), start=5)), {"axis": (1, 2)}, smooth=True)
        yield Sample((values((2, 3)),), {"axis": None}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((np.array([[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]]),))


@register
class BatchNormalize(Composed):
    """Channels normalized by given statistics."""

    id = "batch_normalize"
    everyday = False
    category = "Neural network"
    keywords = ("batch norm", "batch_normalization", "standardize", "moments", "inference")
    doc = (
        "(x - mean) / sqrt(variance + epsilon), times scale, plus offset, with given "
        "statistics.\n\nAs tf.nn.batch_normalization of TensorFlow 1. Each of the four is a "
        "vector with one number per channel of `axis`, or broadcasts to x. Ioffe and Szegedy, "
        "2015."
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("mean", "Mean of each channel.", FLOATS, "T"),
        Port("variance", "Variance of each channel.", FLOATS, "T"),
        OFFSET,
        SCALE,
    )
    attrs = (AXIS, Attr("epsilon", "float", 1e-3, "Added to the variance.", minimum=0))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        axis = normalize_axis(attrs["axis"], x.rank)
        names = [port.name for port in self.inputs[1:]]
        for port, type_ in zip(names, types[1:], strict=False):
            check_channels(port, type_, x, axis)
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, axis = inputs[0], attrs["axis"]
        mean, variance, *rest = (by_channel(v, x, axis) for v in inputs[1:])
        factor = F.rsqrt(variance + attrs["epsilon"])
        if len(rest) > 1:
            factor = factor * rest[1]
        out = (x - mean) * factor
        return out + rest[0] if rest else out

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            x, mean = values((2, 3), dtype), values((3,), dtype, start=5)
            variance = values((3,), dtype, 0.5, 2.0, start=9)
            yield Sample((x, mean, variance), smooth=dtype == "float64")
            yield Sample((x, mean, variance, mean), smooth=dtype == "float64")
            yield Sample((x, mean, variance, mean, variance), smooth=dtype == "float64")
        x, row = values((2, 3, 4, 5)), values((3,), "float64", 0.5, 2.0)
        yield Sample((x, row, row, row, row), {"axis": 1, "epsilon": 0.1}, smooth=True)
        yield Sample((values((0, 3)), values((3,)), values((3,), "float64", 0.5, 2.0)))
        one = values((1, 1))
        yield Sample((one, one, np.ones((1, 1))), smooth=True)
