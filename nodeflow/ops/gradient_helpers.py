"""Ops that take the shape of another tensor, used by gradients and hidden from the palette."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    COMPLEX,
    DTYPES,
    NUMBERS,
    Shape,
    TensorType,
    broadcast_shapes,
    compatible,
    normalize_axis,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.elementwise import Elementwise
from nodeflow.ops.samples import values

LIKE = Port("like", "Only its shape is used.", DTYPES)


class Internal(Op):
    """The base class of hidden ops that take the shape of another tensor."""

    category = "Internal"
    hidden = True
    differentiable = True


def check_adjoint(given: Shape, expected: Shape) -> None:
    """Raise ShapeError unless a gradient has the shape of its tensor."""
    if not compatible(given, expected):
        raise ShapeError(
            f"shape {shape_text(given)} must be {shape_text(expected)}, that of the forward op",
            port="x",
        )


def sum_axes(shape: tuple[int, ...], like: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of ``shape`` along which a tensor of shape ``like`` was broadcast to it."""
    lead = len(shape) - len(like)
    repeated = (i for i in range(lead, len(shape)) if like[i - lead] == 1 != shape[i])
    return (*range(lead), *repeated)


@register
class SumToShapeOf(Internal):
    """The sum of a tensor over the axes along which another tensor was broadcast to its shape."""

    id = "sum_to_shape_of"
    doc = (
        "The sum of x over the axes along which `like` was broadcast to x's shape.\n\nThis is the "
        "adjoint of broadcasting. The result has the shape of `like`."
    )
    inputs = (Port("x", dtypes=NUMBERS), LIKE)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, like = types[0].shape, types[1].shape
        if not compatible(broadcast_shapes(x, like), x):
            raise ShapeError(
                f"{shape_text(like)} does not broadcast to {shape_text(x)}", port="like"
            )
        return types[0].with_shape(like)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        x, like = (t.shape for t in types)
        axes = sum_axes(x, like)  # type: ignore[arg-type]
        return lowering.Reduce("sum", axes) if axes else lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        axes = sum_axes(x.shape, like.shape)
        if not axes:
            return x.copy()
        total = np.sum(x, axis=axes, dtype=accumulator(x.dtype.name))
        return np.asarray(total).astype(x.dtype).reshape(like.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.broadcast_like(grads[0], node.inputs[0]), None

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            like = values((3, 1), dtype)
            yield Sample((values((2, 3, 4), dtype), like), smooth=dtype == "float64")
        yield Sample((values((2, 3)), values(())), smooth=True)
        for dtype in ("bool", *COMPLEX):
            yield Sample((values((2, 3)), values((2, 3), dtype)), smooth=True)
        yield Sample((values((0, 3)), values((1, 3))), smooth=True)
        yield Sample((values((2, 0)), values((2, 1), "int32")), smooth=True)


class BroadcastLike(Elementwise):
    """A tensor broadcast to the shape of another; elementwise, so that the gradient sweep sums
    again.
    """

    hidden = True

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, like = types[0].shape, types[1].shape
        if not compatible(broadcast_shapes(x, like), like):
            raise ShapeError(f"{shape_text(x)} does not broadcast to {shape_text(like)}", port="x")
        return types[0].with_shape(like)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        if np.broadcast_shapes(x.shape, like.shape) != like.shape:
            text = f"{shape_text(x.shape)} does not broadcast to {shape_text(like.shape)}"
            raise RunError(text, port="x")
        return np.broadcast_to(x, like.shape).copy()

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            arrays = values((2, 1), dtype), values((4, 2, 3))
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values(()), values((2, 3), "int32")), smooth=True)
        yield Sample((values((1, 3)), values((0, 3))), smooth=True)
        yield Sample((values(()), values((), "bool")), smooth=True)


REGISTRY.register(
    BroadcastLike(
        "broadcast_like",
        "x repeated to the shape of `like`.",
        lambda x, like: np.broadcast_to(x, like.shape),
        "x",
        ports=(Port("x", dtypes=DTYPES), LIKE),
        gradient=lambda g, x, like, out: (g, None),
        category="Internal",
    )
)


@register
class ReshapeLike(Internal):
    """The elements of x in another tensor's shape."""

    id = "reshape_like"
    doc = "The elements of x in the shape of `like`, which has the same number of elements."
    inputs = (Port("x", dtypes=DTYPES), LIKE)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, like = types
        if x.size is not None and like.size is not None and x.size != like.size:
            raise ShapeError(
                f"{shape_text(x.shape)} has another number of elements than "
                f"{shape_text(like.shape)}",
                port="x",
            )
        return x.with_shape(like.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        if x.size != like.size:
            text = f"{shape_text(x.shape)} does not fit {shape_text(like.shape)}"
            raise RunError(text, port="x")
        return x.reshape(like.shape).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.reshape_like(grads[0], node.inputs[0]), None

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            arrays = values((2, 6), dtype), values((4, 3), "int32")
            yield Sample(arrays, smooth=dtype == "float64")
        yield Sample((values((0, 3)), values((5, 0))), smooth=True)
        yield Sample((values(()), values((1, 1))), smooth=True)


@register
class Positions(Internal):
    """The indices along an axis: 0, 1, 2, ..."""

    id = "positions"
    doc = (
        "The numbers 0, 1, 2, ..., as many as the size of an axis of `like`.\n\nNo gradient flows."
    )
    inputs = (LIKE,)
    attrs = (
        Attr("axis", "int", 0, "Axis of like."),
        Attr("dtype", "dtype", "int64", "Data type.", choices=NUMBERS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        axis = normalize_axis(attrs["axis"], types[0].rank)
        return TensorType(attrs["dtype"], (types[0].shape[axis],))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        count = outs[0].shape[0] or 0
        return lowering.Known(np.arange(count).astype(numpy_dtype(attrs["dtype"])))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        count = arrays[0].shape[attrs["axis"]]
        return np.arange(count).astype(numpy_dtype(attrs["dtype"]))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"axis": -1})
        for dtype in NUMBERS:
            yield Sample((values((2, 3)),), {"dtype": dtype}, smooth=dtype == "float64")
        yield Sample((values((0, 3), "bool"),), {"dtype": "float32"})
        yield Sample((values((1, 1)),))
