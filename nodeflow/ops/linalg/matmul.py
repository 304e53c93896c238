"""Matrix products and transposition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    COMPLEX,
    DTYPES,
    NUMBERS,
    TensorType,
    broadcast_shapes,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.samples import values


@register
class MatMul(Op):
    """The matrix product of the last two axes."""

    id = "matmul"
    category = "Matrix"
    keywords = ("@", "dot", "product", "linear", "multiply", "dense")
    doc = (
        "The matrix product of x and y.\n\n(m, k) times (k, n) gives (m, n). transpose_x and "
        "transpose_y swap the last two axes of that input first. Axes before the last two are "
        "batches and broadcast. A vector counts as one row on the left, as one column on the "
        "right; the result lacks that axis, and vectors are never transposed. Integers wrap."
    )
    differentiable = True
    inputs = (
        Port("x", "Left matrix.", NUMBERS + COMPLEX, "T"),
        Port("y", "Right matrix.", NUMBERS + COMPLEX, "T"),
    )
    attrs = (
        Attr("transpose_x", "bool", False, "Swap the last two axes of x first."),
        Attr("transpose_y", "bool", False, "Swap the last two axes of y first."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        for port, type_ in zip("xy", types, strict=True):
            if not type_.rank:
                raise ShapeError(
                    "matmul needs a matrix, not a single number",
                    port=port,
                    hint="Give it a shape of two sizes, such as [784, 300].",
                )
        x, y = types[0].shape, types[1].shape
        row, column = len(x) == 1, len(y) == 1
        rows, inner = x[-2:][::-1] if attrs["transpose_x"] and not row else (1, *x)[-2:]
        other, columns = (
            y[-2:][::-1] if attrs["transpose_y"] and not column else (y, (*y, 1))[column][-2:]
        )
        if inner is not None and other is not None and inner != other:
            raise ShapeError(
                f"{shape_text(x)} x {shape_text(y)}: {inner} is not {other}",
                port="y",
                hint="The inner sizes of a matrix product must be equal.",
            )
        sizes = ([] if row else [rows]) + ([] if column else [columns])
        return TensorType(types[0].dtype, (*broadcast_shapes(x[:-2], y[:-2]), *sizes))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        x, y = types
        row, column = x.rank == 1, y.rank == 1
        product = lowering.Matmul(
            attrs["transpose_x"] and not row, attrs["transpose_y"] and not column
        )
        if not row and not column:
            return product
        left = x.with_shape((1, *x.shape)) if row else x
        right = y.with_shape((*y.shape, 1)) if column else y
        whole = self.infer(left, right, transpose_x=product.transpose_x,
                           transpose_y=product.transpose_y)  # fmt: skip
        parts = (
            lowering.Part("left", lowering.Alias(), ("x",), left),
            lowering.Part("right", lowering.Alias(), ("y",), right),
            lowering.Part("product", product, ("left", "right"), whole),
            lowering.Part("out", lowering.Alias(), ("product",), outs[0]),
        )
        return lowering.Composite(("x", "y"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, y = (
            np.swapaxes(a, -1, -2) if attrs[f"transpose_{name}"] and a.ndim > 1 else a
            for name, a in zip("xy", arrays, strict=True)
        )
        with np.errstate(all="ignore"):
            return np.asarray(np.matmul(x, y))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, (x, y) = grads[0], node.inputs
        row, column = (t.type.has_rank and t.type.rank == 1 for t in (x, y))
        tx, ty = node.attrs["transpose_x"] and not row, node.attrs["transpose_y"] and not column
        if row or column:  # gradients of the matrices that vectors stand for
            left = F.expand_dims(x, axis=0) if row else x
            right = F.expand_dims(y, axis=-1) if column else y
            g = F.expand_dims(g, axis=-1) if column else g
            g = F.expand_dims(g, axis=-2) if row else g
            gx, gy = self._gradients(g, left, right, tx, ty, True)
            gx = F.squeeze(gx, axis=0) if row else gx
            return gx, F.squeeze(gy, axis=-1) if column else gy
        out = node.outputs[0].type
        return self._gradients(g, x, y, tx, ty, not out.has_rank or out.rank > 2)

    def _gradients(
        self, g: Tensor, x: Tensor, y: Tensor, tx: bool, ty: bool, batches: bool
    ) -> tuple[Tensor, Tensor]:
        if tx:
            gx = F.matmul(y, g, transpose_x=ty, transpose_y=True)
        else:
            gx = F.matmul(g, y, transpose_y=not ty)
        if batches:  # batches may have been broadcast
            gx = F.sum_to_shape_of(gx, x)
        one = batches and not tx and y.type.has_rank and y.type.rank == 2 and all(y.shape)
        if one:  # one matrix for all batches: one product of their rows sums over them
            k, n = y.shape[::-1] if ty else y.shape
            x, g = F.reshape(x, [-1, k]), F.reshape(g, [-1, n])
        if ty:
            gy = F.matmul(g, x, transpose_x=True, transpose_y=tx)
        else:
            gy = F.matmul(x, g, transpose_x=not tx)
        return gx, F.sum_to_shape_of(gy, y) if batches and not one else gy

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS + COMPLEX:
            for tx in (False, True):
                for ty in (False, True):
                    x = values((3, 2) if tx else (2, 3), dtype)
                    y = values((4, 3) if ty else (3, 4), dtype, start=9)
                    attrs = {"transpose_x": tx, "transpose_y": ty}
                    yield Sample((x, y), attrs, smooth=dtype == "float64")
        yield Sample((values((0, 3)), values((3, 4))), smooth=True)
        yield Sample((values((2, 0)), values((0, 4))), smooth=True)
        yield Sample((values((1, 1)), values((1, 1), start=5)), smooth=True)
        yield Sample((values((5, 2, 3)), values((1, 3, 4), start=5)), smooth=True)
        yield Sample((values((2, 3)), values((5, 4, 3), start=5)), {"transpose_y": True}, True)
        yield Sample((np.array([[np.nan, np.inf], [0.0, 1.0]]), np.array([[0.0], [-0.0]])))
        row = values((3,), start=5)
        for x, y in ((row, row), (values((2, 3)), row), (row, values((3, 2)))):
            yield Sample((x, y), smooth=True)
        yield Sample((values((5, 2, 3)), row), {"transpose_y": True}, smooth=True)
        yield Sample((row, values((5, 2, 3))), {"transpose_y": True}, smooth=True)


@register
class Transpose(Op):
    """A permutation of axes."""

    id = "transpose"
    category = "Matrix"
    keywords = ("swap", "axes", "permute", "T")
    doc = (
        "The tensor with its axes in another order.\n\nAxis i of the result is axis perm[i] of x. "
        "Without perm the order is reversed, so a matrix is transposed."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("perm", "ints", None, "New order of the axes; none: reversed.", optional=True),)

    def _perm(self, rank: int, perm: tuple[int, ...] | None) -> tuple[int, ...]:
        if perm is None:
            return tuple(range(rank))[::-1]
        axes = tuple(normalize_axis(a, rank) for a in perm)
        if sorted(axes) != list(range(rank)):
            raise AttributeProblem(
                f"{perm} does not name each of the {rank} axes once",
                port="perm",
                hint=f"Use an order of 0 to {rank - 1}.",
            )
        return axes

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        perm = self._perm(types[0].rank, attrs["perm"])
        return types[0].with_shape(types[0].shape[a] for a in perm)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Permute(self._perm(types[0].rank, attrs["perm"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.transpose(arrays[0], self._perm(arrays[0].ndim, attrs["perm"])).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        if node.attrs["perm"] is None and not node.inputs[0].type.has_rank:
            return (F.transpose(grads[0]),)
        perm = self._perm(len(node.inputs[0].shape), node.attrs["perm"])
        inverse = tuple(perm.index(axis) for axis in range(len(perm)))
        return (F.transpose(grads[0], perm=inverse),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"perm": (2, 0, 1)}, smooth=True)
        yield Sample((values((2, 3, 4)),), {"perm": (-2, -3, -1)}, smooth=True)
        yield Sample((values(()),), smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
