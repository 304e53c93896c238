"""Sorting values without their indices, by numpy's vector sort.

Of equal floats only zeros and NaN differ: those are put in order afterwards, so that every
processor's instructions give the same bits. Without numpy's sort, floats are sorted as integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log2, prod

from nodeflow.engine.devicelib.numpy_sort import sort_address
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, UNSIGNED_INTEGERS, TensorType, numpy_dtype
from nodeflow.ops.lowering import SortValues


@handles(SortValues)
class SortValuesKernel(CallKernel[SortValues]):
    """Elements of each row in order; a task sorts whole rows, by numpy's own sort."""

    label = "sort values"

    def calls(self, lowering: SortValues, types: Sequence[TensorType]) -> list[KernelCall]:
        x = types[0]
        *shape, n = sizes_of(x)
        rows = prod(shape)
        address = sort_address(x.dtype)
        source = values_source(x.dtype, lowering.descending, address != 0)
        work = rows * n * (0.5 + 0.12 * log2(max(n, 1)) * (1 if address else 10))
        return [KernelCall(source, (rows, n, address, Array(0), Array(1)), rows, work)]


def integer_of(dtype: str) -> str:
    """The integers that elements of a dtype are sorted as."""
    return f"int{8 * numpy_dtype(dtype).itemsize}" if dtype in FLOATS else dtype


_HEAP_SORT = """\
        for top in range(n // 2 - 1, -n, -1):
            end = n if top >= 0 else n + top
            root = max(top, 0)
            if top < 0:
                y[0], y[end] = y[end], y[0]
            child = 2 * root + 1
            while child < end:
                if child + 1 < end and y[child] < y[child + 1]:
                    child += 1
                if y[root] >= y[child]:
                    break
                y[root], y[child] = y[child], y[root]
                root = child
                child = 2 * root + 1
"""


_NAN_LAST = """\
        if found_nan != 0:
            i = n - 1
            while i >= 0 and bit_and(y[i], HIGHEST) > INFINITY:
                y[i] = NAN
                i -= 1
"""
_NAN_FIRST = """\
        if found_nan != 0:
            i = n - 1
            while i >= 0 and bit_and(y[i], HIGHEST) > INFINITY:
                i -= 1
            others = i + 1
            while i >= 0:
                y[i + n - others] = y[i]
                i -= 1
            for i in range(n - others):
                y[i] = NAN
"""


def _floats_source(dtype: str, descending: bool) -> str:
    """`values_source` of floats by numpy. Descending, they are sorted with the other sign.

    Zeros of one sign are counted before, since minima and maxima of vectors take one for another.
    """
    size, key, name = numpy_dtype(dtype).itemsize, f"np.{integer_of(dtype)}", f"np.{dtype}"
    highest, infinity, nan = _patterns(size)
    count = f"np.uint{8 * size}"
    turned = "bit_xor({}, LOWEST)" if descending else "{}"
    decoded = f"""\
        for i in range(n):
            y[i] = {turned.format("y[i]")}
"""
    return f"""import numpy as np
from nodeflow.engine.devicelib.arithmetic import bit_and, bit_or, bit_xor, wrap_add
from nodeflow.engine.devicelib.intrinsics import slot, view1
from nodeflow.engine.devicelib.vector_sort import sort_at

LOWEST, HIGHEST, ZERO = {key}({-highest - 1}), {key}({highest}), {key}(0)
INFINITY, NAN = {key}({infinity}), {key}({nan})


def kernel(args, task, ntasks):
    rows, n, source, target = slot(args, 0), slot(args, 1), slot(args, 3), slot(args, 4)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        x = view1(source + {size} * (row * n), n, {key})
        y = view1(target + {size} * (row * n), n, {key})
        values = view1(target + {size} * (row * n), n, {name})
        negative, found_nan = {count}(0), {key}(0)
        for i in range(n):
            key = {turned.format("x[i]")}
            y[i] = key
            negative = wrap_add(negative, {count}(key == LOWEST))
            found_nan = bit_or(found_nan, {key}(bit_and(key, HIGHEST) > INFINITY))
        sort_at(slot(args, 2), target + {size} * (row * n), n)
        if negative != 0:
            first, last = np.int64(0), n
            while first < last:
                middle = (first + last) // 2
                if values[middle] < 0:
                    first = middle + 1
                else:
                    last = middle
            while last < n and values[last] == 0:
                last += 1
            for i in range(first, last):
                y[i] = LOWEST if i < first + np.int64(negative) else ZERO
{decoded if descending else ""}{_NAN_FIRST if descending else _NAN_LAST}"""


def _patterns(size: int) -> tuple[int, int, int]:
    """Of floats of ``size`` bytes: the bits below the sign, those of infinity, those of NaN."""
    infinity = 0x7FF << 52 if size == 8 else 0xFF << 23
    return (1 << (8 * size - 1)) - 1, infinity, infinity | (1 << (51 if size == 8 else 22))


@cache
def values_source(dtype: str, descending: bool, by_numpy: bool) -> str:
    """Args: rows, n, `sort_address`, x and out (rows, n).

    Of a float, the bits below its sign turn round where that is set, and NaN is the largest number:
    so -0 comes before 0, on every processor.
    """
    if by_numpy and dtype in FLOATS:
        return _floats_source(dtype, descending)
    size, key = numpy_dtype(dtype).itemsize, f"np.{integer_of(dtype)}"
    bits = 8 * size
    highest, infinity, nan = _patterns(size)
    every = (1 << bits) - 1 if dtype in UNSIGNED_INTEGERS else -1
    turned = numbers = flipped = ""
    if dtype in FLOATS:
        turned = """
            key = bit_xor(key, bit_and(shift_right(key, BITS), HIGHEST))"""
        numbers = """
            key = select(bit_and(x[i], HIGHEST) > INFINITY, NAN, key)"""
    if descending:
        flipped = """
            key = bit_xor(key, ALL)"""
    constants = {
        "BITS": bits - 1,
        "HIGHEST": highest,
        "INFINITY": infinity,
        "NAN": nan,
        "ALL": every,
    }
    defined = "".join(
        f"{name} = {key}({value})\n"
        for name, value in constants.items()
        if name in turned + numbers + flipped
    )
    sort = f"        sort_at(slot(args, 2), target + {size} * (row * n), n)\n"
    decoded = f"""\
        for i in range(n):
            key = y[i]{flipped}{turned}
            y[i] = key
"""
    return f"""import numpy as np
from nodeflow.engine.devicelib.arithmetic import bit_and, bit_xor, select, shift_right
from nodeflow.engine.devicelib.intrinsics import slot, view1
from nodeflow.engine.devicelib.vector_sort import sort_at

{defined}

def kernel(args, task, ntasks):
    rows, n, source, target = slot(args, 0), slot(args, 1), slot(args, 3), slot(args, 4)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        x = view1(source + {size} * (row * n), n, {key})
        y = view1(target + {size} * (row * n), n, {key})
        for i in range(n):
            key = x[i]{turned}{numbers}{flipped}
            y[i] = key
{sort if by_numpy else _HEAP_SORT}{decoded if turned or flipped else ""}"""
