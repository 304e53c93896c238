"""The search for the positions of values in sorted rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import SearchSorted

AT_ONCE = 16
"""Number of values that are searched side by side, because a step waits for memory and for the
step before.
"""


@handles(SearchSorted)
class SearchSortedKernel(CallKernel[SearchSorted]):
    """The kernel that finds the positions of values in sorted rows. NaN is the largest number.

    The search halves rows without branches, equally often for each value.
    """

    label = "searchsorted"

    def calls(self, lowering: SearchSorted, types: Sequence[TensorType]) -> list[KernelCall]:
        row, values, out = types
        n, m, count = sizes_of(row)[-1], sizes_of(values)[-1], values.size or 0
        source = search_source(row.dtype, out.dtype, lowering.side)
        args = (count // max(m, 1), n, m, *map(Array, range(3)))
        return [KernelCall(source, args, count, count * n.bit_length() * 1.0)]


@cache
def search_source(dtype: str, out: str, side: str) -> str:
    """Return the source of a kernel for searchsorted: it finds where values belong in sorted rows.

    Kernel arguments: rows, n, m, ordered (rows, n), values and places (rows, m).
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    left, right = ("number", "value") if side == "left" else ("value", "number")
    less = f"{left} < {right}"
    if dtype in FLOATS:
        less = f"({less}) | (({right} != {right}) & ({left} == {left}))"
    before = f"({less})" if side == "left" else f"not ({less})"
    return f"""import numpy as np
from nodeflow.engine.devicelib.arithmetic import select
from nodeflow.engine.devicelib.intrinsics import load, local_array, slot, store


def kernel(args, task, ntasks):
    count, n, m = slot(args, 0) * slot(args, 2), slot(args, 1), slot(args, 2)
    ordered, values, target = slot(args, 3), slot(args, 4), slot(args, 5)
    wanted, places = local_array({AT_ONCE}, {name}), local_array({AT_ONCE}, np.int64)
    first, end = count * task // ntasks, count * (task + 1) // ntasks
    while first < end:
        above = first // m
        row, last = ordered + {size} * n * above, min(end, above * m + m) - 1
        for i in range({AT_ONCE}):
            wanted[i] = load(values + {size} * min(first + i, last), {name})
            places[i] = 0
        left = n
        while left > 0:
            half = (left + 1) // 2
            for i in range({AT_ONCE}):
                value, place = wanted[i], places[i]
                number = load(row + {size} * (place + half - 1), {name})
                places[i] = select({before}, place + half, place)
            left -= half
        stop = min(last + 1, first + {AT_ONCE})
        for i in range(stop - first):
            store(target + {numpy_dtype(out).itemsize} * (first + i), np.{out}(places[i]))
        first = stop
"""
