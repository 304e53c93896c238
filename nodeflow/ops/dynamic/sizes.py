"""Shape, rank and number of elements of a tensor, as tensors.

They follow from the shape, so nothing is computed (`graph/inference/constant_propagation.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import DTYPES, NUMBERS, TensorType, normalize_axes
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.samples import values

OUT_TYPE = Attr("out_type", "dtype", "int32", "Data type.", choices=("int32", "int64"))


@register
class ShapeOf(Op):
    """The sizes of a tensor."""

    id = "shape"
    category = "Shape"
    keywords = ("sizes", "dimensions", "batch size")
    doc = (
        "The sizes of x, one per axis.\n\nThey, or numbers computed from them, can be connected "
        "to the shape port of other ops. No gradient flows."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (OUT_TYPE,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, kind = types[0], attrs["out_type"]
        if not x.has_rank:
            return TensorType(kind, (None,))
        known = any(d is not None for d in x.shape) or not x.shape
        return TensorType(kind, (x.rank,), tuple(x.shape) if known else None)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Known(np.array(types[0].shape, attrs["out_type"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.array(arrays[0].shape, attrs["out_type"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((0, 3)),), {"out_type": "int64"})
        yield Sample((values(()),))
        yield Sample((values((1, 1)),))


@register
class Rank(Op):
    """The number of axes."""

    id = "rank"
    category = "Shape"
    keywords = ("dimensions", "number of axes", "ndim")
    doc = "The number of axes of x: 0 for a single number, 2 for a matrix.\n\nNo gradient flows."
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType("int32", (), (types[0].rank,) if types[0].has_rank else None)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Known(np.array(types[0].rank, "int32"))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.array(arrays[0].ndim, "int32")

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((0, 3, 1)),))
        yield Sample((values(()),))
        yield Sample((values((1, 1)),))


@register
class Size(Op):
    """The number of elements."""

    id = "size"
    category = "Shape"
    keywords = ("count", "length", "number of elements")
    doc = "The number of elements of x, or along `axis`.\n\nNo gradient flows."
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("axis", "axes", None, "Axis or axes to count along; none: all."),
        Attr("dtype", "dtype", "int32", "Data type.", choices=NUMBERS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, kind = types[0], attrs["dtype"]
        if not x.has_rank:
            return TensorType(kind, ())
        sizes = [x.shape[a] for a in normalize_axes(attrs["axis"], x.rank)]
        count = x.with_shape(sizes).size
        known = None if count is None else known_value(np.asarray(count).astype(kind))
        return TensorType(kind, (), known)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        shape = [types[0].shape[a] for a in normalize_axes(attrs["axis"], types[0].rank)]
        count = np.prod(shape, dtype=np.int64)  # type: ignore[arg-type]
        return lowering.Known(np.asarray(count).astype(attrs["dtype"]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        axes = normalize_axes(attrs["axis"], arrays[0].ndim)
        count = np.prod([arrays[0].shape[a] for a in axes], dtype=np.int64)
        return np.asarray(count).astype(attrs["dtype"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        yield Sample((values((2, 3)),), {"axis": 1, "dtype": "float64"}, smooth=True)
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), {"axis": (0, -1)})
        for dtype in NUMBERS:
            yield Sample((values((2, 3)),), {"dtype": dtype})
        yield Sample((values((0, 3)),), {"dtype": "int64"})
        yield Sample((values(()),))
