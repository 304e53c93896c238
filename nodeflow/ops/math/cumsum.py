"""Running sums along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import COMPLEX, NUMBERS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.samples import special, values

EIGHT = 8
"""Elements that are summed as a tree."""
LONG = 64
"""Smallest row length that is summed in trees."""


def in_eights(dtype: str, shape: Sequence[int], axis: int) -> bool:
    """Return whether to compute a cumulative sum in blocks of eight, by `sums_in_eights`.

    This is faster for long contiguous rows of float32, because a plain loop waits for each
    addition.
    """
    after = shape[axis % len(shape) + 1 :]
    return dtype == "float32" and shape[axis] >= LONG and all(d == 1 for d in after)


def sums_in_eights(x: np.ndarray, axis: int) -> np.ndarray:
    """Return running sums along ``axis`` in float64, eight elements at a time.

    Each sum is the total of the previous groups of eight plus a running sum within its group. The
    latter takes three steps, which add the values 1, 2 and 4 places before.
    """
    rows = np.moveaxis(x, axis, -1)
    *lead, n = rows.shape
    eights = np.full((*lead, -(-n // EIGHT), EIGHT), -0.0)  # -0 changes no sum, not even -0
    eights.reshape(*lead, -1)[..., :n] = rows
    for by in (1, 2, 4):
        eights[..., by:] = eights[..., :-by] + eights[..., by:]
    before = np.full((*eights.shape[:-1], 1), -0.0)
    before[..., 1:, 0] = np.cumsum(eights[..., :-1, -1], axis=-1)
    sums = (before + eights).reshape(*lead, -1)[..., :n]
    return np.moveaxis(sums, -1, axis)


@register
class CumSum(Op):
    """Running sums."""

    id = "cumsum"
    category = "Math"
    keywords = ("cumulative", "running total", "prefix sum", "integral", "scan")
    doc = (
        "The running sums along an axis: each result adds up all elements up to that place.\n\n"
        "`exclusive` leaves the element itself out, so sums start from 0. `reverse` sums from the "
        "end. Integers wrap. Gradient: the running sum from the other end."
    )
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS + COMPLEX),)
    attrs = (
        Attr("axis", "int", 0, "Axis to sum along."),
        Attr("exclusive", "bool", False, "Leave the element itself out."),
        Attr("reverse", "bool", False, "Sum from the end."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axis(attrs["axis"], types[0].rank)
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis = normalize_axis(attrs["axis"], types[0].rank)
        return lowering.Running("sum", axis, attrs["exclusive"], attrs["reverse"])

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, axis = arrays[0], attrs["axis"]
        source = np.flip(x, axis) if attrs["reverse"] else x
        with np.errstate(all="ignore"):
            if in_eights(x.dtype.name, x.shape, axis):
                total = sums_in_eights(source, axis).astype(x.dtype)
            else:
                total = np.cumsum(source, axis, accumulator(x.dtype.name)).astype(x.dtype)
        if attrs["exclusive"]:
            total = np.roll(total, 1, axis)
            np.moveaxis(total, axis, 0)[:1] = 0
            total = total + total.dtype.type(0)  # sums that start from 0 are never -0
        return np.ascontiguousarray(np.flip(total, axis)) if attrs["reverse"] else total

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        attrs = dict(node.attrs)
        return (F.cumsum(grads[0], **{**attrs, "reverse": not attrs["reverse"]}),)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS + COMPLEX:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
        for exclusive in (False, True):
            for reverse in (False, True):
                attrs = {"axis": -2, "exclusive": exclusive, "reverse": reverse}
                yield Sample((values((2, 3, 4)),), attrs, smooth=True)
                yield Sample((values((2, 3), "uint8", 0, 200),), attrs)
        yield Sample((values((0, 3)),), {"exclusive": True}, smooth=True)
        yield Sample((values((1, 1)),), {"exclusive": True}, smooth=True)
        yield Sample((special("float32"),), {"reverse": True})
