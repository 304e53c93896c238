"""The rows of a table that a step looked up, for optimizers that skip the other rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, TensorType, normalize_axis
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.gradient_helpers import LIKE, Internal
from nodeflow.ops.indexing.slicing import INDICES, check_indices
from nodeflow.ops.samples import values


@register
class TouchedRows(Internal):
    """A mask of the rows that were looked up."""

    id = "touched_rows"
    doc = (
        "True for the rows of `like` at the indices.\n\nThe shape is (rows, 1, ...), which "
        "broadcasts over `like`. Negative indices count from the end."
    )
    differentiable = False
    inputs = (LIKE, Port("indices", "Row numbers.", INDICES, variadic=True))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = types[0].shape
        if not shape:
            raise ShapeError("a scalar has no rows", port="like")
        return TensorType("bool", (*shape[:1], *(1 for _ in shape[1:])))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        names = tuple(f"indices{i}" for i in range(len(types) - 1))
        parts = (lowering.Part("out", lowering.MarkRows(), names, outs[0]),)
        return lowering.Composite(("like", *names), parts, ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        like, *indices = arrays
        marked = np.zeros((len(like), *(1,) * (like.ndim - 1)), bool)
        for each in indices:
            check_indices(each, len(like))
            marked[each.astype(np.int64)] = True
        return marked

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((4, 2), dtype), np.array([2, -4, 2], "int32")))
            yield Sample((values((1, 1), dtype), np.array([0], "int32")))
        for dtype in ("int64", "uint8"):
            indices = np.array([[1, 0], [1, 2]], dtype), np.array([], dtype)
            yield Sample((values((5, 2, 3)), *indices))


def looked_up(gradient: Tensor) -> list[Tensor] | None:
    """Return the indices of the lookups that contribute to a gradient, each once.

    The gradient may be scaled by a number or clipped, as by the functions that clip gradients.
    Return None if other nodes than lookups contribute to it.
    """
    gradient = _scaled(_meant(gradient))
    node = gradient.node
    if node.op.id == "scatter_add_like" and node.inputs[2].type.rank:
        along = normalize_axis(node.attrs["axis"], node.inputs[2].type.rank)
        return None if along else [node.inputs[1]]
    if node.op.id != "add":
        return None
    found: dict[Tensor, None] = {}
    for each in node.inputs:
        indices = looked_up(each)
        if indices is None:
            return None
        found.update(dict.fromkeys(indices))
    return list(found)


def _meant(tensor: Tensor) -> Tensor:
    """Return the tensor that computes the value of an output of a macro node, which stands for
    other nodes derived from it. Return any other tensor unchanged.
    """
    while tensor.node.alias and (target := tensor.node.alias[tensor.index]) is not None:
        tensor = target
    return tensor


def _scaled(tensor: Tensor) -> Tensor:
    """Follow a tensor back through scalings by numbers and clippings that keep zeros. Return the
    tensor before them.
    """
    while (before := _before(tensor)) is not None:
        tensor = _meant(before)
    return tensor


def _before(tensor: Tensor) -> Tensor | None:
    """If a tensor is a multiplication or division by one number, or a clipping whose range includes
    0, return the tensor that is scaled or clipped. Otherwise return None.
    """
    node = tensor.node
    if node.op.id == "clip_by_value" and len(node.inputs) == 1:
        least, most = node.attrs["min"], node.attrs["max"]
        return node.inputs[0] if (least or 0) <= 0 <= (most or 0) else None
    if node.op.id not in ("multiply", "divide"):
        return None
    x, y = node.inputs
    if y.type.has_rank and y.type.size == 1:
        return x
    is_number = node.op.id == "multiply" and x.type.has_rank and x.type.size == 1
    return y if is_number else None
