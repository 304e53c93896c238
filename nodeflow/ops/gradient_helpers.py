"""Ops that gradients need where a shape is known only at run time; hidden from the palette."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    DTYPES,
    FLOATS,
    NUMBERS,
    Shape,
    TensorType,
    broadcast_shapes,
    compatible,
    normalize_axes,
    normalize_axis,
    numpy_dtype,
    shape_text,
    unify_shapes,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.elementwise import Elementwise
from nodeflow.ops.reduction import accumulator
from nodeflow.ops.runtime_attributes import SIZES, RuntimeAttributes, all_inputs, shape_port
from nodeflow.ops.samples import values
from nodeflow.ops.slicing import (
    INDICES,
    STRIDE_ATTRS,
    STRIDE_PORTS,
    STRIDES,
    check_indices,
    part,
    sliced_shape,
    slices_of,
    unwired,
)

LIKE = Port("like", "Only its shape is used.", DTYPES)


class Internal(Op):
    """Base of the hidden ops that follow the shape of another tensor."""

    category = "Internal"
    hidden = True
    differentiable = True


def check_adjoint(given: Shape, expected: Shape) -> None:
    """Raises ShapeError unless a gradient has the shape of what it is the gradient of."""
    if not compatible(given, expected):
        raise ShapeError(
            f"shape {shape_text(given)} must be {shape_text(expected)}, that of the forward op",
            port="x",
        )


def sum_axes(shape: tuple[int, ...], like: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of ``shape`` along which a tensor of shape ``like`` was broadcast to it."""
    lead = len(shape) - len(like)
    repeated = (i for i in range(lead, len(shape)) if like[i - lead] == 1 != shape[i])
    return (*range(lead), *repeated)


