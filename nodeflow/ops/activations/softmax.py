"""Softmax and log softmax, written so that large logits neither overflow nor lose digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.samples import values


def impossible_score(dtype: str) -> float:
    """Return a finite score so low that softmax gives it exactly 0 beside any usual score.

    Because it is finite, a row of such scores only gives a mean and not NaN.
    """
    return -6e4 if dtype == "float16" else -1e30


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    """Return x - log(sum(exp(x))), subtracting the maximum first."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(all="ignore"):
        shifted = x - largest
        total = np.sum(np.exp(shifted), axis=axis, keepdims=True, dtype=accumulator(x.dtype.name))
        return (shifted - np.log(total)).astype(x.dtype, copy=False)


def elementwise(name: str, formula: str, names: dict[str, str], type_: TensorType) -> lowering.Part:
    """Return an elementwise operation of a lowering, which writes the value ``name``.

    Args:
        formula: the expression to compute.
        names: name in the formula -> name of the value that it stands for.
    """
    return lowering.Part(
        name, lowering.Elementwise(formula, tuple(names)), tuple(names.values()), type_
    )


def exponential_parts(x: TensorType, axis: int) -> list[lowering.Part]:
    """Return the operations shared by softmax and log softmax. They write the values ``shifted`` =
    x - max, ``powers`` = exp(shifted) and ``total`` = the sum of powers.
    """
    axis = normalize_axis(axis, x.rank)
    one = x.with_shape(1 if a == axis else d for a, d in enumerate(x.shape))
    return [
        lowering.Part("largest", lowering.Reduce("max", (axis,)), ("x",), one),
        elementwise("shifted", "x - m", {"x": "x", "m": "largest"}, x),
        elementwise("powers", "exp(d)", {"d": "shifted"}, x),
        lowering.Part("total", lowering.Reduce("sum", (axis,)), ("powers",), one),
    ]


def softmax_parts(x: TensorType, axis: int) -> list[lowering.Part]:
    """Return the operations that softmax of ``x`` along ``axis`` is composed of. The last one
    writes the value ``out``.
    """
    last = elementwise("out", "e / s", {"e": "powers", "s": "total"}, x)
    return [*exponential_parts(x, axis), last]


def log_softmax_parts(x: TensorType, axis: int) -> list[lowering.Part]:
    """Return the operations that log softmax of ``x`` along ``axis`` is composed of. The last one
    writes the value ``out``.
    """
    last = elementwise("out", "d - log(s)", {"d": "shifted", "s": "total"}, x)
    return [*exponential_parts(x, axis), last]


class SoftmaxLike(Op):
    """The base class of softmax and log softmax."""

    category = "Neural network"
    differentiable = True
    inputs = (Port("x", "Logits.", FLOATS),)
    attrs = (Attr("axis", "int", -1, "Axis of the classes."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 3), dtype),), smooth=dtype == "float64")
            yield Sample((np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4]], dtype),))
        yield Sample((values((2, 3, 4)),), {"axis": 1}, smooth=True)
        yield Sample((values((0, 3)),), {"axis": 1})
        yield Sample((values((2, 0)),), {"axis": 1})
        yield Sample((values((1, 1)),), smooth=True)
        inf, nan = np.inf, np.nan
        yield Sample((np.array([[nan, 1, 2], [inf, 1, 2], [-inf, 1, 2], [-inf, -inf, -inf]]),))


@register
class Softmax(SoftmaxLike):
    """Probabilities from logits."""

    id = "softmax"
    keywords = ("probability", "classes", "normalize")
    doc = (
        "Probabilities from logits: exp(x) / sum(exp(x)) along an axis.\n\nThe maximum is "
        "subtracted first, so that exp does not overflow. Gradient: out * (g - sum(g * out))."
    )

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        parts = softmax_parts(types[0], attrs["axis"])
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, axis = arrays[0], attrs["axis"]
        largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        with np.errstate(all="ignore"):
            powers = np.exp(x - largest)
            total = np.sum(powers, axis=axis, keepdims=True, dtype=accumulator(x.dtype.name))
            return (powers / total).astype(x.dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, out = grads[0], node.outputs[0]
        return ((g - F.reduce_sum(g * out, axis=node.attrs["axis"], keepdims=True)) * out,)


@register
class LogSoftmax(SoftmaxLike):
    """Log-probabilities from logits."""

    id = "log_softmax"
    keywords = ("probability", "classes", "logarithm")
    doc = (
        "The logarithm of softmax: x - log(sum(exp(x))) along an axis.\n\nExact where softmax is "
        "near 0. Gradient: g - softmax(x) * sum(g)."
    )

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        parts = log_softmax_parts(types[0], attrs["axis"])
        return lowering.Composite(("x",), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return log_softmax(arrays[0], attrs["axis"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, axis = grads[0], node.attrs["axis"]
        return (g - F.exp(node.outputs[0]) * F.reduce_sum(g, axis=axis, keepdims=True),)
