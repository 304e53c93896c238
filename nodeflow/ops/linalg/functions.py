"""Functions of matrices (exponential, logarithm, square root) and the LU factorisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.linalg.matrices import MatrixOp, check_matrix, positive, regular, transposed


def each_matrix(x: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply a function to each matrix of a batch, in float64."""
    out = np.empty_like(x)
    for place in np.ndindex(x.shape[:-2]):
        out[place] = function(x[place].astype("float64"))
    return out


class MatrixFunction(MatrixOp):
    """The base class of functions f of a square matrix.

    The gradient is the upper right block of f([[x^T, g], [0, x^T]]): Mathias, 1996.
    """

    everyday = False
    limit = ""
    """The condition under which the result is real, as a hint."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0]

    def function(self, x: np.ndarray) -> Any:
        """Return f(x) for one matrix x."""
        raise NotImplementedError(self.id)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return each_matrix(arrays[0], self._real)

    def _real(self, x: np.ndarray) -> np.ndarray:
        if not x.size:
            return x
        out: Any = self.function(x) if np.isfinite(x).all() else np.full_like(x, np.nan)
        if np.iscomplexobj(out):
            if np.abs(out.imag).max() > 1e-8 * max(1.0, np.abs(out).max()):
                raise RunError(f"{self.id} of this matrix is not real", port="x", hint=self.limit)
            return out.real
        return out

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, g = transposed(node.inputs[0]), grads[0]
        upper = F.concat([x, g], axis=-1)
        lower = F.concat([F.zeros_like(x), x], axis=-1)
        whole = getattr(F, self.id)(F.concat([upper, lower], axis=-2))
        size = F.size(x, axis=-1)
        return (_corner(whole, size),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((positive((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((positive((4, 2, 2), dtype),), smooth=dtype == "float64")
        yield Sample((regular((2, 3, 3)),), smooth=True)
        yield Sample((np.zeros((0, 3, 3)),))
        yield Sample((np.full((1, 1), 2.0),), smooth=True)


def _corner(whole: Tensor, size: Tensor) -> Tensor:
    """Return the upper right block of matrices that consist of 2 x 2 blocks, each (size, size)."""
    rows = F.range(size)
    return F.gather(F.gather(whole, rows, axis=-2), rows + size, axis=-1)


@register
class MatrixExponential(MatrixFunction):
    """The exponential of a matrix."""

    id = "expm"
    keywords = ("matrix_exponential", "exponential", "differential equation", "flow", "lie")
    doc = (
        "The exponential of a square matrix: the sum of x^k / k! over k.\n\nBy Pade's "
        "approximation (Al-Mohy and Higham, 2009)."
    )

    def function(self, x: np.ndarray) -> Any:
        from scipy.linalg import expm

        return expm(x)


@register
class MatrixLogarithm(MatrixFunction):
    """The logarithm of a matrix."""

    id = "logm"
    keywords = ("matrix_logarithm", "logarithm", "lie")
    doc = (
        "The matrix whose exponential is x.\n\nx must be square, without eigenvalues at or below "
        "0. Otherwise the result is not real, and the run fails."
    )
    limit = "Its eigenvalues must not be 0 or below."

    def function(self, x: np.ndarray) -> Any:
        from scipy.linalg import logm

        return logm(x)


@register
class MatrixSquareRoot(MatrixFunction):
    """The square root of a matrix."""

    id = "sqrtm"
    keywords = ("matrix_square_root", "root", "whitening", "frechet distance")
    doc = (
        "The matrix whose square is x.\n\nx must be square, without eigenvalues below 0. "
        "Otherwise the result is not real, and the run fails."
    )
    limit = "Its eigenvalues must not be below 0."

    def function(self, x: np.ndarray) -> Any:
        from scipy.linalg import sqrtm

        return sqrtm(x)


@register
class LU(MatrixOp):
    """The LU factorisation with pivoting."""

    id = "lu"
    everyday = False
    differentiable = False
    keywords = ("factor", "triangle", "gauss elimination", "pivot", "lapack")
    doc = (
        "Triangular matrices l and u in one matrix, and the row order p of x, with x[p] = l u.\n\n"
        "(..., n, n) gives lu (..., n, n) and p (..., n), int32. l is below the diagonal, and its "
        "own diagonal is 1. A singular matrix is an error when run. No gradient flows."
    )
    outputs = (Port("lu", "Both triangular matrices."), Port("p", "Order of the rows."))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        check_matrix(types[0], square=True)
        return types[0], TensorType("int32", types[0].shape[:-1])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        from scipy.linalg import lu_factor

        x = arrays[0]
        out, order = np.empty_like(x), np.empty(x.shape[:-1], "int32")
        for place in np.ndindex(x.shape[:-2]):
            if not x.shape[-1]:
                continue
            matrix = x[place]
            if not np.isfinite(matrix).all():
                raise RunError("lu: the matrix is not finite", port="x")
            found, swaps = lu_factor(matrix)
            if not np.diagonal(found).all():
                raise RunError("lu: singular matrix", port="x")
            rows = np.arange(x.shape[-1])
            for row, other in enumerate(swaps):
                rows[[row, other]] = rows[[other, row]]
            out[place], order[place] = found, rows
        return out, order

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((regular((3, 3), dtype),))
            yield Sample((regular((4, 2, 2), dtype)[..., ::-1, :].copy(),))
        yield Sample((np.zeros((0, 3, 3)),))
        yield Sample((np.full((1, 1), 2.0),))
        yield Sample((np.zeros((2, 0, 0)),))
