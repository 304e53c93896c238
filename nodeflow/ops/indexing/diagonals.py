"""Diagonals of matrices, and the identity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    DTYPES,
    NUMBERS,
    Shape,
    TensorType,
    compatible,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.gradient_helpers import LIKE, Internal
from nodeflow.ops.samples import values

OFFSET = Attr(
    "offset", "int", 0, "Number of the diagonal; positive numbers are above the main one."
)


def diagonal_size(rows: int | None, columns: int | None, offset: int) -> int | None:
    """Return the number of elements of a diagonal."""
    if rows is None or columns is None:
        return None
    return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))


def block(shape: Shape, offset: int, *, taken: bool) -> lowering.Block:
    """Return a strided copy that extracts the diagonals of matrices (if ``taken``), or that writes
    packed vectors to the diagonals.

    Args:
        shape: known shape of the matrices, (..., rows, columns).
        offset: distance of the diagonal from the main diagonal.
    """
    *batch, rows, columns = (d or 0 for d in shape)
    count, size = math.prod(batch), diagonal_size(rows, columns, offset) or 0
    sizes = (count, size)
    start = max(offset, 0) + max(-offset, 0) * columns if size else 0
    apart, packed = (rows * columns, columns + 1), (size, 1)
    if taken:
        return lowering.Block(sizes, start, apart, 0, packed)
    return lowering.Block(sizes, 0, packed, start, apart)


def place(x: np.ndarray, shape: tuple[int, ...], offset: int) -> np.ndarray:
    """Return zeros of a shape with x on the diagonals."""
    out = np.zeros(shape, x.dtype)
    at = np.arange(x.shape[-1])
    out[..., at + max(-offset, 0), at + max(offset, 0)] = x
    return out


@register
class Diag(Op):
    """A diagonal matrix."""

    id = "diag"
    category = "Matrix"
    keywords = ("diagonal", "matrix_diag", "diagflat", "diag_embed", "tensor_diag")
    doc = (
        "A square matrix with x on its diagonal and zeros elsewhere.\n\n(..., n) gives (..., n + "
        "|offset|, n + |offset|): one matrix per vector of the last axis. Gradient: its diagonal."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (OFFSET,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError("diag needs a vector, not a scalar", port="x", hint="Use expand_dims.")
        n = x.shape[-1]
        size = None if n is None else n + abs(attrs["offset"])
        return x.with_shape((*x.shape[:-1], size, size))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        zero = numpy_dtype(outs[0].dtype).type(0).item()
        return lowering.Copy((block(outs[0].shape, attrs["offset"], taken=False),), zero)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        size = x.shape[-1] + abs(attrs["offset"])
        return place(x, (*x.shape[:-1], size, size), attrs["offset"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.diag_part(grads[0], **node.attrs),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), smooth=dtype == "float64")
        for offset in (-2, 1):
            yield Sample((values((3,)),), {"offset": offset}, smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((2, 0)),), {"offset": 1}, smooth=True)
        yield Sample((values((1,)),), smooth=True)


@register
class DiagPart(Op):
    """The diagonal of a matrix."""

    id = "diag_part"
    everyday = False
    category = "Matrix"
    keywords = ("diagonal", "matrix_diag_part", "tensor_diag_part")
    doc = (
        "The diagonal of a matrix.\n\n(..., m, n) gives (..., size). Axes before the last two are "
        "batches. Gradient: on the diagonal, zeros elsewhere."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (OFFSET,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if x.rank < 2:
            raise ShapeError(f"{shape_text(x.shape)} is not a matrix", port="x")
        *batch, rows, columns = x.shape
        return x.with_shape((*batch, diagonal_size(rows, columns, attrs["offset"])))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Copy((block(types[0].shape, attrs["offset"], taken=True),))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.array(np.diagonal(arrays[0], attrs["offset"], -2, -1))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (F.place_diagonal(grads[0], node.inputs[0], **node.attrs),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        for offset in (-2, -1, 1, 3):
            yield Sample((values((3, 4)),), {"offset": offset}, smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((2, 3)),), {"offset": 5})
        yield Sample((values((1, 1)),), smooth=True)


@register
class PlaceDiagonal(Internal):
    """The adjoint of diag_part: zeros with elements on a diagonal."""

    id = "place_diagonal"
    everyday = False
    doc = "Zeros in the shape of `like`, with x on the diagonal."
    inputs = (Port("x", dtypes=DTYPES), LIKE)
    attrs = (OFFSET,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, like = types
        part = REGISTRY.lookup("diag_part").infer(like, **attrs)
        assert isinstance(part, TensorType)
        if not compatible(x.shape, part.shape):
            raise ShapeError(f"{shape_text(x.shape)} must be {shape_text(part.shape)}", port="x")
        return x.with_shape(like.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        zero = numpy_dtype(outs[0].dtype).type(0).item()
        copy = lowering.Copy((block(outs[0].shape, attrs["offset"], taken=False),), zero)
        part = lowering.Part("out", copy, ("x",), outs[0])
        return lowering.Composite(("x", "like"), (part,), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        return place(x, like.shape, attrs["offset"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.diag_part(grads[0], **node.attrs), None

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            pair = values((2, 3), dtype), values((2, 3, 4), dtype)
            yield Sample(pair, smooth=dtype == "float64")
        yield Sample((values((2,)), values((3, 2))), {"offset": -1}, smooth=True)
        yield Sample((values((0,)), values((0, 3))), smooth=True)
        yield Sample((values((1,)), values((1, 1))), smooth=True)


@register
class Eye(Op):
    """The identity matrix."""

    id = "eye"
    category = "Matrix"
    keywords = ("identity matrix", "unit matrix", "diagonal", "eye_like")
    doc = (
        "A matrix with ones on the diagonal and zeros elsewhere.\n\nIt is square unless "
        "num_columns is given. batch_shape adds batch axes before it."
    )
    attrs = (
        Attr("num_rows", "int", 3, "Number of rows.", minimum=0),
        Attr(
            "num_columns", "int", None, "Number of columns; none: as many as rows.", optional=True
        ),
        Attr("batch_shape", "ints", (), "Sizes before the last two axes."),
        Attr("dtype", "dtype", "float32", "Data type."),
        OFFSET,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        rows, columns = attrs["num_rows"], attrs["num_columns"]
        shape = (*attrs["batch_shape"], rows, rows if columns is None else columns)
        return TensorType(attrs["dtype"], shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        rows, columns = attrs["num_rows"], attrs["num_columns"]
        one = np.eye(rows, columns, attrs["offset"], numpy_dtype(attrs["dtype"]))
        return np.tile(one, (*attrs["batch_shape"], 1, 1))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((), {"num_rows": 2, "num_columns": 3, "dtype": dtype})
        yield Sample((), {"batch_shape": (2, 1), "offset": -1})
        yield Sample((), {"num_rows": 0})


@register
class Trace(Composed):
    """The sum of the diagonal."""

    id = "trace"
    everyday = False
    category = "Matrix"
    keywords = ("diagonal", "sum", "tr")
    doc = (
        "The sum of the diagonal of a matrix.\n\n(..., m, n) gives (...). Gradient: the same to "
        "each element of the diagonal."
    )
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (OFFSET,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if types[0].rank < 2:
            raise ShapeError(f"{shape_text(types[0].shape)} is not a matrix", port="x")
        return types[0].with_shape(types[0].shape[:-2])

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.reduce_sum(F.diag_part(inputs[0], **attrs), axis=-1)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((3, 4)),), {"offset": 1}, smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)
