"""Linear algebra: einsum, linear systems, factorizations, determinants, matrix functions."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import expm

from nodeflow.integrations.jax import products
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.indices import empty, shape_of
from nodeflow.ops.linalg.einsum import parse

_SQUARINGS = 24
"""Maximum number of squarings for a matrix exponential, which suffices for a norm up to about
2^26.
"""


def _finite(*arrays: Any) -> Any:
    """Return whether all elements of each matrix are finite."""
    return jnp.stack([jnp.isfinite(a).all() for a in arrays]).all()


def _fail_where_singular(node: Lowered, out: Any, *given: Any) -> None:
    """Make the run fail if a zero pivot turned finite numbers into infinities."""
    node.fail_where(_finite(*given) & ~_finite(out), f"{node.op.id}: singular matrix")


def _no_nan(node: Lowered, out: Any, what: str) -> None:
    node.fail_where(jnp.isnan(out), f"{node.op.id}: {what}")


@computes("einsum")
def einsum(node: Lowered, *factors: Any) -> Any:
    """Return sums of products over named axes."""
    letters, out = parse(node.attrs["equation"], [x.ndim for x in factors])
    given, how = products.factors(*factors)
    made = jnp.einsum(f"{','.join(letters)}->{out}", *given, **how)
    return made.astype(factors[0].dtype)


# ---- systems ------------------------------------------------------------------------------------


@computes("solve")
def solve(node: Lowered, x: Any, right: Any) -> Any:
    """Return the solution of a system of linear equations."""
    if (nothing := empty(node)) is not None:
        return nothing
    x = jnp.swapaxes(x, -1, -2) if node.attrs["adjoint"] else x
    out = jnp.linalg.solve(*_same_batch(node, x, right))
    _fail_where_singular(node, out, x, right)
    return out


@computes("triangular_solve")
def triangular_solve(node: Lowered, x: Any, right: Any) -> Any:
    """Return the solution of a system with a triangular matrix."""
    if (nothing := empty(node)) is not None:
        return nothing
    lower, adjoint = node.attrs["lower"], node.attrs["adjoint"]
    x, right = _same_batch(node, x, right)
    return lax.linalg.triangular_solve(x, right, left_side=True, lower=lower, transpose_a=adjoint)


def _same_batch(node: Lowered, x: Any, right: Any) -> tuple[Any, Any]:
    batch = shape_of(node)[:-2]
    return tuple(jnp.broadcast_to(a, (*batch, *a.shape[-2:])) for a in (x, right))  # type: ignore[return-value]


@computes("inverse")
def inverse(node: Lowered, x: Any) -> Any:
    """Return the inverse of a matrix."""
    if (nothing := empty(node)) is not None:
        return nothing
    out = jnp.linalg.inv(x)
    _fail_where_singular(node, out, x)
    return out


@computes("det")
def det(node: Lowered, x: Any) -> Any:
    """Return the determinant."""
    return jnp.linalg.det(x) if x.size else jnp.ones(shape_of(node), x.dtype)


@computes("slogdet")
def slogdet(node: Lowered, x: Any) -> tuple[Any, Any]:
    """Return the sign of the determinant and the logarithm of its absolute value."""
    if not x.size:
        return jnp.ones(shape_of(node), x.dtype), jnp.zeros(shape_of(node), x.dtype)
    sign, size = jnp.linalg.slogdet(x)
    return sign, size


# ---- factors ------------------------------------------------------------------------------------


def _nothing(node: Lowered, x: Any) -> tuple[Any, ...] | None:
    """Return the outputs for an empty batch or for empty matrices; None for other inputs."""
    if x.size:
        return None
    return tuple(jnp.zeros(shape_of(node, i), t.dtype) for i, t in enumerate(node.outputs))


@computes("cholesky")
def cholesky(node: Lowered, x: Any) -> Any:
    """Return the lower triangular matrix L whose product with its transpose is the symmetric
    part of x.
    """
    if not x.size:
        return x
    out = jnp.linalg.cholesky((x + jnp.swapaxes(x, -1, -2)) / 2, symmetrize_input=False)
    _no_nan(node, out, "matrix is not positive definite")
    return out


@computes("qr")
def qr(node: Lowered, x: Any) -> tuple[Any, ...]:
    """Return a matrix with orthonormal columns and an upper triangular matrix."""
    if (nothing := _nothing(node, x)) is not None:
        return nothing
    q, r = jnp.linalg.qr(x, mode="reduced")
    return q, r


@computes("svd")
def svd(node: Lowered, x: Any) -> tuple[Any, ...]:
    """Return the singular values, and the left and right singular vectors."""
    if (nothing := _nothing(node, x)) is not None:
        return nothing
    u, s, vt = jnp.linalg.svd(x, full_matrices=False)
    _no_nan(node, s, "svd did not converge")
    return s, u, jnp.swapaxes(vt, -1, -2)


@computes("eigh")
def eigh(node: Lowered, x: Any) -> tuple[Any, ...]:
    """Return the eigenvalues and eigenvectors of the symmetric part."""
    if (nothing := _nothing(node, x)) is not None:
        return nothing
    e, v = jnp.linalg.eigh((x + jnp.swapaxes(x, -1, -2)) / 2, symmetrize_input=False)
    _no_nan(node, e, "eigenvalues did not converge")
    return e, v


@computes("lu")
def lu(node: Lowered, x: Any) -> tuple[Any, ...]:
    """Return the LU factorization: both triangular factors packed in one matrix, and the
    permutation of the rows.
    """
    if (nothing := _nothing(node, x)) is not None:
        return nothing
    node.fail_where(~jnp.isfinite(x), "lu: the matrix is not finite")
    found, _, rows = lax.linalg.lu(x)
    node.fail_where(jnp.diagonal(found, 0, -2, -1) == 0, "lu: singular matrix")
    return found, rows.astype(jnp.int32)


@computes("expm")
def matrix_exponential(node: Lowered, x: Any) -> Any:
    """Return the exponential of a matrix, in float64; NaN if it is not finite."""
    if not x.size:
        return x
    finite = jnp.isfinite(x).all((-2, -1), keepdims=True)
    wide = jnp.where(finite, x, 0).astype(jnp.float64)
    return jnp.where(finite, expm(wide, max_squarings=_SQUARINGS), jnp.nan).astype(x.dtype)