@register
class SumToShapeOf(Internal):
    """Undo broadcasting by summing."""

    id = "sum_to_shape_of"
    doc = (
        "The sum of x over the axes along which `like` was broadcast to x's shape.\n\nThe adjoint "
        "of broadcasting; the result has the shape of `like`."
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
        yield Sample((values((2, 3)), values((2, 3), "bool")), smooth=True)
        yield Sample((values((0, 3)), values((1, 3))), smooth=True)
        yield Sample((values((2, 0)), values((2, 1), "int32")), smooth=True)


class BroadcastLike(Elementwise):
    """Elementwise: the sweep sums its gradient over the broadcast axes."""

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
    doc = "The elements of x in the shape of `like`, which has as many."
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
class Untile(RuntimeAttributes):
    """The adjoint of tile."""

    id = "untile"
    category = "Internal"
    hidden = True
    differentiable = True
    doc = "The sum over the copies that tile made of `like`."
    runtime = ("multiples",)
    inputs = (Port("x", dtypes=NUMBERS), LIKE, shape_port("multiples", "As tile's."))
    attrs = (Attr("multiples", "ints", (1,), "How often tile repeated each axis."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        tiled = REGISTRY.lookup("tile").infer_known(types[1], **attrs)  # type: ignore[attr-defined]
        check_adjoint(types[0].shape, tiled.shape)
        return types[0].with_shape(types[1].shape)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        pairs = zip(attrs["multiples"], types[1].shape, strict=True)
        apart = types[0].with_shape(size for pair in pairs for size in pair)
        copies = tuple(range(0, apart.rank, 2))
        parts = (
            lowering.Part("apart", lowering.Alias(), ("x",), apart),
            lowering.Part("out", lowering.Reduce("sum", copies), ("apart",), outs[0]),
        )
        return lowering.Composite(("x", "like"), parts, ("out",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        pairs = [n for pair in zip(attrs["multiples"], like.shape, strict=True) for n in pair]
        copies = tuple(range(0, len(pairs), 2))
        total = np.sum(x.reshape(pairs), axis=copies, dtype=accumulator(x.dtype.name))
        return np.asarray(total).astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        multiples = node.inputs[2:]
        if multiples:
            return all_inputs(node, F.tile(grads[0], multiples[0]))
        return F.tile(grads[0], multiples=node.attrs["multiples"]), None

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = values((6, 6), dtype), values((2, 3), "bool")
            yield Sample(arrays, {"multiples": (3, 2)}, smooth=dtype == "float64")
        for dtype in SIZES:
            yield Sample((values((6, 6)), values((2, 3)), np.array([3, 2], dtype)), smooth=True)
        yield Sample((values((2, 0)), values((2, 3))), {"multiples": (1, 0)}, smooth=True)
        yield Sample((values(()), values(())), {"multiples": ()}, smooth=True)


@register
class PlaceSlice(RuntimeAttributes):
    """The adjoint of strided_slice."""

    id = "place_slice"
    category = "Internal"
    hidden = True
    differentiable = True
    doc = "Zeros in the shape of `like`, with x put where the slices begin:end:strides choose."
    runtime = STRIDES
    inputs = (Port("x", dtypes=DTYPES), LIKE, *STRIDE_PORTS)
    attrs = STRIDE_ATTRS

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_adjoint(types[0].shape, sliced_shape(types[1], attrs).shape)
        return types[0].with_shape(types[1].shape)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        sizes, offset, strides = lowering.slice_layout(types[1].shape, slices_of(**attrs))
        own = lowering.strides_of(sizes)
        copy = lowering.Copy((lowering.Block(sizes, 0, own, offset, strides),), fill=0)
        parts = (lowering.Part("out", copy, ("x",), outs[0]),)
        return lowering.Composite(("x", "like"), parts, ("out",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        result = np.zeros(like.shape, x.dtype)
        result[slices_of(**attrs)] = x
        return result

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        bounds = node.inputs[2:]
        return all_inputs(node, F.strided_slice(grads[0], *bounds, **unwired(node.attrs, bounds)))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"begin": (-2, 0), "end": (None, -1), "strides": (1, 2)}
            arrays = values((2, 2), dtype), values((3, 4), "int32")
            yield Sample(arrays, attrs, smooth=dtype == "float64")
        for dtype in SIZES:
            bounds = [np.array(b, dtype) for b in ([-2, 0], [3, -1], [1, 2])]
            yield Sample((values((2, 2)), values((3, 4)), *bounds), smooth=True)
        arrays = values((1, 4)), values((3, 4))
        yield Sample(arrays, {"begin": (2,), "end": (1,), "strides": (-1,)}, smooth=True)
        yield Sample((values((0, 4)), values((3, 4))), {"begin": (3,), "end": (None,)}, smooth=True)
        yield Sample((values((1, 1)), values((2, 1))), {"begin": (1,), "end": (2,)}, smooth=True)


@register
class PartOfConcat(Internal):
    """The adjoint of concat."""

    id = "part_of_concat"
    doc = "The part of x that belongs to the index-th of the tensors that concat joined."
    inputs = (Port("x", dtypes=DTYPES), Port("like", "What concat joined.", DTYPES, variadic=True))
    attrs = (
        Attr("axis", "int", 0, "Axis they were joined along."),
        Attr("index", "int", 0, "Which part."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        joined = REGISTRY.lookup("concat").infer(*types[1:], axis=attrs["axis"])
        assert isinstance(joined, TensorType)
        check_adjoint(types[0].shape, joined.shape)
        if not 0 <= attrs["index"] < len(types) - 1:
            raise AttributeProblem(f"there is no part {attrs['index']}", port="index")
        return types[0].with_shape(types[1 + attrs["index"]].shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis, index = attrs["axis"], attrs["index"]
        sizes = [t.shape[axis] or 0 for t in types[1:]]
        key = [slice(None)] * types[0].rank
        key[axis] = slice(sum(sizes[:index]), sum(sizes[: index + 1]))
        names = tuple(f"like{i}" for i in range(len(sizes)))
        parts = (lowering.Part("out", part(types[0], key), ("x",), outs[0]),)
        return lowering.Composite(("x", *names), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        axis, index = attrs["axis"], attrs["index"]
        sizes = [a.shape[axis] for a in arrays[1:]]
        key = [slice(None)] * arrays[0].ndim
        key[axis] = slice(sum(sizes[:index]), sum(sizes[: index + 1]))
        return arrays[0][tuple(key)].copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        like, index = node.inputs[1:], node.attrs["index"]
        kind = node.outputs[0].dtype
        parts = [F.cast(F.zeros_like(t), dtype=kind) if t.dtype != kind else F.zeros_like(t)
                 for t in like]  # fmt: skip
        parts[index] = grads[0]
        return [F.concat(parts, axis=node.attrs["axis"]), *(None for _ in like)]

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            like = values((2, 1), dtype), values((2, 4), dtype)
            attrs = {"axis": 1, "index": 1}
            yield Sample((values((2, 5), dtype), *like), attrs, smooth=dtype == "float64")
        yield Sample((values((2, 3)), values((0, 3)), values((2, 3))), {"index": 0}, smooth=True)
        yield Sample((values((1,)), values((1,))), smooth=True)


@register
class ScatterAddLike(Internal):
    """The adjoint of gather."""

    id = "scatter_add_like"
    doc = "Zeros in the shape of `like`, with the slices of x added at the indices along an axis."
    inputs = (Port("x", dtypes=NUMBERS), Port("indices", "Where to add.", INDICES), LIKE)
    attrs = (Attr("axis", "int", 0, "Axis that was gathered from."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        gathered = REGISTRY.lookup("gather").infer(types[2], types[1], axis=attrs["axis"])
        assert isinstance(gathered, TensorType)
        check_adjoint(types[0].shape, gathered.shape)
        return types[0].with_shape(types[2].shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis = normalize_axis(attrs["axis"], types[2].rank)
        parts = (lowering.Part("out", lowering.ScatterAdd(axis), ("x", "indices"), outs[0]),)
        return lowering.Composite(("x", "indices", "like"), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices, like = arrays
        axis = normalize_axis(attrs["axis"], like.ndim)
        check_indices(indices, like.shape[axis])
        result = np.zeros(like.shape, accumulator(x.dtype.name))
        rest = tuple(range(axis)) + tuple(range(axis + indices.ndim, x.ndim))
        rows = np.transpose(x, (*range(axis, axis + indices.ndim), *rest))
        np.add.at(np.moveaxis(result, axis, 0), indices.astype(np.int64), rows)
        return result.astype(x.dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.gather(grads[0], node.inputs[1], axis=node.attrs["axis"]), None, None

    def samples(self) -> Iterator[Sample]:
        indices = np.array([[2, 0], [2, 1]], "int32")
        for dtype in NUMBERS:
            arrays = values((2, 2, 4), dtype), indices, values((3, 4), "bool")
            yield Sample(arrays, smooth=dtype == "float64")
        arrays = values((2, 3, 5)), np.array([3, 0, 3], "int64"), values((2, 4, 5))
        yield Sample(arrays, {"axis": -2}, smooth=True)
        yield Sample((values((0, 4)), np.zeros(0, "int64"), values((3, 4))), smooth=True)
        for dtype in DTYPES:
            indices, like = np.zeros(1, "uint8"), values((1, 2), dtype)
            yield Sample((values((1, 2)), indices, like), smooth=True)


@register
class Positions(Internal):
    """0, 1, 2, ... along an axis."""

    id = "positions"
    doc = "The numbers 0, 1, 2, ... for as long as an axis of `like` is.\n\nNo gradient flows."
    inputs = (LIKE,)
    attrs = (
        Attr("axis", "int", 0, "The axis."),
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


def products_of_others(x: np.ndarray) -> np.ndarray:
    """For each element, the product of the others along the last axis; no division."""
    ones = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def products_so_far(x: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each element the product of those before it, and how that changes along a direction."""
    products, changes = np.ones_like(x), np.zeros_like(x)
    for k in range(x.shape[-1] - 1):
        changes[..., k + 1] = changes[..., k] * x[..., k] + products[..., k] * direction[..., k]
        products[..., k + 1] = products[..., k] * x[..., k]
    return products, changes


def as_rows(x: np.ndarray, axis: Any) -> tuple[np.ndarray, Any]:
    """``x`` with the axes flattened into one last axis, and a function that undoes it."""
    axes = normalize_axes(axis, x.ndim)
    kept = [i for i in range(x.ndim) if i not in axes]
    order = [*kept, *axes]
    moved = np.transpose(x, order)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    rows = moved.reshape(*(x.shape[i] for i in kept), count)
    back = np.argsort(order)
    return rows, lambda r: np.transpose(r.reshape(moved.shape), back).copy()


@register
class ProductOfOthers(Internal):
    """The gradient of a product."""

    id = "product_of_others"
    doc = (
        "For each element of x, the product of all other elements along the axes.\n\nWithout "
        "division, so that it is right where elements are 0."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (Attr("axis", "axes", None, "Axis or axes of the product; none means all."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        work = lowering.OtherProducts()
        return lowering.last_axis(types, outs[0], axes, lambda rows: (work, [rows]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        if not arrays[0].size:
            return arrays[0].copy()
        rows, back = as_rows(arrays[0], attrs["axis"])
        with np.errstate(all="ignore"):
            return back(products_of_others(rows))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        return (F.product_of_others_along(x, grads[0], axis=node.attrs["axis"]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"axis": (0, 2)}, smooth=True)
        yield Sample((np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]),), {"axis": 1})
        yield Sample((values((0, 3)),), {"axis": 1})
        yield Sample((values((1, 1)),), {"axis": 1}, smooth=True)


@register
class ProductOfOthersAlong(Internal):
    """How the products of others change when x moves along a direction."""

    id = "product_of_others_along"
    doc = (
        "How product_of_others(x) changes when x moves along a direction d.\n\nFor element k the "
        "sum over i of d[i] times the product of all but i and k. The third derivative of a "
        "product is taken by division, so it is NaN where an element is 0."
    )
    inputs = (Port("x", dtypes=FLOATS, group="T"), Port("direction", "How x moves.", FLOATS, "T"))
    attrs = (Attr("axis", "axes", None, "Axis or axes of the product; none means all."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0].with_shape(unify_shapes(types[0].shape, types[1].shape))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        work = lowering.OtherProducts(along=True)
        return lowering.last_axis(types, outs[0], axes, lambda rows: (work, [rows, rows]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        if not arrays[0].size:
            return arrays[0].copy()
        x, back = as_rows(arrays[0], attrs["axis"])
        direction, _ = as_rows(arrays[1], attrs["axis"])
        with np.errstate(all="ignore"):
            before, change_before = products_so_far(x, direction)
            after, change_after = products_so_far(x[..., ::-1], direction[..., ::-1])
            after, change_after = after[..., ::-1], change_after[..., ::-1]
            return back(change_before * after + before * change_after)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, direction = node.inputs
        axis = node.attrs["axis"]
        rates = direction / x
        product = F.reduce_prod(x, axis=axis, keepdims=True)
        divided = product * (F.reduce_sum(rates, axis=axis, keepdims=True) - rates) / x
        by_x = gradients(divided, [x], [grads[0]])[0]
        return by_x, F.product_of_others_along(x, grads[0], axis=axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((2, 3), dtype, start=7)
            yield Sample(arrays, {"axis": 1}, smooth=dtype == "float64")
        yield Sample((np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]), values((2, 3))), {"axis": 1})
        yield Sample((values((0, 3)), values((0, 3))), {"axis": 1})
        yield Sample((values((1, 1)), values((1, 1))), {"axis": 1})
