"""Random tensors and initializers: pure functions of the run's seed, the node's stream and step.

``reference`` gets ``stream=``, which has ``uniform(shape, dtype)`` in [0, 1), ``normal(shape,
dtype)`` and ``truncated_normal(shape, dtype)`` (within 2 deviations), all made from counters.
"""

from __future__ import annotations

import math
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
from nodeflow.ops.runtime_attributes import (
    LATER,
    SIZES,
    RuntimeAttributes,
    dims,
    has_later,
    shape_port,
)

SHAPE = Attr("shape", "shape", (2, 3), "Sizes.")
DTYPE = Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS)
SEED = Attr(
    "seed",
    "int",
    None,
    "Own seed: nodes with one seed draw the same numbers; none is same as training.",
    optional=True,
)

TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of a normal distribution cut at 2 deviations."""


class Random(RuntimeAttributes):
    """Base of ops that draw a tensor of a given shape."""

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
    """``numbers * deviation + mean`` in the dtype of the numbers."""
    kind = numbers.dtype.type
    return numbers * kind(deviation) + kind(mean)


@register
class RandomNormal(Random):
    """Normally distributed numbers."""

    id = "random_normal"
    keywords = ("gauss", "initializer", "noise")
    doc = "Normally distributed random numbers.\n\nNew ones each time it runs."
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
    """Normally distributed numbers without outliers."""

    id = "truncated_normal"
    keywords = ("gauss", "initializer", "random")
    doc = (
        "Normally distributed random numbers within 2 standard deviations.\n\nNew ones each time "
        "it "
        "runs. stddev is that of the distribution before it is cut."
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
    """``uniform`` for the compiled tier."""
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
    """Numbers from ``low`` to ``high``, which rounding may reach but never pass."""
    kind = np.dtype(dtype).type
    unit = stream.uniform(shape, dtype)
    return np.minimum(unit * (kind(high) - kind(low)) + kind(low), kind(high))


@register
class RandomUniform(Random):
    """Evenly distributed numbers."""

    id = "random_uniform"
    keywords = ("initializer", "noise", "even")
    doc = "Evenly distributed random numbers from low to high.\n\nNew ones each time it runs."
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


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of a unit whose weights have this shape: (..., inputs, outputs)."""
    if len(shape) < 2:
        size = float(math.prod(shape))
        return size, size
    field = float(math.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


class Scaled(Random):
    """Base of initializers whose variance follows from the shape."""

    attrs = (SHAPE, DTYPE, SEED)
    normal = False
    both_fans = False

    def variance(self, shape: tuple[int, ...]) -> float:
        """2 / (inputs + outputs) for Glorot, 2 / inputs for He."""
        inputs, outputs = fans(shape)
        return 2 / max(inputs + outputs if self.both_fans else inputs, 1.0)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        deviation = math.sqrt(self.variance(attrs["shape"]))
        if self.normal:
            scale = deviation / TRUNCATED_DEVIATION
            return lowering.Random("truncated_normal", 0.0, scale)
        limit = deviation * math.sqrt(3)
        return limited_uniform(outs[0], -limit, limit)

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        stream, shape, dtype = attrs["stream"], attrs["shape"], attrs["dtype"]
        deviation = math.sqrt(self.variance(shape))
        if self.normal:
            drawn = stream.truncated_normal(shape, dtype)
            return moved(drawn, 0.0, deviation / TRUNCATED_DEVIATION)
        limit = deviation * math.sqrt(3)
        return uniform(stream, shape, dtype, -limit, limit)


@register
class Orthogonal(Random):
    """Initial weights that keep lengths."""

    id = "orthogonal"
    keywords = ("initializer", "weights", "recurrent", "rotation")
    doc = (
        "Initial weights whose columns, or rows if there are fewer, are at right angles and of "
        "length gain.\n\nAxes before the last count as one. Usual for recurrent kernels. Saxe and "
        "others, 2013."
    )
    attrs = (SHAPE, Attr("gain", "float", 1.0, "Length of each column or row."), DTYPE, SEED)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        if attrs["shape"] is not LATER and len(attrs["shape"]) < 2:
            raise AttributeProblem(
                "orthogonal weights need a shape of at least two sizes",
                port="shape",
                hint="Use glorot_uniform, or give inputs and outputs.",
            )
        return super().infer_known(*types, **attrs)

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        shape, dtype = attrs["shape"], attrs["dtype"]
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = attrs["stream"].normal((max(rows, columns), min(rows, columns)), "float64")
        made = orthonormal(drawn)
        made = made if rows >= columns else made.T
        return np.ascontiguousarray((made * attrs["gain"]).reshape(shape)).astype(dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"shape": (4, 3), "dtype": dtype})
        for dtype in SIZES:
            yield Sample((np.array([4, 3], dtype),))
        yield Sample((), {"shape": (2, 5), "gain": 2.0})
        yield Sample((), {"shape": (0, 3), "seed": 3})
        yield Sample((), {"shape": (1, 1)})


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """Columns made orthonormal one after the other (Gram and Schmidt, modified, twice).

    Plain sums, no BLAS: the same bits for any number of threads.
    """
    made = np.array(columns, "float64")
    for _ in range(2):  # the second pass removes what rounding left
        for place in range(made.shape[1]):
            column = made[:, place]
            column /= np.sqrt(np.square(column).sum()) or 1.0
            rest = made[:, place + 1 :]
            rest -= column[:, None] * (column[:, None] * rest).sum(axis=0)
    return made


