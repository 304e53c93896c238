"""Outer and Kronecker products, powers of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, broadcast_shapes, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.linalg.matrices import MATRIX, check_matrix, regular
from nodeflow.ops.samples import values

PAIR = (Port("x", "Left.", NUMBERS, "T"), Port("y", "Right.", NUMBERS, "T"))


@register
class Outer(Composed):
    """The outer product of two vectors."""

    id = "outer"
    everyday = False
    category = "Matrix"
    keywords = ("product", "dyadic", "ger", "tensor product")
    doc = (
        "The outer product of x and y: the products of each element of x with each element of "
        "y.\n\n(..., m) and (..., n) give (..., m, n). Integers wrap."
    )
    inputs = PAIR

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, y = types
        for port, type_ in zip("xy", types, strict=True):
            if not type_.rank:
                raise ShapeError("outer needs vectors, not a scalar", port=port)
        batch = broadcast_shapes(x.shape[:-1], y.shape[:-1])
        return x.with_shape((*batch, x.shape[-1], y.shape[-1]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.expand_dims(inputs[0], axis=-1) * F.expand_dims(inputs[1], axis=-2)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = values((2,), dtype), values((3,), dtype, start=5)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((4, 2)), values((4, 3))), smooth=True)
        yield Sample((values((0,)), values((3,))), smooth=True)
        yield Sample((values((1,)), values((1,), start=3)), smooth=True)


@register
class Kron(Composed):
    """The Kronecker product."""

    id = "kron"
    everyday = False
    category = "Matrix"
    keywords = ("kronecker", "tensor product", "block")
    doc = (
        "The Kronecker product: each element of x times the whole of y, as a block.\n\n(m, n) and "
        "(p, q), whose sizes must be known, give (m p, n q). Integers wrap."
    )
    inputs = PAIR

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        sizes = []
        for port, type_ in zip("xy", types, strict=True):
            if type_.rank != 2 or None in type_.shape:
                raise ShapeError(
                    f"kron needs matrices of known size, not {shape_text(type_.shape)}", port=port
                )
            sizes.append([d or 0 for d in type_.shape])
        return types[0].with_shape(a * b for a, b in zip(*sizes, strict=True))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, y = inputs
        shape = self.infer(x.type, y.type).shape
        blocks = F.expand_dims(x, axis=(1, 3)) * F.expand_dims(y, axis=(0, 2))
        return F.reshape(blocks, shape=shape)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = values((2, 3), dtype), values((4, 2), dtype, start=5)
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((0, 3)), values((2, 2))), smooth=True)
        yield Sample((values((1, 1)), values((1, 1), start=3)), smooth=True)


@register
class MatrixPower(Composed):
    """The power of a matrix."""

    id = "matrix_power"
    everyday = False
    category = "Matrix"
    keywords = ("power", "repeated product", "markov")
    doc = (
        "The product of n copies of a square matrix, by squaring.\n\nn = 0 gives the identity. A "
        "negative n gives powers of the inverse."
    )
    inputs = (MATRIX,)
    attrs = (Attr("n", "int", 2, "Number of copies."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_matrix(types[0], square=True)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, left = inputs[0], abs(attrs["n"])
        if not left:
            return F.matrix_band_part(F.ones_like(x), 0, 0)
        square = F.inverse(x) if attrs["n"] < 0 else F.identity(x)
        out = None
        while True:
            if left % 2:
                out = square if out is None else F.matmul(out, square)
            left //= 2
            if not left:
                assert out is not None
                return out
            square = F.matmul(square, square)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((regular((3, 3), dtype),), smooth=dtype == "float64")
        for n in (-3, -1, 0, 1, 5, 6):
            yield Sample((regular((2, 2)) / 2,), {"n": n}, smooth=True)
        yield Sample((regular((2, 3, 3)),), {"n": 3}, smooth=True)
        yield Sample((values((0, 2, 2)),))
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((regular((4, 2, 2)),), smooth=True)
