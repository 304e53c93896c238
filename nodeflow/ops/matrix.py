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
    DTYPES,
    SIGNED_NUMBERS,
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
        "The matrix product of x and y.\n\n(m, k) times (k, n) gives (m, n). With transpose_x or "
        "transpose_y the last two axes of that input are swapped first. Axes before the last two "
        "are batches and broadcast. Integers wrap."
    )
    differentiable = True
    inputs = (
        Port("x", "Left matrix.", SIGNED_NUMBERS, "T"),
        Port("y", "Right matrix.", SIGNED_NUMBERS, "T"),
    )
    attrs = (
        Attr("transpose_x", "bool", False, "Swap the last two axes of x first."),
        Attr("transpose_y", "bool", False, "Swap the last two axes of y first."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        for port, type_ in zip("xy", types, strict=True):
            if type_.rank < 2:
                single = "Give it a shape of two sizes, such as [784, 300]."
                kind = f"shape {shape_text(type_.shape)}" if type_.rank else "a single number"
                raise ShapeError(
                    f"matmul needs a matrix, not {kind}",
                    port=port,
                    hint="Insert expand_dims or reshape." if type_.rank else single,
                )
        x, y = types[0].shape, types[1].shape
        rows, inner = x[-2:][::-1] if attrs["transpose_x"] else x[-2:]
        other, columns = y[-2:][::-1] if attrs["transpose_y"] else y[-2:]
        if inner is not None and other is not None and inner != other:
            raise ShapeError(
                f"{shape_text(x)} x {shape_text(y)}: {inner} is not {other}",
                port="y",
                hint="The inner sizes of a matrix product must be equal.",
            )
        return TensorType(types[0].dtype, (*broadcast_shapes(x[:-2], y[:-2]), rows, columns))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Matmul(attrs["transpose_x"], attrs["transpose_y"])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = np.swapaxes(arrays[0], -1, -2) if attrs["transpose_x"] else arrays[0]
        y = np.swapaxes(arrays[1], -1, -2) if attrs["transpose_y"] else arrays[1]
        with np.errstate(all="ignore"):
            return np.matmul(x, y)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, (x, y) = grads[0], node.inputs
        tx, ty = node.attrs["transpose_x"], node.attrs["transpose_y"]
        if tx:
            gx = F.matmul(y, g, transpose_x=ty, transpose_y=True)
        else:
            gx = F.matmul(g, y, transpose_y=not ty)
        if ty:
            gy = F.matmul(g, x, transpose_x=True, transpose_y=tx)
        else:
            gy = F.matmul(x, g, transpose_x=not tx)
        out = node.outputs[0].type
        if not out.has_rank or out.rank > 2:  # batch axes may have been broadcast
            return F.sum_to_shape_of(gx, x), F.sum_to_shape_of(gy, y)
        return gx, gy

    def samples(self) -> Iterator[Sample]:
        for dtype in SIGNED_NUMBERS:
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


@register
class Transpose(Op):
    """Axes in another order."""

    id = "transpose"
    category = "Matrix"
    keywords = ("swap", "axes", "permute", "T")
    doc = (
        "The tensor with its axes in another order.\n\nAxis i of the result is axis perm[i] of x. "
        "Without perm the order is reversed: rows and columns of a matrix swap."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("perm", "ints", None, "New order of the axes; none reverses.", optional=True),)

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
