"""Shared parts of the linear algebra ops: checks, LAPACK's errors, and sample matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.samples import values

MATRIX = Port("x", "Matrix, or batch of matrices.", FLOATS, "T")


class MatrixOp(Op):
    """The base class of matrix ops on floats. Both tiers run the reference, which uses LAPACK."""

    category = "Matrix"
    differentiable = True
    inputs: tuple[Port, ...] = (MATRIX,)


def check_matrix(x: TensorType, port: str = "x", *, square: bool = False) -> None:
    """Check the shape of a matrix or a batch of matrices.

    Raises:
        ShapeError: the rank is below 2, or ``square`` is set and the last two sizes differ.
    """
    if x.rank < 2:
        raise ShapeError(f"{shape_text(x.shape)} is not a matrix", port=port)
    rows, columns = x.shape[-2:]
    if square and None not in (rows, columns) and rows != columns:
        raise ShapeError(f"the matrix {shape_text(x.shape)} is not square", port=port)


def by_lapack(op: str, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """Return the result of a numpy function.

    Raises:
        RunError: LAPACK finds the matrix singular or not positive definite, or does not converge.
    """
    try:
        with np.errstate(all="ignore"):
            return function(*arrays)
    except np.linalg.LinAlgError as error:
        raise RunError(f"{op}: {str(error).lower()}", port="x") from None


def transposed(x: Tensor) -> Tensor:
    """Return a tensor with its last two axes swapped."""
    return F.swap_axes(x)


def symmetric(x: Tensor) -> Tensor:
    """Return the symmetric part of a tensor."""
    return (x + transposed(x)) * 0.5


def symmetric_part(x: np.ndarray) -> np.ndarray:
    """Return the symmetric part of an array."""
    return (x + np.swapaxes(x, -1, -2)) / 2


def regular(shape: tuple[int, ...], dtype: str = "float64", start: int = 1) -> np.ndarray:
    """Return sample matrices far from singular, with a dominant diagonal of different elements."""
    found = values(shape, dtype, -0.5, 0.5, start)
    size = min(shape[-2:])
    at = np.arange(size)
    found[..., at, at] += (at + 2).astype(dtype)
    return found


def positive(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Return symmetric sample matrices with positive eigenvalues."""
    return symmetric_part(regular(shape, dtype))
