"""Gather and scatter by indices of several axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    DTYPES,
    NUMBERS,
    Shape,
    TensorType,
    compatible,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.gradient_helpers import LIKE, Internal
from nodeflow.ops.indexing.slicing import INDICES, check_indices
from nodeflow.ops.indexing.sorting import check_along
from nodeflow.ops.samples import values

WHERE = Port("indices", "Indices: the last axis has one number per axis of x.", INDICES)


def nd_shape(x: TensorType, indices: TensorType, batch: int) -> Shape:
    """Return the shape of the result of ``gather_nd``: slices of x at the indices (..., depth).

    Raises:
        ShapeError: the depth is unknown, 0 or above the rank of x, or the batch axes differ.
    """
    depth = indices.shape[-1] if indices.rank else None
    if depth is None:
        raise ShapeError(
            f"the last size of indices {shape_text(indices.shape)} must be known",
            port="indices",
            hint="It is the number of axes of x that they index.",
        )
    if not depth:
        raise ShapeError("indices without numbers index no axis of x", port="indices")
    rest = x.shape[batch:]
    if batch >= indices.rank or depth > len(rest):
        raise ShapeError(
            f"indices of {depth} numbers for the {len(rest)} axes of {shape_text(x.shape)}",
            port="indices",
        )
    if not compatible(x.shape[:batch], indices.shape[:batch]):
        raise ShapeError(
            f"{shape_text(x.shape)} and {shape_text(indices.shape)} differ in the first {batch} "
            "axes",
            port="indices",
        )
    return (*indices.shape[:-1], *rest[depth:])


def nd_places(shape: tuple[int, ...], indices: np.ndarray, batch: int) -> tuple[np.ndarray, ...]:
    """Convert ``gather_nd`` indices, (..., depth), to a tuple of index arrays for numpy.

    The first ``batch`` axes of the indices are batch axes. An index out of bounds raises an error.
    """
    depth = indices.shape[-1]
    found = []
    for number in range(depth):
        part = indices[..., number].astype(np.int64)
        check_indices(part, shape[batch + number])
        found.append(part)
    grids = np.ogrid[tuple(slice(0, d) for d in indices.shape[:-1])][:batch] if batch else []
    return (*grids, *found)


def numbered(
    x: TensorType, indices: TensorType, batch: int = 0
) -> tuple[lowering.Part, TensorType]:
    """Return an operation that converts ``gather_nd`` indices to row numbers, and the type of x as
    a table (rows, rest...) that they index.

    Args:
        batch: number of leading axes that x and the indices share.
    """
    depth = batch + (indices.shape[-1] or 0)
    sizes = tuple(d or 0 for d in x.shape[:depth])
    count = math.prod(d or 0 for d in indices.shape[:-1])
    core = lowering.NumberRows(sizes[batch:], math.prod(sizes[:batch]))
    part = lowering.Part("rows", core, ("indices",), TensorType("int64", (count,)))
    return part, x.with_shape((math.prod(sizes), *x.shape[depth:]))


def added(out: TensorType, indices: TensorType, batch: int = 0) -> tuple[lowering.Part, ...]:
    """Return the operations that compute ``out``, the gradient of a gather: add the slices ``x`` at
    ``indices`` to zeros.
    """
    rows, flat = numbered(out, indices, batch)
    named = flat.with_shape((rows.type.shape[0], *flat.shape[1:]))
    return (
        rows,
        lowering.Part("flat", lowering.Alias(), ("x",), named),
        lowering.Part("added", lowering.ScatterAdd(0, False), ("flat", "rows"), flat),
        lowering.Part("out", lowering.Alias(), ("added",), out),
    )


@register
class GatherNd(Op):
    """Slices at indices of several axes."""

    id = "gather_nd"
    everyday = False
    category = "Shape"
    keywords = ("index", "lookup", "take", "coordinates", "advanced indexing")
    doc = (
        "The slices of x at indices of several axes.\n\nThe last axis of the indices holds one "
        "number for each of the first axes of x: [[0, 1], [2, 0]] picks two elements of a matrix. "
        "Negative numbers count from the end; a number out of range is an error when run. The "
        "first `batch_dims` axes belong to both tensors. Gradient: added up at the places."
    )
    differentiable = True
    inputs = (Port("x", "Source.", DTYPES), WHERE)
    attrs = (
        Attr("batch_dims", "int", 0, "Number of leading axes that belong to both.", minimum=0),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_shape(nd_shape(types[0], types[1], attrs["batch_dims"]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        if not outs[0].size:
            return None
        rows, flat = numbered(types[0], types[1], attrs["batch_dims"])
        taken = flat.with_shape((rows.type.shape[0], *flat.shape[1:]))
        parts = (
            rows,
            lowering.Part("flat", lowering.Alias(), ("x",), flat),
            lowering.Part("taken", lowering.Gather(0, False), ("flat", "rows"), taken),
            lowering.Part("out", lowering.Alias(), ("taken",), outs[0]),
        )
        return lowering.Composite(("x", "indices"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices = arrays
        return np.array(x[nd_places(x.shape, indices, attrs["batch_dims"])])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, indices = node.inputs
        return F.scatter_nd_like(grads[0], indices, x, **node.attrs), None

    def samples(self) -> Iterator[Sample]:
        pairs = np.array([[2, 0], [-1, 1], [2, 0]])
        for dtype in DTYPES:
            yield Sample((values((3, 4), dtype), pairs), smooth=dtype == "float64")
        for kind in INDICES:
            indices = np.array([[[1], [0]], [[1], [1]]], kind)
            yield Sample((values((2, 3, 4)), indices), smooth=True)
        batched = np.array([[[0, 1]], [[2, -1]]])
        yield Sample((values((2, 3, 4)), batched), {"batch_dims": 1}, smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 1), "int64")), smooth=True)
        yield Sample((values((1,)), np.zeros((1, 1), "int64")), smooth=True)


@register
class ScatterNdLike(Internal):
    """The adjoint of gather_nd: zeros with slices added at indices."""

    id = "scatter_nd_like"
    everyday = False
    doc = "Zeros in the shape of `like`, with the slices of x added at the indices."
    inputs = (Port("x", dtypes=NUMBERS), WHERE, LIKE)
    attrs = GatherNd.attrs

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices, like = types
        shape = nd_shape(like, indices, attrs["batch_dims"])
        if not compatible(x.shape, shape):
            raise ShapeError(f"{shape_text(x.shape)} must be {shape_text(shape)}", port="x")
        return x.with_shape(like.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        if not types[0].size:
            return None
        parts = added(outs[0], types[1], attrs["batch_dims"])
        return lowering.Composite(("x", "indices", "like"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices, like = arrays
        total = np.zeros(like.shape, accumulator(x.dtype.name))
        np.add.at(total, nd_places(like.shape, indices, attrs["batch_dims"]), x)
        return total.astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.gather_nd(grads[0], node.inputs[1], **node.attrs), None, None

    def samples(self) -> Iterator[Sample]:
        pairs = np.array([[2, 0], [-1, 1], [2, 0]])
        for dtype in NUMBERS:
            like = values((3, 4), "bool")
            yield Sample((values((3,), dtype), pairs, like), smooth=dtype == "float64")
        for kind in INDICES:
            arrays = values((2, 4)), np.array([[1], [0]], kind), values((2, 4))
            yield Sample(arrays, smooth=True)
        batched = np.array([[[0, 1]], [[2, -1]]])
        arrays = values((2, 1)), batched, values((2, 3, 4))
        yield Sample(arrays, {"batch_dims": 1}, smooth=True)
        for dtype in DTYPES:
            arrays = values((1,)), np.zeros((1, 1), "int64"), values((1,), dtype)
            yield Sample(arrays, smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 1), "int64"), values((2, 3))), smooth=True)


@register
class ScatterNd(Op):
    """Zeros with slices added at indices."""

    id = "scatter_nd"
    everyday = False
    category = "Shape"
    keywords = ("put", "place", "sparse", "sparse_to_dense", "coordinates", "index_add")
    doc = (
        "Zeros of a shape, with updates added at the indices.\n\nThe last axis of the indices "
        "holds one number for each of the first axes. Updates of the same place add up. Gradient: "
        "the incoming gradient at the places."
    )
    differentiable = True
    inputs = (WHERE, Port("updates", "Slices to add.", NUMBERS))
    attrs = (Attr("shape", "ints", (10,), "Sizes of the result."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        indices, updates = types
        out = updates.with_shape(attrs["shape"])
        shape = nd_shape(out, indices, 0)
        if not compatible(updates.shape, shape):
            raise ShapeError(
                f"updates {shape_text(updates.shape)} must be {shape_text(shape)}", port="updates"
            )
        return out

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        indices, updates = types
        if not updates.size:
            return None
        return lowering.Composite(("indices", "x"), added(outs[0], indices), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        indices, updates = arrays
        total = np.zeros(attrs["shape"], accumulator(updates.dtype.name))
        np.add.at(total, nd_places(attrs["shape"], indices, 0), updates)
        return total.astype(updates.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return None, F.gather_nd(grads[0], node.inputs[0])

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = np.array([[4], [3], [-1], [4]]), values((4,), dtype)
            yield Sample(arrays, {"shape": (6,)}, smooth=dtype == "float64")
        for kind in INDICES:
            arrays = np.array([[0], [2]], kind), values((2, 4))
            yield Sample(arrays, {"shape": (3, 4)}, smooth=True)
        yield Sample((np.array([[0, 1], [2, 3]]), values((2,))), {"shape": (3, 4)}, smooth=True)
        yield Sample((np.zeros((0, 1), "int64"), values((0, 3))), {"shape": (2, 3)}, smooth=True)
        yield Sample((np.zeros((1, 1), "int64"), values((1,))), {"shape": (1,)}, smooth=True)


_MODES = {
    "update": None, "add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum,
}  # fmt: skip
MODE = Attr("mode", "choice", "update", "Operation at the places.", choices=tuple(_MODES))


class Scatter(Op):
    """The base class of ops that change a tensor at places given by indices."""

    category = "Shape"
    differentiable = True

    def places(self, x: np.ndarray, indices: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        """Return the places in the form that numpy takes."""
        raise NotImplementedError

    def taken(self, x: Tensor, indices: Tensor, **attrs: Any) -> Tensor:
        """Return the elements at the places, as a tensor."""
        raise NotImplementedError

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices, updates = arrays
        mode = attrs.pop("mode")
        out = x.copy()
        combine = _MODES[mode]
        if combine is None:
            out[self.places(x, indices, **attrs)] = updates
        elif x.dtype == bool:
            raise RunError(f"mode {mode} is for numbers", port="x", hint="Use update.")
        else:
            with np.errstate(all="ignore"):
                combine.at(out, self.places(x, indices, **attrs), updates)
        return out

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, out, attrs = grads[0], node.outputs[0], dict(node.attrs)
        x, indices, updates = node.inputs
        mode = attrs.pop("mode")
        there = self.taken(g, indices, **attrs)
        if mode == "update":
            zeros = F.zeros_like(updates)
            return node.op.apply_to(g, indices, zeros, mode="update", **attrs), None, there
        if mode == "add":
            return g, None, there
        if mode == "multiply":
            ones = F.ones_like(x)
            factor = node.op.apply_to(ones, indices, updates, mode="multiply", **attrs)
            return g * factor, None, self.taken(g * out, indices, **attrs) / updates
        won = F.equal(updates, self.taken(out, indices, **attrs))
        return F.where(F.equal(x, out), g, 0), None, F.where(won, there, 0)

    def apply_to(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        """Return the result of this op for other tensors."""
        return getattr(F, self.id)(*inputs, **attrs)


_GRADIENT = (
    "Gradient: for update to the updates, and to x elsewhere; for add to both; for multiply times "
    "the other factor, NaN where an update is 0; for max and min to the larger or smaller one. "
    "Places should differ: of two updates of one place the last one counts, but both get the "
    "gradient."
)


@register
class TensorScatter(Scatter):
    """A tensor with slices changed at indices."""

    id = "tensor_scatter"
    everyday = False
    keywords = (
        "scatter_update", "scatter_add", "scatter_max", "scatter_min", "scatter_mul",
        "tensor_scatter_nd_update", "index_put", "put", "at", "set",
    )  # fmt: skip
    doc = (
        "x with updates at the indices, which replace, add to, multiply or limit its slices.\n\n"
        "The last axis of the indices holds one number for each of the first axes of x. Negative "
        f"numbers count from the end. {_GRADIENT}"
    )
    inputs = (
        Port("x", "Tensor to change.", DTYPES, "T"),
        WHERE,
        Port("updates", "Slices.", DTYPES, "T"),
    )
    attrs = (MODE,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices, updates = types
        shape = nd_shape(x, indices, 0)
        if not compatible(updates.shape, shape):
            raise ShapeError(
                f"updates {shape_text(updates.shape)} must be {shape_text(shape)}", port="updates"
            )
        return x

    def places(self, x: np.ndarray, indices: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        return nd_places(x.shape, indices, 0)

    def taken(self, x: Tensor, indices: Tensor, **attrs: Any) -> Tensor:
        return F.gather_nd(x, indices)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        x, indices, updates = types
        mode = attrs["mode"]
        if not updates.size or (x.dtype == "bool" and mode != "update"):
            return None
        rows, _ = numbered(x, indices)
        change = lowering.ChangeRows(indices.shape[-1] or 0, mode)
        parts = rows, lowering.Part("out", change, ("x", "rows", "updates"), outs[0])
        return lowering.Composite(("x", "indices", "updates"), parts, ("out",))

    def samples(self) -> Iterator[Sample]:
        pairs = np.array([[2, 0], [-1, 1]])
        for dtype in DTYPES:
            arrays = values((3, 4), dtype), pairs, values((2,), dtype, start=20)
            yield Sample(arrays, smooth=dtype == "float64")
        for mode in _MODES:
            arrays = values((3, 4)), np.array([[2], [0]], "int32"), values((2, 4), start=20)
            yield Sample(arrays, {"mode": mode}, smooth=True)
        arrays = values((3, 4)), np.array([[2]], "uint8"), values((1, 4))
        yield Sample(arrays, smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 1), "int64"), values((0, 3))), smooth=True)
        yield Sample((values((1,)), np.zeros((1, 1), "int64"), values((1,), start=5)), smooth=True)


@register
class PutAlongAxis(Scatter):
    """A tensor with elements of each row changed."""

    id = "put_along_axis"
    everyday = False
    keywords = ("scatter", "scatter_elements", "index", "set", "scatter_add", "scatter_reduce")
    doc = (
        "x with updates at the indices of each row, which replace, add to, multiply or limit "
        "elements.\n\nIndices and updates have the same shape, which equals the shape of x except "
        f"along `axis`. Negative indices count from the end. {_GRADIENT}"
    )
    inputs = (
        Port("x", "Tensor to change.", DTYPES, "T"),
        Port("indices", "Indices along the axis.", INDICES),
        Port("updates", "Elements.", DTYPES, "T"),
    )
    attrs = (Attr("axis", "int", -1, "Axis of the indices."), MODE)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices, updates = types
        check_along(x, indices, attrs["axis"])
        if not compatible(updates.shape, indices.shape):
            raise ShapeError(
                f"updates {shape_text(updates.shape)} must be {shape_text(indices.shape)}",
                port="updates",
            )
        return x

    def places(self, x: np.ndarray, indices: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        axis = normalize_axis(attrs["axis"], x.ndim)
        check_indices(indices, x.shape[axis])
        found = list(np.ogrid[tuple(slice(0, d) for d in indices.shape)])
        found[axis] = indices.astype(np.int64)
        return tuple(found)

    def taken(self, x: Tensor, indices: Tensor, **attrs: Any) -> Tensor:
        return F.take_along_axis(x, indices, axis=attrs["axis"])

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            indices = np.array([[2, 0], [-1, 1]])
            arrays = values((2, 3), dtype), indices, values((2, 2), dtype, start=20)
            yield Sample(arrays, smooth=dtype == "float64")
        for mode in _MODES:
            arrays = values((4, 3)), np.array([[3, 0, 1]], "int32"), values((1, 3), start=20)
            yield Sample(arrays, {"axis": 0, "mode": mode}, smooth=True)
        yield Sample((values((2, 3)), np.array([[2], [1]], "uint8"), values((2, 1))), smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 2), "int64"), values((0, 2))), smooth=True)
        yield Sample((values((1,)), np.zeros(1, "int64"), values((1,), start=5)), smooth=True)
