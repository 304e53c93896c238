"""Constant propagation: sizes that ops take as tensors, as far as they follow from types.

``shape(x)`` of a float tensor (?, 784) is an integer tensor. Its second element is known while the
graph is built, and both are known once a run has fed x. Ops that move such integers, calculate with
them or reduce them keep the known elements in `TensorType.value`. So ``reshape(x, [shape(x)[0], 28
* 28])`` has the type (?, 784). A run knows all shapes, so it computes none of these nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import TensorType, numpy_dtype

MOST = 64
"""The maximum number of elements whose values are tracked. Shapes are short."""

MOVES: dict[str, int] = {
    "identity": 1, "stop_gradient": 1, "cast": 1, "squeeze": 1, "expand_dims": 1, "transpose": 1,
    "broadcast_to": 1, "tile": 1, "reshape": 1, "slice": 1, "strided_slice": 1, "gather": 1,
    "split": 1, "unstack": 1, "reverse": 1, "flatten": 1, "concat": 99, "stack": 99,
}  # fmt: skip
"""Ops whose results are elements of their first inputs, with the number of these inputs."""
ELEMENTWISE = frozenset(
    "add subtract multiply floor_divide modulo maximum minimum negative abs square sign".split()
)
REDUCTIONS = frozenset("reduce_sum reduce_prod reduce_max reduce_min".split())
WHOLE = frozenset("range fill zeros_like ones_like".split())
"""Ops that are tracked only if all their inputs are known."""


def known_value(array: np.ndarray) -> tuple[int, ...] | None:
    """Return the elements of an array if they are few integers, as `TensorType.value`; else
    None.
    """
    if array.dtype.kind not in "iu" or array.size > MOST:
        return None
    return tuple(array.ravel().tolist())


def with_values(
    op: NodeDeclaration,
    types: Sequence[TensorType],
    attrs: Mapping[str, Any],
    outs: tuple[TensorType, ...],
) -> tuple[TensorType, ...]:
    """Return the output types of a node. Small integer outputs include their element values if
    these can be computed from the inputs.
    """
    found = _values(op, types, attrs, outs)
    if found is None:
        return tuple(t.with_value(None) if any(t is u for u in types) else t for t in outs)
    return tuple(t.with_value(v) for t, v in zip(outs, found, strict=True))


def _values(
    op: Any, types: Sequence[TensorType], attrs: Mapping[str, Any], outs: Sequence[TensorType]
) -> list[tuple[int | None, ...] | None] | None:
    moved = len(types) if op.id in ELEMENTWISE or op.id in REDUCTIONS else MOVES.get(op.id, 0)
    moved = min(moved, len(types))
    if not all(map(_is_small, outs)) or (not moved and op.id not in WHOLE):
        return None
    if not all(map(_is_small, types)) or any(t.array is None for t in types[moved:]):
        return None
    rest = [t.array for t in types[moved:]]
    known = [(None,) * (t.size or 0) if t.value is None else t.value for t in types[:moved]]
    pairs = list(zip(types, known, strict=False))
    numbers = [_array(t, [1 if v is None else v for v in value]) for t, value in pairs]
    masks = [_array(t, [v is None for v in value]) for t, value in pairs]
    try:
        with np.errstate(all="ignore"):
            results = _listed(op.reference(*numbers, *rest, **attrs))
            unknown = _unknown(op, masks, rest, attrs, results)
    except NodeflowError:
        return None  # a run that gets here fails
    return [_known(*pair) for pair in zip(results, unknown, strict=True)]


def _is_small(type_: TensorType) -> bool:
    """Return whether a type has integers, and few enough that their values are propagated during
    type inference.
    """
    size = type_.size if type_.is_static else None
    return size is not None and size <= MOST and numpy_dtype(type_.dtype).kind in "iu"


def _known(result: np.ndarray, unknown: np.ndarray) -> tuple[int | None, ...] | None:
    """Return the elements of a result as a tuple, with None for each unknown element. Return None
    if no element is known.
    """
    if unknown.size and unknown.all():
        return None
    return tuple(
        None if hidden else int(number)
        for number, hidden in zip(result.ravel(), unknown.ravel(), strict=True)
    )


def _unknown(
    op: Any,
    masks: Sequence[np.ndarray],
    rest: Sequence[Any],
    attrs: Mapping[str, Any],
    results: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Return for each result of a node an array of the same shape that is nonzero where an element
    depends on an unknown element. ``masks`` are such arrays for the inputs.
    """
    if op.id in MOVES:
        return _listed(op.reference(*masks, *rest, **attrs))
    if op.id in REDUCTIONS:
        axis = attrs["axis"]
        return [np.asarray(masks[0].any(axis=axis, keepdims=attrs["keepdims"]))]
    whole = np.zeros(results[0].shape, bool)
    for mask in masks:
        whole |= mask != 0
    return [whole]


def _array(type_: TensorType, elements: Sequence[int | bool]) -> np.ndarray:
    return np.array(elements, numpy_dtype(type_.dtype)).reshape(type_.shape)  # type: ignore[arg-type]


def _listed(result: Any) -> list[np.ndarray]:
    parts = result if isinstance(result, (list, tuple)) else [result]
    return [np.asarray(part) for part in parts]
