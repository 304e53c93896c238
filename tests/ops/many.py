"""A tensor as a function of one input, at many values of it at once: finite differences want them.

Three fifths of what such graphs compute is elementwise and most of the rest moves or adds up axes:
their references take many arrays as one with an axis in front. Others run array by array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.op import Op
from nodeflow.graph.types import normalize_axes
from nodeflow.ops.elementwise import Elementwise
from tests.ops.evaluate import Arrays, evaluate, resolve, run_reference

AT_ONCE = 64
"""Arrays that are computed together: enough that Python costs little, few enough for memory."""


@dataclass(frozen=True)
class Value:
    """One array, or many with the same shape along the first axis."""

    array: np.ndarray
    many: bool = False

    @property
    def rank(self) -> int:
        return self.array.ndim - self.many

    def row(self, index: int) -> np.ndarray:
        return self.array[index] if self.many else self.array

    def aligned(self, rank: int) -> np.ndarray:
        """The array, or many of this rank with axes of size 1, so that they broadcast."""
        if not self.many:
            return self.array
        count, *shape = self.array.shape
        return self.array.reshape(count, *[1] * (rank - len(shape)), *shape)


def varying(value: Tensor, given: Arrays, x: Tensor) -> Callable[[np.ndarray], np.ndarray]:
    """``value``, a scalar, as a function of arrays for ``x``, along the first axis; what does not
    depend on x is computed once."""
    target = resolve(value)
    moving: set[Tensor] = {x}
    rest: list[tuple[Node, list[Tensor]]] = []
    for node in sorted(ancestors([target.node]), key=lambda n: n.index):
        inputs = [resolve(t) for t in node.inputs]
        if not node.op.macro and any(t in moving for t in inputs):
            moving.update(node.outputs)
            rest.append((node, inputs))
    borders = {t for _, inputs in rest for t in inputs if t not in moving} | {target} - moving
    still = dict(zip(borders, evaluate(list(borders), given), strict=True))
    fixed = {t: Value(array) for t, array in still.items()}

    def function(arrays: np.ndarray) -> np.ndarray:
        parts = [
            scalars(arrays[first : first + AT_ONCE]) for first in range(0, len(arrays), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def scalars(arrays: np.ndarray) -> np.ndarray:
        known = {**fixed, x: Value(arrays, many=True)}
        for node, inputs in rest:
            outputs = run(node, [known[t] for t in inputs], len(arrays))
            known.update(zip(node.outputs, outputs, strict=True))
        return np.broadcast_to(known[target].array, len(arrays))

    return function


def run(node: Node, inputs: Sequence[Value], count: int) -> list[Value]:
    """An op's outputs where some of its inputs are many."""
    op = node.op
    together = _together(node, inputs, count) if inputs[0].many or _is_elementwise(op) else None
    if together is not None:
        return [Value(array, many=True) for array in together]
    rows = [run_reference(op, [v.row(i) for v in inputs], node.attrs) for i in range(count)]
    return [Value(np.stack(arrays), many=True) for arrays in zip(*rows, strict=True)]


def _is_elementwise(op: Op) -> bool:
    return isinstance(op, Elementwise) and not op.random


def _together(node: Node, inputs: Sequence[Value], count: int) -> list[np.ndarray] | None:
    """The outputs by one call for all rows; None where no rule says how."""
    op, attrs = node.op, node.attrs
    whole, rank = inputs[0].array, max(v.rank for v in inputs)
    if op.id in ("broadcast_like", "sum_to_shape_of"):  # of `like` only the shape counts
        like = inputs[1].row(0)
        padded = np.empty((count, *[1] * (rank - like.ndim), *like.shape), like.dtype)
        (found,) = run_reference(op, [inputs[0].aligned(rank), padded], attrs)
        return [found.reshape(count, *like.shape)]
    if _is_elementwise(op) or (op.id == "matmul" and min(v.rank for v in inputs) > 1):
        return run_reference(op, [v.aligned(rank) for v in inputs], attrs)
    if op.id in ("expand_dims", "squeeze", "reshape"):
        (row,) = run_reference(op, [v.row(0) for v in inputs], attrs)
        return [whole.reshape(count, *row.shape)]
    if op.id == "transpose":
        axes = range(rank)[::-1] if attrs["perm"] is None else [a % rank for a in attrs["perm"]]
        return [whole.transpose(0, *(1 + a for a in axes))]
    if op.id in ("reduce_sum", "reduce_mean"):
        axes = tuple(1 + a for a in normalize_axes(attrs["axis"], rank))
        return run_reference(op, [whole], {**attrs, "axis": axes})
    return None
