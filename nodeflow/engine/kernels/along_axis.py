"""Kernels along an axis: elements taken and added by indices of the rows' own; running sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from nodeflow.engine.kernels import cumsum
from nodeflow.engine.kernels.copies import At, Call
from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.graph.types import TensorType, normalize_axis, numpy_dtype
from nodeflow.ops.lowering import AddAlong, RunningSum, TakeAlong

Along = TakeAlong | AddAlong | RunningSum
_BYTES = {1: "uint8", 4: "int32", 8: "int64"}


def call(lowering: Along, types: Sequence[TensorType]) -> Call:
    """The kernel call; ``types`` are those of x, of the indices if any, and of the output."""
    if isinstance(lowering, RunningSum):
        return cumsum.call(lowering, types)
    x, indices, out = types
    axis = normalize_axis(lowering.axis, indices.rank)
    sizes = [d or 0 for d in indices.shape]
    outer, m, inner = math.prod(sizes[:axis]), sizes[axis], math.prod(sizes[axis + 1 :])
    n = (x if isinstance(lowering, TakeAlong) else out).shape[axis] or 0
    args = (outer, n, m, inner, At(0), At(1), At(2))
    if isinstance(lowering, TakeAlong):
        source = take_source(numpy_dtype(x.dtype).itemsize, indices.dtype)
        return Call(source, args, outer * m, outer * m * inner * 1.5)
    source = add_source(x.dtype, indices.dtype)
    return Call(source, args, outer * inner, outer * inner * (n * 0.5 + m * 2.0))


@cache
def take_source(size: int, index: str) -> str:
    """Args: outer, n, m, inner, x (outer, n, inner), indices and out (outer, m, inner)."""
    name, at = f"np.{_BYTES[size]}", numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, store
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    outer, n, m, inner = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    first, end = outer * m * task // ntasks, outer * m * (task + 1) // ntasks
    above = first // max(m, 1)
    next_above = (above + 1) * m
    for row in range(first, end):
        if row == next_above:
            above += 1
            next_above += m
        for aside in range(inner):
            unit = row * inner + aside
            place = np.int64(load(indices + {at} * unit, np.{index}))
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                at = (above * n + place) * inner + aside
                store(target + {size} * unit, load(source + {size} * at, {name}))
"""


@cache
def add_source(dtype: str, index: str) -> str:
    """Args: outer, n, m, inner, x and indices (outer, m, inner), out (outer, n, inner).

    A unit is one row of the output, to which indices are added in order.
    """
    size, name, at = numpy_dtype(dtype).itemsize, numpy_name(dtype), numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, store
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    outer, n, m, inner = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    units = outer * inner
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // inner
        aside = unit - above * inner
        first = target + {size} * (above * n * inner + aside)
        for k in range(n):
            store(first + {size} * k * inner, {name}(0))
        for k in range(m):
            at = (above * m + k) * inner + aside
            place = np.int64(load(indices + {at} * at, np.{index}))
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                to = first + {size} * place * inner
                added = load(source + {size} * at, {name})
                store(to, {name}(load(to, {name}) + added))
"""
