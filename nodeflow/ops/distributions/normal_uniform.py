"""Uniform and normal random tensors: pure functions of the run's seed, the node's stream and step.

``reference`` gets ``stream=``, an object with ``uniform(shape, dtype)`` in [0, 1), ``normal(shape,
dtype)`` and ``truncated_normal(shape, dtype)`` (within 2 deviations), all computed from counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.inputs import full_shape
from nodeflow.ops.runtime_attributes import SIZES, RuntimeAttributes, dims, has_later, shape_port

SHAPE = Attr("shape", "shape", (2, 3), "Sizes.")
DTYPE = Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS, advanced=True)
SEED = Attr(
    "seed",
    "int",
    None,
    "Own seed: nodes with the same seed draw the same numbers; none: same as training.",
    optional=True,
    advanced=True,
)

TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of a standard normal distribution truncated at 2 deviations."""


class Random(RuntimeAttributes):
    """The base class of ops that draw a tensor of a given shape."""

    category = "Random"
    random = True
    runtime = ("shape",)
    inputs = (shape_port(),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = attrs["shape"]
        return TensorType(attrs["dtype"], dims(shape) if has_later(shape) else full_shape(shape))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"shape": (4, 3), "dtype": dtype})
        for dtype in SIZES:
            yield Sample((np.array([4, 3], dtype),))
        yield Sample((), {"shape": (0, 3), "seed": 3})
        yield Sample((), {"shape": (1, 1)})


def moved(numbers: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Return ``numbers * deviation + mean`` in the dtype of the numbers."""
    kind = numbers.dtype.type
    return numbers * kind(deviation) + kind(mean)


@register
class RandomNormal(Random):
    """Normally distributed numbers."""

    id = "random_normal"
    keywords = ("gauss", "initializer", "noise")
    doc = "Normally distributed random numbers.\n\nEach run draws anew."
    attrs = (
        SHAPE,
        Attr("mean", "float", 0.0, "Centre."),
        Attr("stddev", "float", 1.0, "Standard deviation.", minimum=0),
        DTYPE,
        SEED,
    )

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return lowering.Random("normal", attrs["mean"], attrs["stddev"])

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        drawn = attrs["stream"].normal(attrs["shape"], attrs["dtype"])
        return moved(drawn, attrs["mean"], attrs["stddev"])


@register
class TruncatedNormal(Random):
    """Normally distributed numbers, truncated."""

    id = "truncated_normal"
    keywords = ("gauss", "initializer", "random")
    doc = (
        "Normally distributed random numbers within 2 standard deviations.\n\nEach run draws "
        "anew. stddev is the standard deviation before truncation."
    )
    attrs = RandomNormal.attrs

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return lowering.Random("truncated_normal", attrs["mean"], attrs["stddev"])

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        drawn = attrs["stream"].truncated_normal(attrs["shape"], attrs["dtype"])
        return moved(drawn, attrs["mean"], attrs["stddev"])


def limited_uniform(type_: TensorType, low: float, high: float) -> lowering.Composite:
    """Return the lowering of a random op that draws uniform numbers from ``low`` to ``high``.
    Numbers that rounding puts above ``high`` are clipped to it.
    """
    kind = numpy_dtype(type_.dtype).type
    width = float(kind(high) - kind(low))
    parts = (
        lowering.Part("drawn", lowering.Random("uniform", float(kind(low)), width), (), type_),
        lowering.Part(
            "out", lowering.Elementwise("minimum(x, high)", ("x",), {"high": high}), ("drawn",),
            type_,
        ),
    )  # fmt: skip
    return lowering.Composite((), parts, ("out",))


def uniform(stream: Any, shape: Any, dtype: str, low: float, high: float) -> np.ndarray:
    """Return numbers from ``low`` to ``high``; rounding may reach ``high`` but never exceeds it."""
    kind = numpy_dtype(dtype).type
    unit = stream.uniform(shape, dtype)
    return np.minimum(unit * (kind(high) - kind(low)) + kind(low), kind(high))


@register
class RandomUniform(Random):
    """Uniformly distributed numbers."""

    id = "random_uniform"
    keywords = ("initializer", "noise", "even")
    doc = "Uniformly distributed random numbers from low to high.\n\nEach run draws anew."
    attrs = (
        SHAPE,
        Attr("low", "float", 0.0, "Smallest."),
        Attr("high", "float", 1.0, "Largest."),
        DTYPE,
        SEED,
    )

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not attrs["low"] <= attrs["high"]:
            raise AttributeProblem(
                f"low {attrs['low']:g} is above high {attrs['high']:g}",
                port="low",
                hint="Swap low and high.",
            )
        return super().infer_known(*types, **attrs)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return limited_uniform(outs[0], attrs["low"], attrs["high"])

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        stream, shape, dtype = attrs["stream"], attrs["shape"], attrs["dtype"]
        return uniform(stream, shape, dtype, attrs["low"], attrs["high"])
