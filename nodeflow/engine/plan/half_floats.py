"""Half floats in compiled code: widened to float32 before an op, rounded after it.

`graph.reference_evaluation` does the same by reference, so both tiers compute the same. The
conversions are elementwise and fuse with their neighbours, so no array is widened between ops of a
cluster.
Lowerings that only move elements move the 16-bit values.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.graph.graph import Node
from nodeflow.graph.types import HALVES, TensorType
from nodeflow.ops.lowering import (
    Alias,
    Composite,
    Copy,
    Elementwise,
    Gather,
    Loop,
    Lowering,
    Part,
    Permute,
    Pick,
    TakeAlong,
)

_MOVES = (Alias, Gather, Loop, Permute, Pick, TakeAlong)
"""Lowerings that treat elements as bytes, or that plan their inner graphs themselves."""


def lower_half_floats(
    node: Node, types: Sequence[TensorType], outs: Sequence[TensorType]
) -> Lowering | None:
    """Return a lowering that computes a node with half-float inputs or outputs in float32. If the
    node only moves elements, return its plain lowering. Return None if the node has to run by
    reference.
    """
    found = node.op.lower(types, outs, **node.attrs)
    if found is None or _only_moves(found):
        return found
    if not node.op.widens or node.op.random:
        return None
    attrs = dict(node.attrs)
    if attrs.get("dtype") in HALVES:
        attrs["dtype"] = "float32"
    wide, rounded = [_wide(t) for t in types], [_wide(t) for t in outs]
    inner = node.op.lower(wide, rounded, **attrs)
    if inner is None:
        return None
    names = [f"in{i}" for i in range(len(types))]
    results = [f"out{i}" for i in range(len(outs))]
    parts, read = [], []
    for name, type_ in zip(names, types, strict=True):
        if type_.dtype in HALVES:
            widen = Elementwise(f"from_{type_.dtype}(x)", ("x",))
            parts.append(Part(f"wide_{name}", widen, (name,), _wide(type_)))
        read.append(f"wide_{name}" if type_.dtype in HALVES else name)
    written = [
        (f"wide_{name}" if t.dtype in HALVES else name, _wide(t))
        for name, t in zip(results, outs, strict=True)
    ]
    first, *more = written
    parts.append(Part(first[0], inner, tuple(read), first[1], tuple(more)))
    for name, type_ in zip(results, outs, strict=True):
        if type_.dtype in HALVES:
            narrow = Elementwise(f"to_{type_.dtype}(x)", ("x",))
            parts.append(Part(name, narrow, (f"wide_{name}",), type_))
    return Composite(tuple(names), parts, tuple(results))


def _wide(type_: TensorType) -> TensorType:
    return type_.with_dtype("float32") if type_.dtype in HALVES else type_


def _only_moves(lowering: Lowering) -> bool:
    if isinstance(lowering, Composite):
        return all(_only_moves(part.lowering) for part in lowering.parts)
    if isinstance(lowering, Elementwise):
        return (lowering.expression,) == lowering.names
    return isinstance(lowering, _MOVES) or (isinstance(lowering, Copy) and lowering.fill is None)
