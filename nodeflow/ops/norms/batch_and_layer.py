"""Batch and layer normalization: mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    FLOATS,
    TensorType,
    broadcast_shapes,
    compatible,
    normalize_axes,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import TRAINING, check_flag, training_flag


def moments(x: Tensor, axes: Any) -> tuple[Tensor, Tensor]:
    """Return mean and variance (divided by the count) along axes, which stay with size 1."""
    mean = F.reduce_mean(x, axis=axes, keepdims=True)
    return mean, F.reduce_mean(F.square(x - mean), axis=axes, keepdims=True)


def check_broadcast(port: str, type_: TensorType, x: TensorType) -> None:
    """Raise ShapeError unless an input broadcasts to the shape of x."""
    try:
        fits = compatible(broadcast_shapes(type_.shape, x.shape), x.shape)
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{shape_text(type_.shape)} does not broadcast to {shape_text(x.shape)}", port=port
        )


@register
class LayerNormalization(Composed):
    """Rows normalized to mean 0 and variance 1."""

    id = "layer_normalization"
    layered = True
    category = "Neural network"
    keywords = ("layer norm", "standardize", "transformer")
    doc = (
        "(x - mean) / sqrt(variance + epsilon) of each row, times scale, plus offset.\n\nMean and "
        "variance are taken along `axis`, for each row by itself, so training and inference "
        "compute the same. If connected, scale and offset broadcast to x. Ba, Kiros and Hinton, "
        "2016."
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("scale", "Factor; 1 if not connected.", FLOATS, "T", optional=True),
        Port("offset", "Added at the end; 0 if not connected.", FLOATS, "T", optional=True),
    )
    attrs = (
        Attr("axis", "axes", -1, "Axis or axes of one row; none: all."),
        Attr("epsilon", "float", 1e-5, "Added to the variance.", minimum=0),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        for port, type_ in zip(("scale", "offset"), types[1:], strict=False):
            check_broadcast(port, type_, types[0])
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        mean, variance = moments(x, attrs["axis"])
        out = (x - mean) * F.rsqrt(variance + attrs["epsilon"])
        if len(inputs) > 1:
            out = out * inputs[1]
        return out + inputs[2] if len(inputs) > 2 else out

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            x, row = values((2, 3), dtype), values((3,), dtype, 0.5, 1.5, start=9)
            yield Sample((x,), smooth=dtype == "float64")
            yield Sample((x, row), smooth=dtype == "float64")
            yield Sample((x, row, row), {"epsilon": 0.1}, smooth=dtype == "float64")
        x = values((2, 3, 4))
        yield Sample((x, values((3, 1), start=5)), {"axis": (1, 2)}, smooth=True)
        yield Sample((x,), {"axis": None}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))
        yield Sample((np.array([[np.nan, 1.0], [np.inf, 1.0], [2.0, 2.0]]),))


@register
class BatchNormalization(Composed):
    """Features normalized to mean 0 and variance 1."""

    id = "batch_normalization"
    superseded = True  # by the layer, whose variables have Keras's names and shapes
    category = "Neural network"
    keywords = ("batch norm", "standardize", "moving average", "cnn")
    doc = (
        "(x - mean) / sqrt(variance + epsilon) of each feature, times scale, plus offset.\n\n"
        "During training, mean and variance are taken over the batch, along all axes but `axis`. "
        "Otherwise they are moving averages. Each step of an optimizer whose loss depends on this "
        "node moves the averages towards the batch by a share of 1 - momentum. The node has four "
        "variables: NAME/scale and NAME/offset, which are trained, NAME/moving_mean and "
        "NAME/moving_variance. Variances are divided by the count. Ioffe and Szegedy, 2015."
    )
    inputs = (Port("x", "Input.", FLOATS), TRAINING)
    attrs = (
        Attr("axis", "int", -1, "Axis of the features; its size must be known."),
        Attr("momentum", "float", 0.99, "Share of the averages kept.", minimum=0, maximum=1),
        Attr("epsilon", "float", 1e-3, "Added to the variance.", minimum=0),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_flag(types[1:])
        if x.shape[normalize_axis(attrs["axis"], x.rank)] is None:
            raise ShapeError(
                f"the size of axis {attrs['axis']} of {shape_text(x.shape)} is unknown",
                port="x",
                hint="The variables need it: give the size where the tensor is made.",
            )
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        training = inputs[1] if len(inputs) > 1 else training_flag(x.graph)
        axis = normalize_axis(attrs["axis"], len(x.shape))
        others = [a for a in range(len(x.shape)) if a != axis]
        shape = [x.shape[a] if a == axis else 1 for a in range(len(x.shape))]
        mean, variance = moments(x, others)
        used = []
        for name, batch, start in (("mean", mean, 0.0), ("variance", variance, 1.0)):
            moving = self._variable(f"moving_{name}", x, shape, start, trainable=False)
            step = (batch - moving) * (1 - attrs["momentum"])
            # the same averages as the ones it normalizes by
            moved = F.where(training, moving + step, moving)
            F.assign(moving, moved, each_step=True, name=f"update_{name}")
            used.append(F.where(training, batch, moving, name=name))
        scale = self._variable("scale", x, shape, 1.0)
        offset = self._variable("offset", x, shape, 0.0)
        factor = F.rsqrt(used[1] + attrs["epsilon"]) * scale
        return (x - used[0]) * factor + offset

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        return ("scale", "offset", "moving_mean", "moving_variance")

    def _variable(
        self, name: str, x: Tensor, shape: list, start: float, trainable: bool = True
    ) -> Tensor:
        return x.graph.apply(
            "variable", value=start, dtype=x.dtype, shape=shape, trainable=trainable, name=name
        )

    def samples(self) -> Iterator[Sample]:
        on, off = np.array(True), np.array(False)
        for dtype in FLOATS:
            x = values((4, 3), dtype)
            yield Sample((x, on), smooth=dtype == "float64")
            yield Sample((x, off), smooth=dtype == "float64")
            yield Sample((x,), {"epsilon": 0.1}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)), on), {"axis": 1}, smooth=True)
        yield Sample((values((0, 3)), on))
        yield Sample((values((1, 1)), off), smooth=True)
