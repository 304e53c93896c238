"""Initial weights whose variance follows from the shape, and initial values of recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import (
    DTYPE,
    SEED,
    SHAPE,
    TRUNCATED_DEVIATION,
    Random,
    limited_uniform,
    moved,
    uniform,
)
from nodeflow.ops.runtime_attributes import LATER, SIZES, has_later


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the numbers of inputs and outputs of a unit, from weights (..., inputs, outputs)."""
    if len(shape) < 2:
        size = float(math.prod(shape))
        return size, size
    field = float(math.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


class OfVariance(Random):
    """The base class of random weights with mean 0 and a variance from attributes and shape."""

    def variance(self, **attrs: Any) -> float:
        raise NotImplementedError(self.id)

    def distribution(self, **attrs: Any) -> str:
        """Return ``truncated_normal``, ``normal`` or ``uniform``."""
        raise NotImplementedError(self.id)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        deviation, kind = math.sqrt(self.variance(**attrs)), self.distribution(**attrs)
        if kind == "uniform":
            limit = deviation * math.sqrt(3)
            return limited_uniform(outs[0], -limit, limit)
        cut = TRUNCATED_DEVIATION if kind == "truncated_normal" else 1.0
        return lowering.Random(kind, 0.0, deviation / cut)

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        stream, shape, dtype = (attrs.pop(name) for name in ("stream", "shape", "dtype"))
        deviation = math.sqrt(self.variance(shape=shape, **attrs))
        kind = self.distribution(**attrs)
        if kind == "uniform":
            limit = deviation * math.sqrt(3)
            return np.asarray(uniform(stream, shape, dtype, -limit, limit))
        cut = TRUNCATED_DEVIATION if kind == "truncated_normal" else 1.0
        drawn = getattr(stream, kind)(shape, dtype)
        return np.asarray(moved(drawn, 0.0, deviation / cut))


class Scaled(OfVariance):
    """The base class of Glorot's and He's initializers."""

    attrs = (SHAPE, DTYPE, SEED)
    normal = False
    both_fans = False

    def variance(self, **attrs: Any) -> float:
        """Return the variance of the initial weights: 2 / (inputs + outputs) for Glorot's
        initializer, 2 / inputs for He's.
        """
        inputs, outputs = fans(attrs["shape"])
        return 2 / max(inputs + outputs if self.both_fans else inputs, 1.0)

    def distribution(self, **attrs: Any) -> str:
        return "truncated_normal" if self.normal else "uniform"


@register
class Orthogonal(Random):
    """Initial weights that keep lengths."""

    id = "orthogonal"
    keywords = ("initializer", "weights", "recurrent", "rotation")
    doc = (
        "Initial weights with orthogonal columns, or rows if there are fewer, of length gain.\n\n"
        "Axes before the last count as one. Common for recurrent kernels. Saxe and others, 2013."
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
    """Return orthonormal columns, made one after the other (modified Gram-Schmidt, twice).

    Uses plain sums and no BLAS, so the bits do not depend on the number of threads.
    """
    made = np.array(columns, "float64")
    for _ in range(2):  # the second pass removes rounding errors
        for place in range(made.shape[1]):
            column = made[:, place]
            column /= np.sqrt(np.square(column).sum()) or 1.0
            rest = made[:, place + 1 :]
            rest -= column[:, None] * (column[:, None] * rest).sum(axis=0)
    return made


@register
class UnitForgetBias(Random):
    """The initial bias of an LSTM: ones for the forget gate, else zeros."""

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
        "Initial weights for relu layers, uniform, with variance 2 / inputs.\n\nThe second to "
        "last size of the shape is the number of inputs. He and others, 2015."
    )


@register
class HeNormal(Scaled):
    """He's initializer, normal."""

    id = "he_normal"
    normal = True
    keywords = ("kaiming", "initializer", "weights", "relu", "gauss")
    doc = (
        "Initial weights for relu layers, normal within 2 deviations, with variance 2 / "
        "inputs.\n\nThe second to last size of the shape is the number of inputs. He and others, "
        "2015."
    )
