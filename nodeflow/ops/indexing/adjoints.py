"""The adjoints of slicing, concatenating and gathering, hidden from the palette."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import DTYPES, NUMBERS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.gradient_helpers import LIKE, Internal, check_adjoint
from nodeflow.ops.indexing.slicing import (
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
from nodeflow.ops.runtime_attributes import SIZES, RuntimeAttributes, all_inputs
from nodeflow.ops.samples import values


@register
class PlaceSlice(RuntimeAttributes):
    """The adjoint of strided_slice: zeros with a slice put in place."""

    id = "place_slice"
    category = "Internal"
    hidden = True
    differentiable = True
    doc = "Zeros in the shape of `like`, with x at the places of the slices begin:end:strides."
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
    """The adjoint of concat: the part of a tensor that came from one input."""

    id = "part_of_concat"
    doc = "The part of x that belongs to the index-th input of concat."
    inputs = (Port("x", dtypes=DTYPES), Port("like", "Inputs of concat.", DTYPES, variadic=True))
    attrs = (
        Attr("axis", "int", 0, "Axis of the concatenation."),
        Attr("index", "int", 0, "Number of the part."),
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
    """The adjoint of gather: zeros with slices added at indices."""

    id = "scatter_add_like"
    doc = "Zeros in the shape of `like`, with the slices of x added at the indices along an axis."
    inputs = (Port("x", dtypes=NUMBERS), Port("indices", "Indices to add at.", INDICES), LIKE)
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
