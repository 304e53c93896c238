"""Determinants and their logarithms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.linalg.matrices import MATRIX, MatrixOp, check_matrix, regular, transposed


def scaled(g: Tensor, x: Tensor) -> Tensor:
    """Return g * inverse(x)^T for matrices x (..., n, n) and one number g (...) per matrix."""
    return F.expand_dims(g, axis=(-2, -1)) * transposed(F.inverse(x))


def determinant_samples() -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((regular((3, 3), dtype),), smooth=dtype == "float64")
        yield Sample((regular((4, 2, 2), dtype),), smooth=dtype == "float64")
    yield Sample((regular((2, 3, 3)),), smooth=True)
    yield Sample((np.zeros((0, 3, 3)),))
    yield Sample((np.full((1, 1), 2.0),), smooth=True)
    yield Sample((np.zeros((2, 0, 0)),))


@register
class Det(MatrixOp):
    """The determinant."""

    id = "det"
    everyday = False
    keywords = ("determinant", "matrix_determinant", "volume")
    doc = (
        "The determinant of a square matrix.\n\n(..., n, n) gives (...). The determinant of an "
        "empty matrix is 1. Gradient: the determinant times the transposed inverse; a singular x "
        "is then an error."
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0].with_shape(types[0].shape[:-2])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(np.linalg.det(arrays[0]))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (scaled(grads[0] * node.outputs[0], node.inputs[0]),)

    def samples(self) -> Iterator[Sample]:
        yield from determinant_samples()


@register
class SLogDet(MatrixOp):
    """The sign of a determinant and the logarithm of its absolute value."""

    id = "slogdet"
    everyday = False
    keywords = ("determinant", "log_matrix_determinant", "logarithm", "log volume")
    doc = (
        "The sign of the determinant, and the logarithm of its absolute value.\n\nNeither "
        "overflows where the determinant would. A singular matrix gives 0 and -infinity. Gradient "
        "of the logarithm: the transposed inverse; a singular x is then an error."
    )
    outputs = (
        Port("sign", "-1, 0 or 1."),
        Port("log_abs_det", "Logarithm of the absolute value."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        check_matrix(types[0], square=True)
        return [types[0].with_shape(types[0].shape[:-2])] * 2

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        with np.errstate(all="ignore"):
            sign, size = np.linalg.slogdet(arrays[0])
        return np.asarray(sign), np.asarray(size)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None if grads[1] is None else scaled(grads[1], node.inputs[0]),)

    def samples(self) -> Iterator[Sample]:
        yield from determinant_samples()


@register
class LogDet(Composed):
    """The logarithm of a positive determinant."""

    id = "logdet"
    everyday = False
    category = "Matrix"
    keywords = ("determinant", "logarithm", "log volume", "gaussian")
    doc = (
        "The logarithm of the determinant's absolute value.\n\nFor a positive definite matrix "
        "this is the logarithm of the determinant. slogdet returns the sign as well. Gradient: "
        "the transposed inverse."
    )
    inputs = (MATRIX,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0].with_shape(types[0].shape[:-2])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.slogdet(inputs[0])[1]

    def samples(self) -> Iterator[Sample]:
        yield from determinant_samples()
