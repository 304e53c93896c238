"""Factorisations of matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.linalg.matrices import (
    MatrixOp,
    by_lapack,
    check_matrix,
    positive,
    regular,
    symmetric,
    symmetric_part,
    transposed,
)


def zeros_where_none(grads: Sequence[Tensor | None], node: Node) -> list[Tensor]:
    """Return the gradient of each output, with zeros in place of None."""
    pairs = zip(grads, node.outputs, strict=True)
    return [F.zeros_like(out) if g is None else g for g, out in pairs]


def apart(values: Tensor) -> Tensor:
    """Return a matrix with the elements 1 / (values[column] - values[row]), or 0 where both values
    are equal, as on the diagonal.
    """
    gap = F.expand_dims(values, axis=-2) - F.expand_dims(values, axis=-1)
    same = F.equal(gap, 0)
    return F.where(same, 0, 1 / F.where(same, 1, gap))


@register
class Cholesky(MatrixOp):
    """The Cholesky factor of a positive definite matrix."""

    id = "cholesky"
    everyday = False
    keywords = ("factor", "positive definite", "covariance", "square root", "lapack")
    doc = (
        "The lower triangular matrix whose product with its transpose is x.\n\nUses the symmetric "
        "part of x, (..., n, n), which must be positive definite; otherwise the run fails. "
        "Gradient: Murray, 2016."
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return by_lapack("cholesky", np.linalg.cholesky, symmetric_part(arrays[0]))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        low = node.outputs[0]
        inner = F.tril(F.matmul(low, grads[0], transpose_x=True))
        inner = inner - F.matrix_band_part(inner, 0, 0) * 0.5
        half = F.triangular_solve(low, inner, adjoint=True)
        whole = transposed(F.triangular_solve(low, transposed(half), adjoint=True))
        return (symmetric(whole),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((positive((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((positive((4, 2, 2), dtype),), smooth=dtype == "float64")
        yield Sample((np.zeros((0, 3, 3)),))
        yield Sample((regular((2, 3, 3)),), smooth=True)
        yield Sample((np.full((1, 1), 2.0),), smooth=True)


@register
class QR(MatrixOp):
    """The QR factorization: an orthogonal and a triangular factor."""

    id = "qr"
    everyday = False
    keywords = ("orthogonal", "gram schmidt", "least squares", "factor", "lapack")
    doc = (
        "Matrices q and r whose product is x: q has orthonormal columns, r is upper "
        "triangular.\n\n(..., m, n) gives q (..., m, k) and r (..., k, n), where k is the smaller "
        "of m and n. Gradient for m >= n and full rank: Walter and Lehmann, 2010."
    )
    outputs = (Port("q", "Orthonormal columns."), Port("r", "Upper triangular matrix."))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        check_matrix(x)
        *batch, rows, columns = x.shape
        small = None if rows is None or columns is None else min(rows, columns)
        return x.with_shape((*batch, rows, small)), x.with_shape((*batch, small, columns))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        q, r = by_lapack("qr", np.linalg.qr, arrays[0])
        return np.ascontiguousarray(q), np.ascontiguousarray(r)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        rows, columns = node.inputs[0].shape[-2:]
        if rows is not None and columns is not None and rows < columns:
            text = shape_text(node.inputs[0].shape)
            raise ShapeError(f"qr of {text} has more columns than rows: no gradient", port="x")
        q, r = node.outputs
        gq, gr = zeros_where_none(grads, node)
        m = F.matmul(r, gr, transpose_y=True) - F.matmul(gq, q, transpose_x=True)
        low = F.tril(m)
        both = low + transposed(F.tril(m, offset=-1))
        right = gq + F.matmul(q, both)
        return (transposed(F.triangular_solve(r, transposed(right), lower=False)),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((regular((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((regular((4, 3), dtype),), smooth=dtype == "float64")
            yield Sample((regular((2, 4), dtype),))
        yield Sample((regular((2, 4, 3)),), smooth=True)
        yield Sample((np.zeros((0, 3, 2)),))
        yield Sample((np.full((1, 1), 2.0),), smooth=True)


@register
class SVD(MatrixOp):
    """The singular value decomposition: singular values and vectors."""

    id = "svd"
    everyday = False
    keywords = ("singular values", "pca", "principal components", "rank", "factor", "lapack")
    doc = (
        "Singular values s, largest first, and matrices u and v with x = u diag(s) v^T.\n\n"
        "(..., m, n) gives s (..., k), u (..., m, k) and v (..., n, k), where k is the smaller of "
        "m and n. Signs of vectors are as LAPACK returns them. Gradient where the singular values "
        "differ and are not 0: Giles, 2008."
    )
    outputs = (
        Port("s", "Singular values."),
        Port("u", "Left singular vectors, as columns."),
        Port("v", "Right singular vectors, as columns."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        check_matrix(x)
        *batch, rows, columns = x.shape
        small = None if rows is None or columns is None else min(rows, columns)
        shapes = ((*batch, small), (*batch, rows, small), (*batch, columns, small))
        return [x.with_shape(shape) for shape in shapes]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        def thin(x: np.ndarray) -> Any:
            return np.linalg.svd(x, full_matrices=False)

        u, s, vt = by_lapack("svd", thin, arrays[0])
        v = np.ascontiguousarray(np.swapaxes(vt, -1, -2))
        return np.ascontiguousarray(s), np.ascontiguousarray(u), v

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        s, u, v = node.outputs
        gs, gu, gv = zeros_where_none(grads, node)
        row = F.expand_dims(s, axis=-2)
        gaps = apart(F.square(s))
        uu = F.matmul(u, gu, transpose_x=True)
        vv = F.matmul(v, gv, transpose_x=True)
        turn_u = gaps * (uu - transposed(uu)) * row
        turn_v = F.expand_dims(s, axis=-1) * (gaps * (vv - transposed(vv)))
        inner = F.diag(gs) + turn_u + turn_v
        total = F.matmul(F.matmul(u, inner), v, transpose_y=True)
        rest_u = gu - F.matmul(u, uu)  # outside the space of the vectors, if x is not square
        rest_v = gv - F.matmul(v, vv)
        total = total + F.matmul(rest_u / row, v, transpose_y=True)
        return (total + F.matmul(u, rest_v / row, transpose_y=True),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((regular((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((regular((4, 3), dtype),), smooth=dtype == "float64")
        yield Sample((regular((2, 4)),), smooth=True)
        yield Sample((regular((2, 4, 3)),), smooth=True)
        yield Sample((np.zeros((0, 3, 2)),))
        yield Sample((np.full((1, 1), 2.0),), smooth=True)


@register
class Eigh(MatrixOp):
    """Eigenvalues and eigenvectors of a symmetric matrix."""

    id = "eigh"
    everyday = False
    keywords = ("eigenvalues", "self_adjoint_eig", "eigenvectors", "pca", "spectrum", "lapack")
    doc = (
        "Eigenvalues e, smallest first, and eigenvectors v of the symmetric part of x.\n\n"
        "(..., n, n) gives e (..., n) and v (..., n, n) with orthonormal columns. Signs of "
        "vectors are as LAPACK returns them. Gradient where the eigenvalues differ: Giles, 2008."
    )
    outputs = (Port("e", "Eigenvalues."), Port("v", "Eigenvectors, as columns."))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        check_matrix(types[0], square=True)
        return types[0].with_shape(types[0].shape[:-1]), types[0]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        e, v = by_lapack("eigh", np.linalg.eigh, symmetric_part(arrays[0]))
        return np.ascontiguousarray(e), np.ascontiguousarray(v)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        e, v = node.outputs
        ge, gv = zeros_where_none(grads, node)
        inner = F.diag(ge) + apart(e) * F.matmul(v, gv, transpose_x=True)
        return (symmetric(F.matmul(F.matmul(v, inner), v, transpose_y=True)),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((positive((3, 3), dtype),), smooth=dtype == "float64")
            yield Sample((regular((4, 2, 2), dtype),), smooth=dtype == "float64")
        yield Sample((regular((2, 3, 3)),), smooth=True)
        yield Sample((np.zeros((0, 3, 3)),))
        yield Sample((np.full((1, 1), 2.0),), smooth=True)
