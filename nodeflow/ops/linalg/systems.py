"""Systems of linear equations and inverses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, broadcast_shapes, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.linalg.matrices import (
    MATRIX,
    MatrixOp,
    by_lapack,
    check_matrix,
    regular,
    transposed,
)
from nodeflow.ops.samples import values

RIGHT = Port("rhs", "Right-hand sides, one per column.", FLOATS, "T")


class System(MatrixOp):
    """The base class of linear systems: ops that return z with x z = rhs."""

    inputs = (MATRIX, RIGHT)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, right = types
        check_matrix(x, square=True)
        check_matrix(right, "rhs")
        size = x.shape[-1] if x.shape[-2] is None else x.shape[-2]
        if None not in (size, right.shape[-2]) and size != right.shape[-2]:
            raise ShapeError(
                f"{shape_text(x.shape)} and {shape_text(right.shape)}: {size} is not "
                f"{right.shape[-2]}",
                port="rhs",
                hint="There must be one number for each equation.",
            )
        rows = right.shape[-2] if size is None else size
        batch = broadcast_shapes(x.shape[:-2], right.shape[:-2])
        return x.with_shape((*batch, rows, right.shape[-1]))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = regular((3, 3), dtype), values((3, 2), dtype)
            yield Sample(arrays, smooth=dtype == "float64")
        for attrs in self.variants():
            arrays = regular((3, 3)), values((3, 2))
            yield Sample(arrays, attrs, smooth=True)
        yield Sample((regular((2, 3, 3)), values((2, 3, 4))), smooth=True)
        yield Sample((regular((3, 3)), values((2, 3, 1))), smooth=True)
        yield Sample((np.zeros((0, 3, 3)), np.zeros((0, 3, 2))))
        yield Sample((np.full((1, 1), 2.0), np.full((1, 1), 3.0)), smooth=True)

    def variants(self) -> Iterator[dict[str, Any]]:
        return iter(())


@register
class Solve(System):
    """The solution of a system of linear equations."""

    id = "solve"
    keywords = ("matrix_solve", "linear system", "equations", "lapack")
    doc = (
        "The solution z of the linear system x z = rhs.\n\nx (..., n, n) and rhs (..., n, k) give "
        "(..., n, k). Batches broadcast. A singular matrix is an error when run. Gradient: a "
        "solution of the transposed system."
    )
    attrs = (Attr("adjoint", "bool", False, "Solve with x transposed."),)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = np.swapaxes(arrays[0], -1, -2) if attrs["adjoint"] else arrays[0]
        return by_lapack("solve", np.linalg.solve, x, arrays[1])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, right = node.inputs
        adjoint, out = node.attrs["adjoint"], node.outputs[0]
        by_right = F.solve(x, grads[0], adjoint=not adjoint)
        left, other = (out, by_right) if adjoint else (by_right, out)
        by_x = -F.matmul(left, other, transpose_y=True)
        return F.sum_to_shape_of(by_x, x), F.sum_to_shape_of(by_right, right)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"adjoint": True}


@register
class TriangularSolve(System):
    """The solution of a system with a triangular matrix."""

    id = "triangular_solve"
    everyday = False
    keywords = ("matrix_triangular_solve", "solve_triangular", "substitution", "lapack")
    doc = (
        "The solution z of x z = rhs for a triangular matrix x.\n\nReads only the elements of x "
        "on and below the diagonal, or on and above it, and substitutes. Shapes are as for solve. "
        "A zero on the diagonal gives infinities. Gradient: as for solve, within the triangle."
    )
    attrs = (
        Attr(
            "lower",
            "bool",
            True,
            "Read the triangle on and below the diagonal; otherwise the upper one.",
        ),
        Attr("adjoint", "bool", False, "Solve with x transposed."),
    )

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, right = arrays
        x = np.tril(x) if attrs["lower"] else np.triu(x)
        if attrs["adjoint"]:
            x = np.swapaxes(x, -1, -2)
        batch = np.broadcast_shapes(x.shape[:-2], right.shape[:-2])
        out = np.array(np.broadcast_to(right, (*batch, *right.shape[-2:])))
        rows = range(x.shape[-1])
        with np.errstate(all="ignore"):
            for row in rows if attrs["lower"] != attrs["adjoint"] else reversed(rows):
                out[..., row, :] /= x[..., row, row, None]
                below = slice(row + 1, None) if attrs["lower"] != attrs["adjoint"] else slice(row)
                out[..., below, :] -= x[..., below, row, None] * out[..., row, None, :]
        return out

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, right = node.inputs
        lower, adjoint = node.attrs["lower"], node.attrs["adjoint"]
        out = node.outputs[0]
        by_right = F.triangular_solve(x, grads[0], lower=lower, adjoint=not adjoint)
        left, other = (out, by_right) if adjoint else (by_right, out)
        by_x = -F.matmul(left, other, transpose_y=True)
        by_x = F.tril(by_x) if lower else F.triu(by_x)
        return F.sum_to_shape_of(by_x, x), F.sum_to_shape_of(by_right, right)

    def variants(self) -> Iterator[dict[str, Any]]:
        for lower in (False, True):
            for adjoint in (False, True):
                yield {"lower": lower, "adjoint": adjoint}


@register
class Inverse(MatrixOp):
    """The inverse of a matrix."""

    id = "inverse"
    keywords = ("matrix_inverse", "inv", "reciprocal", "lapack")
    doc = (
        "The inverse of x: the matrix whose product with x is the identity.\n\nTo solve systems "
        "of equations, solve is faster and more exact. A singular matrix is an error when run. "
        "Gradient: -out^T g out^T."
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return by_lapack("inverse", np.linalg.inv, arrays[0])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        out = transposed(node.outputs[0])
        return (-F.matmul(F.matmul(out, grads[0]), out),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((regular((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((regular((4, 2, 2), dtype),), smooth=dtype == "float64")
        yield Sample((np.zeros((0, 3, 3)),))
        yield Sample((regular((2, 3, 3)),), smooth=True)
        yield Sample((np.full((1, 1), 2.0),), smooth=True)
        yield Sample((np.zeros((2, 0, 0)),))
