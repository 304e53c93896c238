"""Linear algebra with TensorFlow 1's arguments, for functions that take more than the ops."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import scoped, spelled
from nodeflow.ops.namespaces.arguments import tensor as of
from nodeflow.ops.namespaces.maths import norm
from nodeflow.public import publish

__all__ = [
    "adjoint",
    "cholesky_solve",
    "diag",
    "diag_part",
    "inverse",
    "lu_matrix_inverse",
    "lu_reconstruct",
    "lu_solve",
    "matrix_diag",
    "matrix_diag_part",
    "matrix_set_diag",
    "matrix_solve_ls",
    "matrix_transpose",
    "normalize_by_norm",
    "qr",
    "self_adjoint_eigvals",
    "svd",
]


# ---- diagonals ----------------------------------------------------------------------------------


@spelled
def diag(diagonal: Any, name: str | None = None, *, offset: int | None = None) -> Tensor:
    """Return the diagonal tensor of a tensor: a matrix for a vector; for rank r, a tensor of rank 2
    r.

    Args:
        offset: number of the diagonal of a matrix; vectors are then along the last axis, as in
            `matrix_diag`.
    """
    x = of(diagonal)
    if offset is not None or len(x.shape) < 2:
        return F.diag(x, offset=offset or 0, name=name)
    with scoped(name, "diag", [x]):
        sizes = F.shape(x)
        return F.reshape(F.diag(F.reshape(x, shape=[-1])), F.concat([sizes, sizes], axis=0))


@spelled
def diag_part(input: Any, name: str | None = None, *, offset: int | None = None) -> Tensor:
    """Return the diagonal of a tensor of even rank: the inverse of `diag`.

    Args:
        offset: number of the diagonal of matrices; axes before the last two are then batches.
    """
    x = of(input)
    rank = len(x.shape)
    if offset is not None or rank == 2:
        return F.diag_part(x, offset=offset or 0, name=name)
    if rank % 2 or not rank:
        raise AttributeProblem(
            f"diag_part takes a tensor of even rank, not {rank}",
            port="input",
            hint="matrix_diag_part takes batches of matrices.",
        )
    with scoped(name, "diag_part", [x]):
        sizes = F.shape(x)[: rank // 2]
        count = F.reshape(F.reduce_prod(sizes), shape=[1])
        square = F.reshape(x, F.concat([count, count], axis=0))
        return F.reshape(F.diag_part(square), sizes)


@spelled
def matrix_diag(
    diagonal: Any,
    name: str | None = None,
    k: int = 0,
    num_rows: int | None = None,
    num_cols: int | None = None,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Return square matrices with vectors of the last axis on a diagonal, and zeros elsewhere.

    Args:
        k: number of the diagonal; positive numbers are above the main one.
        num_rows, num_cols, padding_value, align: only the defaults are supported.
    """
    _only_defaults(
        "matrix_diag", num_rows=(num_rows, None), num_cols=(num_cols, None),
        padding_value=(padding_value, 0), align=(align, "RIGHT_LEFT"),
    )  # fmt: skip
    return F.diag(diagonal, offset=_one(k), name=name or "matrix_diag")


