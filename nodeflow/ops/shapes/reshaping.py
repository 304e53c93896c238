"""Ops that change a tensor's shape and keep its elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import DTYPES, Shape, TensorType, normalize_axes, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.runtime_attributes import (
    LATER,
    SIZES,
    RuntimeAttributes,
    all_inputs,
    has_later,
    shape_port,
)
from nodeflow.ops.samples import values


def reshape_back(g: Tensor, x: Tensor) -> Tensor:
    """Reshape ``g`` to the shape of ``x``, which has the same number of elements."""
    if x.type.is_static:
        return F.reshape(g, shape=x.shape)
    return F.reshape_like(g, x)


@register
class Reshape(RuntimeAttributes):
    """A tensor's elements in another shape."""

    id = "reshape"
    category = "Shape"
    keywords = ("flatten", "view", "resize")
    doc = (
        "The same elements, in the same order, in another shape.\n\nOne size may be -1: it "
        "follows from the others. The number of elements must stay the same."
    )
    differentiable = True
    runtime = ("shape",)
    inputs = (Port("x", dtypes=DTYPES), shape_port())
    attrs = (Attr("shape", "ints", (-1,), "New sizes; one may be -1."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, shape = types[0], attrs["shape"]
        if has_later(shape):
            return x.with_shape(self._partly_known(x, shape))
        if any(d < -1 for d in shape) or shape.count(-1) > 1:
            raise AttributeProblem(
                f"{shape_text(shape)} is not a shape to reshape to",
                port="shape",
                hint="Use sizes of 0 or more, and -1 at most once.",
            )
        rest = math.prod(d for d in shape if d != -1)
        if x.size is None:  # the size is a multiple of divisor, or any number if divisor is 0
            return x.with_shape(None if d == -1 else d for d in shape)
        if -1 not in shape and rest == x.size:
            return x.with_shape(shape)
        if -1 in shape and rest and x.size % rest == 0:
            return x.with_shape(x.size // rest if d == -1 else d for d in shape)
        raise ShapeError(
            f"{shape_text(x.shape)} has {x.size} elements and does not fit {shape_text(shape)}",
            port="shape",
            hint="The number of elements must stay the same.",
        )

    def _partly_known(self, x: TensorType, shape: Any) -> Shape:
        """Return the requested shape of a reshaped tensor, with None for sizes that are still
        unknown. If only one size is open, compute it from the size of ``x``.
        """
        if shape is LATER:
            return UNKNOWN
        rest = math.prod(d for d in shape if d is not LATER and d != -1)
        open_ = [d for d in shape if d is LATER or d == -1]
        fits = len(open_) == 1 and x.size is not None and rest and x.size % rest == 0
        found = x.size // rest if fits and x.size is not None else None
        return tuple(found if d is LATER or d == -1 else d for d in shape)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return lowering.Alias()

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        try:
            return self.infer_array(x, attrs["shape"])
        except ShapeError as error:
            raise RunError(error.message, port="x", hint=error.hint) from None

    def infer_array(self, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Reshape after checking the sizes as ``infer`` does."""
        found = self.infer_known(TensorType(x.dtype.name, x.shape), shape=shape)
        return x.reshape([d or 0 for d in found.shape]).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return all_inputs(node, reshape_back(grads[0], node.inputs[0]))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"shape": (3, -1)}, dtype == "float64")
        for dtype in SIZES:
            yield Sample((values((2, 3)), np.array([3, -1], dtype)), smooth=True)
        yield Sample((values((2, 3, 4)),), {"shape": (4, 6)}, smooth=True)
        yield Sample((values((2, 3)),), {"shape": (-1,)}, smooth=True)
        yield Sample((values(()),), {"shape": (1, 1)}, smooth=True)
        yield Sample((values((1, 1)),), {"shape": ()}, smooth=True)
        yield Sample((values((0, 3)),), {"shape": (5, 0)}, smooth=True)
        yield Sample((values((0, 3)),), {"shape": (3, -1)}, smooth=True)


@register
class Flatten(Op):
    """Each row flattened to a vector."""

    id = "flatten"
    category = "Layers"
    keywords = ("reshape", "layer", "ravel", "vector")
    doc = (
        "All axes after the first, merged into one, in the same order.\n\n(rows, 7, 7, 16) gives "
        "(rows, 784). Use it between convolutions and a dense layer."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError(
                "flatten needs rows, not a single number",
                port="x",
                hint="Give it at least one axis, the rows.",
            )
        return x.with_shape((x.shape[0], x.with_shape(x.shape[1:]).size))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        return x.reshape(x.shape[0], math.prod(x.shape[1:])).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (reshape_back(grads[0], node.inputs[0]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((3,)),), smooth=True)
        yield Sample((values((0, 3, 2)),), smooth=True)
        yield Sample((values((2, 0, 3)),), smooth=True)
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class ExpandDims(Op):
    """New axes of size 1."""

    id = "expand_dims"
    category = "Shape"
    keywords = ("new axis", "unsqueeze")
    doc = (
        "The tensor with new axes of size 1.\n\n`axis` is the position of the new axis in the "
        "result: 0 first, -1 last. A list adds several axes."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("axis", "axes", 0, "Positions of the new axes in the result."),)

    def _axes(self, rank: int, axis: Any) -> tuple[int, ...]:
        if axis is None:
            raise AttributeProblem("expand_dims needs an axis", port="axis", hint="Use 0 or -1.")
        count = 1 if isinstance(axis, int) else len(axis)
        return normalize_axes(axis, rank + count)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = list(types[0].shape)
        for axis in self._axes(len(shape), attrs["axis"]):
            shape.insert(axis, 1)
        return types[0].with_shape(shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.expand_dims(arrays[0], self._axes(arrays[0].ndim, attrs["axis"])).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        axis, x = node.attrs["axis"], node.inputs[0].type
        return (F.squeeze(grads[0], axis=self._axes(x.rank, axis) if x.has_rank else axis),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"axis": -1}, dtype == "float64")
        yield Sample((values((2, 3)),), {"axis": (0, 2, -1)}, smooth=True)
        yield Sample((values(()),), {"axis": 0}, smooth=True)
        yield Sample((values((0, 3)),), {"axis": 1}, smooth=True)


@register
class Squeeze(Op):
    """Axes of size 1 removed."""

    id = "squeeze"
    category = "Shape"
    keywords = ("remove axis",)
    doc = (
        "The tensor without axes of size 1.\n\nWithout `axis`, every axis of size 1 is removed. "
        "If a size is known only in a run, the rank of the result is too."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("axis", "axes", None, "Axes to remove; none: all of size 1."),)

    def _axes(self, shape: Shape, axis: Any) -> tuple[int, ...]:
        if axis is None:
            return tuple(i for i, d in enumerate(shape) if d == 1)
        axes = normalize_axes(axis, len(shape))
        for i in axes:
            if shape[i] not in (1, None):
                raise ShapeError(
                    f"axis {i} of {shape_text(shape)} has size {shape[i]}, not 1",
                    port="axis",
                    hint="Only axes of size 1 can be removed.",
                )
        return axes

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if attrs["axis"] is None and not types[0].is_static:
            return types[0].with_shape(UNKNOWN)
        axes = self._axes(types[0].shape, attrs["axis"])
        return types[0].with_shape(d for i, d in enumerate(types[0].shape) if i not in axes)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        try:
            axes = self._axes(arrays[0].shape, attrs["axis"])
        except ShapeError as error:
            raise RunError(error.message, port="x", hint=error.hint) from None
        return np.squeeze(arrays[0], axes).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        axis, x = node.attrs["axis"], node.inputs[0]
        if axis is None and not x.type.is_static:
            return (reshape_back(grads[0], x),)
        axes = self._axes(x.shape, axis) if x.type.has_rank else axis
        return (F.expand_dims(grads[0], axis=axes) if axes != () else grads[0],)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 1, 3), dtype),), {"axis": 1}, dtype == "float64")
        yield Sample((values((1, 2, 1, 3)),), {"axis": (0, -2)}, smooth=True)
        yield Sample((values((1, 2, 1, 3)),), smooth=True)
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((values((0, 1)),), {"axis": 1}, smooth=True)
