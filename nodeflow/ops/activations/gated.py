"""Activations along an axis: gated linear units and hardmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops.activations.basic import CATEGORY
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.running import positions_along
from nodeflow.ops.samples import values

GATES = {
    "sigmoid": lambda x: F.sigmoid(x),
    "silu": lambda x: F.silu(x),
    "gelu": lambda x: F.gelu(x),
    "relu": lambda x: F.relu(x),
    "tanh": lambda x: F.tanh(x),
    "none": lambda x: x,
}


@register
class GLU(Composed):
    """A gated linear unit."""

    id = "glu"
    everyday = False
    category = CATEGORY
    keywords = ("gated linear unit", "gate", "swiglu", "geglu", "reglu", "activation")
    doc = (
        "The first half of an axis times the sigmoid of the second half.\n\n`gate` chooses "
        "another function: silu gives SwiGLU, gelu GEGLU. The axis must have an even size. "
        "Dauphin et al., 2017; Shazeer, 2020."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        Attr("axis", "int", -1, "Axis to halve."),
        Attr("gate", "choice", "sigmoid", "Function of the second half.", choices=tuple(GATES)),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        axis = normalize_axis(attrs["axis"], x.rank)
        size = x.shape[axis]
        if size is not None and size % 2:
            raise ShapeError(
                f"axis {axis} has the odd size {size}", port="x", hint="Use an even one."
            )
        half = None if size is None else size // 2
        return x.with_shape((*x.shape[:axis], half, *x.shape[axis + 1 :]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        value, gate = F.split(inputs[0], parts=2, axis=attrs["axis"])
        return value * GATES[attrs["gate"]](gate)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((3, 4), dtype),), smooth=dtype == "float64")
        for gate in GATES:
            yield Sample((values((2, 6)),), {"gate": gate}, smooth=True)
        yield Sample((values((4, 3, 2)),), {"axis": 0}, smooth=True)
        yield Sample((values((0, 2)),))
        yield Sample((values((2,)),), smooth=True)
        yield Sample((values((2, 1)),), {"axis": 0}, smooth=True)
        yield Sample((np.array([[np.nan, 1.0], [np.inf, 0.5], [-0.0, -np.inf]]),))


@register
class Hardmax(Composed):
    """A one-hot vector: 1 for the largest element along an axis, 0 for the others."""

    id = "hardmax"
    everyday = False
    category = CATEGORY
    keywords = ("argmax", "one hot", "choose", "winner")
    doc = (
        "1 for the largest element along an axis, 0 for the others.\n\nThe first of equal "
        "elements. NaN counts as the largest. No gradient flows."
    )
    differentiable = False
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (Attr("axis", "int", -1, "Axis to search along."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        best = F.argmax(x, axis=attrs["axis"], keepdims=True)
        return F.cast(F.equal(positions_along(x, attrs["axis"]), best), dtype=x.dtype)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 3), dtype),))
            yield Sample((values((4, 3, 2), dtype),), {"axis": 1})
            yield Sample((values((4, 3), dtype),), {"axis": 0})
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))
        yield Sample((np.array([[1.0, 3.0, 3.0], [0.0, np.nan, np.inf]]),))