@spelled
def matrix_diag_part(
    input: Any,
    name: str | None = None,
    k: int = 0,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Return a diagonal of matrices; arguments are the same as for `matrix_diag`."""
    _only_defaults(
        "matrix_diag_part", padding_value=(padding_value, 0), align=(align, "RIGHT_LEFT")
    )
    return F.diag_part(input, offset=_one(k), name=name or "matrix_diag_part")


@spelled
def matrix_set_diag(
    input: Any,
    diagonal: Any,
    name: str | None = None,
    k: int = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Replace a diagonal of matrices; arguments are the same as for `matrix_diag`."""
    _only_defaults("matrix_set_diag", align=(align, "RIGHT_LEFT"))
    x, offset = of(input), _one(k)
    with scoped(name, "matrix_set_diag", [x]):
        placed = F.place_diagonal(of(diagonal, x), x, offset=offset)
        rows = F.expand_dims(F.positions(x, axis=-2), axis=-1)
        there = F.equal(rows + offset, F.positions(x, axis=-1))
        return F.where(there, placed, x)


def _one(k: Any) -> int:
    if isinstance(k, (tuple, list)):
        raise AttributeProblem(f"k must be one diagonal, not {k!r}", port="k")
    return int(k)


def _only_defaults(function: str, **given: tuple[Any, Any]) -> None:
    for name, (value, default) in given.items():
        if value != default:
            raise AttributeProblem(f"{function} takes no {name} here", port=name)


# ---- transposed and inverse ---------------------------------------------------------------------


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Tensor:
    """Swap the last two axes.

    Args:
        conjugate: also take complex conjugates, which for real numbers changes nothing.
    """
    return F.swap_axes(a, name=name or "matrix_transpose")


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Swap the last two axes: the transpose of real matrices."""
    return F.swap_axes(matrix, name=name or "adjoint")


@spelled
def inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Invert matrices.

    Args:
        adjoint: invert the transposed matrices.
    """
    return F.inverse(F.swap_axes(input) if adjoint else input, name=name)


# ---- factors ------------------------------------------------------------------------------------


class SVD(NamedTuple):
    """The three results of `svd`."""

    s: Tensor
    u: Tensor
    v: Tensor


@spelled
def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Return singular values s, largest first, and matrices u and v with x = u diag(s) v^T.

    Args:
        full_matrices: only False: as many vectors as there are singular values.
        compute_uv: False: return s alone.
    """
    _only_defaults("svd", full_matrices=(full_matrices, False))
    s, u, v = F.svd(tensor, name=name)
    return SVD(s, u, v) if compute_uv else s


class QR(NamedTuple):
    """The two results of `qr`."""

    q: Tensor
    r: Tensor


@spelled
def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> QR:
    """Return q with orthonormal columns and an upper triangular r, whose product is x.

    Args:
        full_matrices: only False.
    """
    _only_defaults("qr", full_matrices=(full_matrices, False))
    return QR(*F.qr(input, name=name))


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """Return the eigenvalues of symmetric matrices, smallest first."""
    return F.eigh(tensor, name=name or "self_adjoint_eigvals")[0]


def normalize_by_norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Divide a tensor by its `norm` along an axis. Return it and the norm: tf.linalg.normalize."""
    x = of(tensor)
    with scoped(name, "normalize", [x]):
        size = norm(x, ord, axis, True)
        return x / size, size


# ---- systems ------------------------------------------------------------------------------------


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """Solve a system whose matrix has the Cholesky factor chol."""
    low = of(chol)
    with scoped(name, "cholesky_solve", [low]):
        return F.triangular_solve(low, F.triangular_solve(low, rhs), adjoint=True)


def matrix_solve_ls(
    matrix: Any,
    rhs: Any,
    l2_regularizer: float = 0.0,
    fast: bool = True,
    name: str | None = None,
) -> Tensor:
    """Return the z that minimizes ``|matrix z - rhs|^2 + l2_regularizer |z|^2``.

    The matrix must have full rank. With fewer rows than columns, z is the shortest of all
    solutions.

    Args:
        fast: use the normal equations and Cholesky; otherwise singular values, which are exact for
            nearly singular matrices, but ignore the regularizer.
    """
    a = of(matrix)
    rhs = of(rhs, a)
    with scoped(name, "matrix_solve_ls", [a]):
        if not fast:
            s, u, v = F.svd(a)
            return F.matmul(v, F.matmul(u, rhs, transpose_x=True) / F.expand_dims(s, axis=-1))
        rows, columns = a.shape[-2:]
        wide = rows is not None and columns is not None and rows < columns
        square = F.matmul(a, a, transpose_y=True) if wide else F.matmul(a, a, transpose_x=True)
        if l2_regularizer:
            one = np.ones((), a.dtype) * l2_regularizer
            square = square + F.diag(F.ones_like(F.diag_part(square))) * one
        low = F.cholesky(square)
        if wide:
            return F.matmul(a, cholesky_solve(low, rhs), transpose_x=True)
        return cholesky_solve(low, F.matmul(a, rhs, transpose_x=True))


def _triangles(lower_upper: Any) -> tuple[Tensor, Tensor]:
    both = of(lower_upper)
    low = F.tril(both, offset=-1)
    return low + F.diag(F.ones_like(F.diag_part(both))), F.triu(both)


def lu_reconstruct(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """Return the matrix whose factors are results of `nf.lu`."""
    with scoped(name, "lu_reconstruct", [lower_upper, perm]):
        low, up = _triangles(lower_upper)
        return _rows(F.matmul(low, up), F.argsort(perm))


def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """Solve a system whose matrix has the factors from `nf.lu`."""
    with scoped(name, "lu_solve", [lower_upper, perm, rhs]):
        low, up = _triangles(lower_upper)
        half = F.triangular_solve(low, _rows(of(rhs, low), F.cast(perm, dtype="int64")))
        return F.triangular_solve(up, half, lower=False)


def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """Return the inverse of a matrix from its LU factorization: the packed triangular factors and
    the permutation that `nf.lu` returns.
    """
    with scoped(name, "lu_matrix_inverse", [lower_upper, perm]):
        return F.inverse(lu_reconstruct(lower_upper, perm))


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """Reorder the rows of matrices."""
    return F.take_along_axis(x, F.broadcast_like(F.expand_dims(order, axis=-1), x), axis=-2)


publish(globals(), __all__)