@register
class UnitForgetBias(Random):
    """Zeros, and ones for the gate that forgets."""

    id = "unit_forget_bias"
    category = "Internal"
    hidden = True
    doc = "Initial bias of a long short-term memory: 1 for the forget gate, else 0."
    random = False
    attrs = (SHAPE, DTYPE)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = attrs["shape"]
        if not has_later(shape) and (len(shape) != 1 or shape[0] % 4):
            raise AttributeProblem("the shape must be (4 * units,)", port="shape")
        return super().infer_known(*types, **attrs)

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        made = np.zeros(attrs["shape"], attrs["dtype"])
        units = len(made) // 4
        made[units : 2 * units] = 1
        return made

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"shape": (8,), "dtype": dtype})
        for dtype in SIZES:
            yield Sample((np.array([8], dtype),))
        yield Sample((), {"shape": (0,)})


@register
class GlorotUniform(Scaled):
    """Glorot's initializer, uniform."""

    id = "glorot_uniform"
    both_fans = True
    keywords = ("xavier", "initializer", "weights")
    doc = (
        "Initial weights, uniform, with variance 2 / (inputs + outputs).\n\nThe last two sizes of "
        "the shape are inputs and outputs. Glorot and Bengio, 2010."
    )


@register
class GlorotNormal(Scaled):
    """Glorot's initializer, normal."""

    id = "glorot_normal"
    normal = True
    both_fans = True
    keywords = ("xavier", "initializer", "weights", "gauss")
    doc = (
        "Initial weights, normal within 2 deviations, with variance 2 / (inputs + outputs).\n\nThe "
        "last two sizes of the shape are inputs and outputs. Glorot and Bengio, 2010."
    )


@register
class HeUniform(Scaled):
    """He's initializer, uniform."""

    id = "he_uniform"
    keywords = ("kaiming", "initializer", "weights", "relu")
    doc = (
        "Initial weights for relu layers, uniform, with variance 2 / inputs.\n\nThe last but one "
        "size of the shape is the inputs. He and others, 2015."
    )


@register
class HeNormal(Scaled):
    """He's initializer, normal."""

    id = "he_normal"
    normal = True
    keywords = ("kaiming", "initializer", "weights", "relu", "gauss")
    doc = (
        "Initial weights for relu layers, normal within 2 deviations, with variance 2 / inputs.\n\n"
        "The last but one size of the shape is the inputs. He and others, 2015."
    )
