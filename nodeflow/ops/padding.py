"""The adjoint of borders that repeat elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.gradient_helpers import Internal, check_adjoint
from nodeflow.ops.reduction import accumulator
from nodeflow.ops.samples import values
from nodeflow.ops.shape import PAD_MODES, along_axes, border_sources


@register
class Unpad(Internal):
    """The adjoint of a border that repeats elements."""

    id = "unpad"
    doc = "Each element of x added to that of `like` which pad had put there."
    inputs = (Port("x", dtypes=FLOATS), Port("like", "Only its shape is used.", FLOATS))
    attrs = (
        Attr("paddings", "literal", [[1, 1], [1, 1]], "A pair [before, after] for each axis."),
        Attr("mode", "choice", "reflect", "What the border was made of.", choices=PAD_MODES[1:]),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        padded = REGISTRY.lookup("pad").infer(types[1], value=0, **attrs)
        assert isinstance(padded, TensorType)
        check_adjoint(types[0].shape, padded.shape)
        return types[0].with_shape(types[1].shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        like = [d or 0 for d in types[1].shape]
        sources = border_sources(like, attrs["paddings"], attrs["mode"])
        return along_axes(("x", "like"), lowering.ScatterAdd, types[0], outs[0], sources)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        total = x.astype(accumulator(x.dtype.name))
        pairs = [(int(before), int(after)) for before, after in attrs["paddings"]]
        for axis, index in enumerate(border_sources(like.shape, pairs, attrs["mode"])):
            rows = np.moveaxis(total, axis, 0)
            added = np.zeros((like.shape[axis], *rows.shape[1:]), total.dtype)
            np.add.at(added, index, rows)
            total = np.moveaxis(added, 0, axis)
        return np.ascontiguousarray(total.astype(x.dtype)).reshape(like.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.pad(grads[0], **node.attrs), None

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for mode in PAD_MODES[1:]:
                attrs = {"paddings": [[1, 3], [0, 2]], "mode": mode}
                arrays = values((6, 5), dtype), values((2, 3), dtype)
                yield Sample(arrays, attrs, smooth=dtype == "float64")
        attrs = {"paddings": [[0, 0], [1, 1]]}
        yield Sample((values((0, 5)), values((0, 3))), attrs, smooth=True)
        yield Sample((values(()), values(())), {"paddings": []}, smooth=True)
