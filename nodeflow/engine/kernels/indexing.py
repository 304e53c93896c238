"""Kernels that find elements by indices: gather, scatter, pick; each fails outside the axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.ir.launches import Bound, Region
from nodeflow.engine.kernels.expressions import integer_of_size, numpy_name
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    KernelCall,
    around,
    sizes_of,
)
from nodeflow.engine.kernels.reductions import identity
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Gather, Pick, ScatterAdd

FROM_END = "place = place + n if place < 0 else place"


@handles(Gather)
class GatherKernel(CallKernel[Gather]):
    """Slices along an axis, by their numbers."""

    label = "gather"

    def calls(self, lowering: Gather, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, out = types
        outer, n, inner = around(sizes_of(x), lowering.axis)
        count = indices.size or 0
        wraps = lowering.from_end
        source = gather_source(numpy_dtype(x.dtype).itemsize, indices.dtype, wraps, inner == 1)
        work = (out.size or 0) * 0.3 + outer * count * 3
        args = (outer, n, inner, count, Array(0), Array(1), Array(2))
        return [KernelCall(source, args, outer * count, work)]

    def checks_elements(self, lowering: Gather) -> bool:
        return True


@cache
def gather_source(size: int, index: str, wraps: bool, alone: bool) -> str:
    """Args: outer, n, inner, number of indices, x (outer, n, inner), indices, out.

    ``alone``: inner is 1, which the text says, so that an element takes no loop of its own.
    """
    name = integer_of_size(size)
    at = numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1


def kernel(args, task, ntasks):
    outer, n, count = slot(args, 0), slot(args, 1), slot(args, 3)
    inner = {"np.int64(1)" if alone else "slot(args, 2)"}
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    units = outer * count
    first, end = units * task // ntasks, units * (task + 1) // ntasks
    above = first // max(count, 1)
    while above * count < end:
        for unit in range(max(first, above * count), min(end, above * count + count)):
            place = np.int64(load(indices + {at} * (unit - above * count), np.{index}))
            {FROM_END if wraps else ""}
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                x = view1(source + {size} * ((above * n + place) * inner), inner, {name})
                y = view1(target + {size} * (unit * inner), inner, {name})
                for i in range(inner):
                    y[i] = x[i]
        above += 1
"""


@handles(ScatterAdd)
class ScatterAddKernel(CallKernel[ScatterAdd]):
    """Zeros, and slices added to them."""

    label = "scatter"
    scatters = True

    def calls(self, lowering: ScatterAdd, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, out = types
        outer, n, inner = around(sizes_of(out), lowering.axis)
        count = indices.size or 0
        source = scatter_source(x.dtype, indices.dtype, lowering.from_end, lowering.kind)
        work = (out.size or 0) * 0.1 + (x.size or 0) * 0.5
        units = outer * -(-inner // 64)
        args = (outer, n, inner, count, Array(0), Array(1), Array(2))
        writes = (Region(2, adds=True, clears=True, bound=Bound(1, n)),)
        return [KernelCall(source, args, units, work, writes=writes)]

    def checks_elements(self, lowering: ScatterAdd) -> bool:
        return True


@cache
def scatter_source(dtype: str, index: str, wraps: bool, kind: str) -> str:
    """Args as those of gather. A unit is a tile of 64 columns; indices are taken in order."""
    size, name, at = numpy_dtype(dtype).itemsize, numpy_name(dtype), numpy_dtype(index).itemsize
    start = f"{name}(0)" if kind == "sum" else identity(kind, dtype)
    combined = f"{name}({'y[i] + x[i]' if kind == 'sum' else f'{kind}_of(y[i], x[i])'})"
    used = f"from nodeflow.engine.devicelib.vector_reduce import {kind}_of" if kind != "sum" else ""
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, view1
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE
{used}

def kernel(args, task, ntasks):
    outer, n, inner, count = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    tiles = (inner + 63) // 64
    units = outer * tiles
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        above = unit // tiles
        left = (unit - above * tiles) * 64
        width = min(np.int64(64), inner - left)
        for row in range(n):
            y = view1(target + {size} * ((above * n + row) * inner + left), width, {name})
            for i in range(y.size):
                y[i] = {start}
        for k in range(count):
            place = np.int64(load(indices + {at} * k, np.{index}))
            {FROM_END if wraps else ""}
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                x = view1(source + {size} * ((above * count + k) * inner + left), width, {name})
                y = view1(target + {size} * ((above * n + place) * inner + left), width, {name})
                for i in range(y.size):
                    y[i] = {combined}
"""


@handles(Pick)
class PickKernel(CallKernel[Pick]):
    """One element of each row, by its number."""

    label = "pick"

    def calls(self, lowering: Pick, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, _ = types
        rows, n = indices.size or 0, sizes_of(x)[-1]
        source = pick_source(numpy_dtype(x.dtype).itemsize, indices.dtype)
        return [
            KernelCall(
                source,
                (rows, n, Array(0), Array(1), Array(2)),
                rows,
                rows * 2.0,
            )
        ]

    def checks_elements(self, lowering: Pick) -> bool:
        return True


@cache
def pick_source(size: int, index: str) -> str:
    """Args: rows, n, x (rows, n), indices, out (rows)."""
    name = integer_of_size(size)
    at = numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, store
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE


def kernel(args, task, ntasks):
    rows, n = slot(args, 0), slot(args, 1)
    source, indices, target = slot(args, 2), slot(args, 3), slot(args, 4)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        place = np.int64(load(indices + {at} * row, np.{index}))
        if place < 0 or place >= n:
            set_slot(args, CODE, INDEX_OUT_OF_RANGE)
        else:
            x = load(source + {size} * (row * n + place), {name})
            store(target + {size} * row, x)
"""
