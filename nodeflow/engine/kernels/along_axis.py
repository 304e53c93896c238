"""Kernels that take or add elements along an axis, with separate indices for each row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.ir.launches import Bound, Region
from nodeflow.engine.kernels.expressions import integer_of_size, numpy_name
from nodeflow.engine.kernels.indexing import FROM_END
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, around, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, normalize_axis, numpy_dtype
from nodeflow.ops.lowering import AddAlong, TakeAlong


@handles(TakeAlong)
class TakeAlongKernel(CallKernel[TakeAlong]):
    """The kernel that takes elements of each row by index."""

    label = "take along axis"

    def calls(self, lowering: TakeAlong, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, _ = types
        axis = normalize_axis(lowering.axis, indices.rank)
        outer, m, inner = around(sizes_of(indices), axis)
        source = take_source(numpy_dtype(x.dtype).itemsize, indices.dtype, inner == 1)
        args = (outer, sizes_of(x)[axis], m, inner, *map(Array, range(3)))
        return [KernelCall(source, args, outer * m, outer * m * inner * 1.5)]

    def checks_elements(self, lowering: TakeAlong) -> bool:
        return True


@handles(AddAlong)
class AddAlongKernel(CallKernel[AddAlong]):
    """The kernel that adds elements of each row to zeros, by index."""

    label = "add along axis"
    scatters = True

    def calls(self, lowering: AddAlong, types: Sequence[TensorType]) -> list[KernelCall]:
        x, indices, out = types
        axis = normalize_axis(lowering.axis, indices.rank)
        outer, m, inner = around(sizes_of(indices), axis)
        n = sizes_of(out)[axis]
        args = (outer, n, m, inner, *map(Array, range(3)))
        units = outer * inner
        source = add_source(x.dtype, indices.dtype)
        writes = (Region(2, adds=True, clears=True, bound=Bound(1, n)),)
        return [KernelCall(source, args, units, units * (n * 0.5 + m * 2.0), writes=writes)]

    def checks_elements(self, lowering: AddAlong) -> bool:
        return True


@cache
def take_source(size: int, index: str, alone: bool) -> str:
    """Return the source of a kernel that takes elements at given indices along an axis, with one
    index for each element of the result.

    Kernel arguments: outer, n, m, inner, x (outer, n, inner), indices and out (outer, m, inner).

    Args:
        alone: whether inner is 1. The source then has no loop over inner, so that as many elements
            as possible are fetched from memory at once.
    """
    name, at = integer_of_size(size), numpy_dtype(index).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE
from nodeflow.engine.devicelib.arithmetic import bit_or, select
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot, store


def kernel(args, task, ntasks):
    outer, n, m = slot(args, 0), slot(args, 1), slot(args, 2)
    inner = {"np.int64(1)" if alone else "slot(args, 3)"}
    source, indices, target = slot(args, 4), slot(args, 5), slot(args, 6)
    first, end = outer * m * task // ntasks, outer * m * (task + 1) // ntasks
    missing = np.int32(n == 0 and first < end)
    above = first // max(m, 1)
    while n > 0 and above * m < end:
        for row in range(max(first, above * m), min(end, above * m + m)):
            for aside in range(inner):
                unit = row * inner + aside
                place = np.int64(load(indices + {at} * unit, np.{index}))
                {FROM_END}
                wrong = (place < 0) | (place >= n)
                missing = bit_or(missing, np.int32(wrong))
                place = (above * n + select(wrong, np.int64(0), place)) * inner + aside
                store(target + {size} * unit, load(source + {size} * place, {name}))
        above += 1
    if missing != 0:
        set_slot(args, CODE, INDEX_OUT_OF_RANGE)
"""


@cache
def add_source(dtype: str, index: str) -> str:
    """Return the source of a kernel that adds elements at given indices along an axis of the
    output, the gradient of taking elements.

    A unit of work is one row of the output; elements are added to it in the order of their indices.

    Kernel arguments: outer, n, m, inner, x and indices (outer, m, inner), out (outer, n, inner).
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
            {FROM_END}
            if place < 0 or place >= n:
                set_slot(args, CODE, INDEX_OUT_OF_RANGE)
            else:
                to = first + {size} * place * inner
                added = load(source + {size} * at, {name})
                store(to, {name}(load(to, {name}) + added))
"""
