"""TensorFlow 1's initializers that are no random ops: any variance, the identity, given numbers.

An initializer is an op without inputs that has a shape and a dtype (`inputs.bind_initializer`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, literal, numpy_dtype, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import (
    DTYPE,
    SEED,
    SHAPE,
)
from nodeflow.ops.inputs import full_shape, literal_at
from nodeflow.ops.variables.initial_weights import OfVariance, fans


@register
class VarianceScaling(OfVariance):
    """Initial weights whose variance follows from the number of inputs or outputs."""

    id = "variance_scaling"
    keywords = ("initializer", "weights", "glorot", "he", "lecun", "xavier", "kaiming")
    doc = (
        "Initial weights with variance scale / n.\n\nn is the number of inputs (fan_in) or "
        "outputs (fan_out), the last two sizes of the shape, or their mean (fan_avg). "
        "truncated_normal draws within 2 deviations; the truncated distribution has this variance."
    )
    attrs = (
        SHAPE,
        Attr("scale", "float", 1.0, "Factor of the variance.", minimum=1e-30),
        Attr("mode", "choice", "fan_in", "Choice of n.", choices=("fan_in", "fan_out", "fan_avg")),
        Attr(
            "distribution", "choice", "truncated_normal", "Distribution of the numbers.",
            choices=("truncated_normal", "normal", "uniform"),
        ),
        DTYPE,
        SEED,
    )  # fmt: skip

    def variance(self, **attrs: Any) -> float:
        inputs, outputs = fans(attrs["shape"])
        both = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}
        return attrs["scale"] / max(1.0, both[attrs["mode"]])

    def distribution(self, **attrs: Any) -> str:
        return attrs["distribution"]

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        for distribution in ("truncated_normal", "normal", "uniform"):
            for mode in ("fan_in", "fan_out", "fan_avg"):
                attrs = {"distribution": distribution, "mode": mode, "scale": 2.0}
                yield Sample((), {"shape": (3, 3, 2, 4), **attrs})
        yield Sample((), {"shape": ()})


@register
class UniformUnitScaling(OfVariance):
    """Initial weights that keep the scale of activations."""

    id = "uniform_unit_scaling"
    keywords = ("initializer", "weights", "lecun")
    doc = (
        "Initial weights, uniform within factor * sqrt(3 / inputs).\n\nThe number of inputs is "
        "the product of all sizes but the last. Sussillo and Abbott, 2014; TensorFlow 1's default "
        "before Glorot's."
    )
    attrs = (SHAPE, Attr("factor", "float", 1.0, "Factor of the limit."), DTYPE, SEED)

    def variance(self, **attrs: Any) -> float:
        return attrs["factor"] ** 2 / max(1, math.prod(attrs["shape"][:-1]))

    def distribution(self, **attrs: Any) -> str:
        return "uniform"

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample((), {"shape": (3, 2, 4), "factor": 1.43, "dtype": "float64"})


@register
class IdentityMatrix(Op):
    """Initial weights that pass their input on."""

    id = "identity_matrix"
    category = "Random"
    keywords = ("eye", "initializer", "unit matrix", "diagonal")
    doc = (
        "Ones on the diagonal, times gain, and zeros elsewhere.\n\nThe shape has two sizes, which "
        "may differ."
    )
    attrs = (SHAPE, Attr("gain", "float", 1.0, "Number on the diagonal."), DTYPE)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if len(attrs["shape"]) != 2:
            raise AttributeProblem(
                f"an identity matrix has two sizes, not {shape_text(attrs['shape'])}", port="shape"
            )
        return TensorType(attrs["dtype"], full_shape(attrs["shape"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        gain = numpy_dtype(attrs["dtype"]).type(attrs["gain"])
        return np.eye(*attrs["shape"], dtype=attrs["dtype"]) * gain

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"shape": (3, 2), "dtype": dtype, "gain": 0.5})
        yield Sample((), {"shape": (2, 4)})
        yield Sample((), {"shape": (0, 3)})


@register
class FillInOrder(Op):
    """Initial weights from given numbers, in order."""

    id = "fill_in_order"
    category = "Internal"
    hidden = True
    doc = (
        "The values, row by row, in a shape; the last one fills the rest.\n\nAs TensorFlow 1's "
        "constant initializer."
    )
    attrs = (
        SHAPE,
        Attr("value", "literal", 0.0, "A number, or nested lists of numbers."),
        Attr("dtype", "dtype", "float32", "Data type."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = full_shape(attrs["shape"])
        count, size = literal_at("value", attrs["value"], attrs["dtype"]).size, math.prod(shape)
        if count > size or (size and not count):
            raise AttributeProblem(
                f"{count} values do not fill {shape_text(shape)}, which has {size}", port="value"
            )
        return TensorType(attrs["dtype"], shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        given = literal(attrs["value"], attrs["dtype"]).reshape(-1)
        size = math.prod(attrs["shape"])
        rest = np.repeat(given[-1:], size - given.size)
        return np.concatenate([given, rest]).reshape(attrs["shape"])

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"shape": (2, 3), "value": [1.0, 2.0, 3.0]})
        yield Sample((), {"shape": (2, 2), "value": [[1, 2], [3, 4]], "dtype": "int64"})
        yield Sample((), {"shape": (0, 3), "value": []})
        yield Sample((), {"shape": (), "value": True, "dtype": "bool"})
