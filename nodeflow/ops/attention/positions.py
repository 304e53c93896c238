"""Encodings of positions in sequences: sinusoids to add, and rotations of pairs of features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, broadcast_shapes, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values


@register
class SinusoidalPositions(Op):
    """An encoding of positions by sines and cosines."""

    id = "sinusoidal_positions"
    everyday = False
    category = "Neural network"
    keywords = ("positional encoding", "transformer", "sequence", "embedding")
    doc = (
        "Sines and cosines of each position, to add to a sequence.\n\nThe result is "
        "(length, features): feature 2 i is sin(position / base^(2 i / features)), feature 2 i + "
        "1 the cosine of the same angle. Vaswani and others, 2017."
    )
    attrs = (
        Attr("length", "int", 10, "Number of positions.", minimum=0),
        Attr("features", "int", 16, "Number of features.", minimum=1),
        Attr("base", "float", 10000.0, "Longest wavelength divided by 2 pi.", minimum=1),
        Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType(attrs["dtype"], (attrs["length"], attrs["features"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        features = np.arange(attrs["features"])
        rates = attrs["base"] ** -(features // 2 * 2 / attrs["features"])
        angles = np.arange(attrs["length"])[:, None] * rates
        return np.where(features % 2, np.cos(angles), np.sin(angles)).astype(attrs["dtype"])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"length": 3, "features": 5, "dtype": dtype})
        yield Sample((), {"length": 0, "base": 100.0})


@register
class RotaryEmbedding(Composed):
    """An encoding of positions that rotates pairs of features by an angle."""

    id = "rotary_embedding"
    everyday = False
    category = "Neural network"
    keywords = ("rope", "rotary positions", "transformer", "rotation", "relative position")
    doc = (
        "x with pairs of its features rotated by angles that depend on the position.\n\ncos and "
        "sin are the cosines and sines of the angles, (..., pairs); they broadcast to x "
        "(..., features) before the last axis. A pair is feature i and i + pairs, or 2 i and 2 i "
        "+ 1 if `interleaved`. Features beyond the pairs do not change. Su and others, 2021."
    )
    inputs = (
        Port("x", "Queries or keys.", FLOATS, "T"),
        Port("cos", "Cosines of the angles.", FLOATS, "T"),
        Port("sin", "Sines of the angles.", FLOATS, "T"),
    )
    attrs = (Attr("interleaved", "bool", False, "Pair neighbouring features."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, cos, sin = types
        pairs = cos.shape[-1] if cos.rank else None
        if pairs is None or not x.rank or x.shape[-1] is None or 2 * pairs > x.shape[-1]:
            raise ShapeError(
                f"angles {shape_text(cos.shape)} do not fit features {shape_text(x.shape)}",
                port="cos",
                hint="Their last sizes must be known, and at most half of x's last size.",
            )
        lead = broadcast_shapes(cos.shape[:-1], x.shape[:-1])
        if not compatible(cos.shape, sin.shape) or not compatible(lead, x.shape[:-1]):
            raise ShapeError(
                f"cos {shape_text(cos.shape)} and sin {shape_text(sin.shape)} must be equal and "
                f"broadcast to {shape_text(x.shape)}",
                port="sin",
            )
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, cos, sin = inputs
        pairs, size, rank = cos.shape[-1] or 0, x.shape[-1] or 0, len(x.shape)

        def features(begin: int, end: int, step: int = 1) -> Tensor:
            before: list[int | None] = [None] * (rank - 1)
            steps = [1] * (rank - 1) + [step]
            return F.strided_slice(x, begin=[*before, begin], end=[*before, end], strides=steps)

        if attrs["interleaved"]:
            one, other = features(0, 2 * pairs, 2), features(1, 2 * pairs, 2)
        else:
            one, other = features(0, pairs), features(pairs, 2 * pairs)
        turned = [one * cos - other * sin, one * sin + other * cos]
        rest = [features(2 * pairs, size)] if 2 * pairs < size else []
        if not attrs["interleaved"]:
            return F.concat([*turned, *rest], axis=-1)
        columns = F.concat(turned, axis=-1)
        order = np.arange(2 * pairs).reshape(2, pairs).T.ravel()
        mixed = F.gather(columns, order, axis=-1)
        return F.concat([mixed, *rest], axis=-1)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3, 4), dtype), values((3, 2), dtype), values((3, 2), dtype, start=9)
            for interleaved in (False, True):
                attrs = {"interleaved": interleaved}
                yield Sample(arrays, attrs, smooth=dtype == "float64")
        part = values((2, 3, 7)), values((3, 2)), values((3, 2), start=9)
        for interleaved in (False, True):
            yield Sample(part, {"interleaved": interleaved}, smooth=True)
        yield Sample((values((0, 3)), values((1,)), values((1,))))
        yield Sample((values((1, 2)), values((1, 1)), values((1, 1), start=3)), smooth=True)
