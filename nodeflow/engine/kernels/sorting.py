"""Sorting: the indices that put each row in order.

Sorting is stable in both directions, and NaN is the largest number. One task sorts a row, so
results are the same for every number of threads. Short rows are sorted by merging, long rows by
digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log2, prod

from nodeflow.engine.kernels.expressions import kernel_text, numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, UNSIGNED_INTEGERS, TensorType, numpy_dtype
from nodeflow.ops.lowering import FEW_LARGEST, Largest, Order

RUN = 16
"""Length of the runs that are sorted by insertion before they are merged."""
LONG = 128
"""Minimum number of elements of a row that is sorted by digits."""


@handles(Order)
class OrderKernel(CallKernel[Order]):
    """The kernel that finds the indices that sort each row."""

    label = "sort"

    def calls(self, lowering: Order, types: Sequence[TensorType]) -> list[KernelCall]:
        x = types[0]
        *shape, n = sizes_of(x) or [1]
        rows = prod(shape)
        by_digits = LONG <= n < 1 << 32
        work = rows * n * (20.0 if by_digits else 4.0 * max(1.0, log2(max(n, 1))))
        text = digits_source if by_digits else order_source
        args = (rows, n, *map(Array, range(len(types))))
        return [KernelCall(text(x.dtype, lowering.descending), args, rows, work)]


@handles(Largest)
class LargestKernel(CallKernel[Largest]):
    """The kernel that finds the indices of the first few elements of each row in its order.

    Most elements of a row are only compared, in vectors, with the last element kept so far.
    """

    label = "largest"

    def calls(self, lowering: Largest, types: Sequence[TensorType]) -> list[KernelCall]:
        x, out = types
        *shape, n = sizes_of(x)
        rows, k = prod(shape), sizes_of(out)[-1]
        work = rows * (n * 0.3 + k * max(1.0, log2(max(n, 1))) * 4.0)
        source = largest_source(x.dtype, lowering.descending)
        return [KernelCall(source, (rows, n, k, Array(0), Array(1)), rows, work)]


def _before(descending: bool, dtype: str, a: str, b: str) -> str:
    """Return a kernel condition, true if a must come before b in a stable sort. It is false for
    equal elements, and NaN comes last in ascending order.
    """
    sign = ">" if descending else "<"
    if dtype not in FLOATS:
        return f"{a} {sign} {b}"
    first, second = (a, b) if descending else (b, a)
    return f"{a} {sign} {b} or ({first} != {first} and {second} == {second})"


COMPARED = 64
"""Number of elements that are compared together with the last element kept."""


@cache
def largest_source(dtype: str, descending: bool) -> str:
    """Return the source of a kernel that finds the indices of the k largest elements of each row
    (the smallest, unless ``descending``).

    Kernel arguments: rows, n, k (at most `FEW_LARGEST`), x, indices (rows, k).
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    earlier = _before(descending, dtype, "value", "kept[place - 1]")
    # For floats the condition is also true for NaN, and if NaN is the last element kept.
    maybe = (
        f"{'not ' if dtype in FLOATS else ''}(part[j] %s last)"
        % ({True: "<=", False: ">="} if dtype in FLOATS else {True: ">", False: "<"})[descending]
    )
    return kernel_text(
        "local_array, slot, view1",
        f"""    rows, n, k, source = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)
    kept = local_array({FEW_LARGEST}, {name})
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        found = view1(slot(args, 4) + 8 * row * k, k, np.int64)
        count = np.int64(0)
        for begin in range(0, n, {COMPARED}):
            part = view1(
                source + {size} * (row * n + begin), min(np.int64({COMPARED}), n - begin), {name}
            )
            any_of = count < k
            if count == k:
                last = kept[k - 1]
                hits = np.int32(0)
                for j in range(part.size):
                    hits = bit_or(hits, np.int32({maybe}))
                any_of = hits != 0
            if any_of:
                for i in range(part.size):
                    value = part[i]
                    place = count
                    if count == k:
                        if not ({earlier.replace("place", "k")}):
                            continue
                        place = k - 1
                    else:
                        count += 1
                    while place > 0 and ({earlier}):
                        kept[place] = kept[place - 1]
                        found[place] = found[place - 1]
                        place -= 1
                    kept[place] = value
                    found[place] = begin + i
""",
        arithmetic="bit_or",
    )


@cache
def order_source(dtype: str, descending: bool) -> str:
    """Return the source of a kernel that computes the indices that sort each row, by merge sort.

    Kernel arguments: rows, n, x, indices, and as many int64 of working memory.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    before = _before(descending, dtype, "right", "left")
    return kernel_text(
        "load, slot, view1",
        f"""    rows, n, source = slot(args, 0), slot(args, 1), slot(args, 2)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        x = view1(source + {size} * row * n, n, {name})
        order = view1(slot(args, 3) + 8 * row * n, n, np.int64)
        other = view1(slot(args, 4) + 8 * row * n, n, np.int64)
        for start in range(0, n, {RUN}):
            for i in range(start, min(start + {RUN}, n)):
                right = x[i]
                j = i
                while j > start:
                    left = x[order[j - 1]]
                    if not ({before}):
                        break
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = i
        width = {RUN}
        turned = 0
        while width < n:
            for start in range(0, n, 2 * width):
                middle = min(start + width, n)
                end = min(start + 2 * width, n)
                i, j, k = start, middle, start
                while i < middle and j < end:
                    left, right = x[order[i]], x[order[j]]
                    if {before}:
                        other[k] = order[j]
                        j += 1
                    else:
                        other[k] = order[i]
                        i += 1
                    k += 1
                while i < middle:
                    other[k] = order[i]
                    i += 1
                    k += 1
                while j < end:
                    other[k] = order[j]
                    j += 1
                    k += 1
            order, other = other, order
            turned = 1 - turned
            width *= 2
        if turned:
            for i in range(n):
                other[i] = order[i]
""",
    )


_SIGNED = {
    "float32": ("f32_bits", "np.int64(f32_bits(value))", (1 << 31) - 1),
    "float64": ("f64_bits", "f64_bits(value)", (1 << 63) - 1),
}
"""For each float dtype, the function that returns the bits, its call, and the largest integer
of that size.
"""


@cache
def digits_source(dtype: str, descending: bool) -> str:
    """Return the kernel source that finds the sorting indices of rows by digits, for n below 2**32.

    Kernel arguments: as for `order_source`.

    A radix sort from the lowest digit of eight bits to the highest (Knuth, The Art of Computer
    Programming, vol. 3, 5.2.5). Each pass keeps the order of equal digits. Elements become integers
    of the same order, and are moved together with their index in one word. Elements of eight bytes
    are sorted by their lower half first.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    sign = 0 if dtype in UNSIGNED_INTEGERS else 1 << 31
    used, bits, largest = _SIGNED.get(dtype, ("", "np.int64(value)", 0))
    floats = f"""
                if number < 0:
                    number ^= {largest}
                if value == 0:
                    number = np.int64(0)
                if value != value:
                    number = np.int64({largest})"""
    return kernel_text(
        "local_array, slot, view1",
        f"""    rows, n, source = slot(args, 0), slot(args, 1), slot(args, 2)
    counts = local_array(1024, np.int64)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        x = view1(source + {size} * row * n, n, {name})
        order = view1(slot(args, 3) + 8 * row * n, n, np.int64)
        other = view1(slot(args, 4) + 8 * row * n, n, np.int64)
        for i in range(n):
            order[i] = i
        turned = 0
        for half in range({max(1, size // 4)}):
            top = {max(1, size // 4) - 1}
            flip = ({sign} if half == top else 0) ^ {0xFFFFFFFF if descending else 0}
            for c in range(1024):
                counts[c] = 0
            for i in range(n):
                index = order[i] & 0xFFFFFFFF
                value = x[index]
                number = {bits}{floats if used else ""}
                key = ((number >> (32 * half)) & 0xFFFFFFFF) ^ flip
                order[i] = (key << 32) | index
                for digit in range(4):
                    c = 256 * digit + ((key >> (8 * digit)) & 255)
                    counts[c] = counts[c] + 1
            for digit in range(4):
                shift = 32 + 8 * digit
                if counts[256 * digit + ((order[0] >> shift) & 255)] < n:
                    before = np.int64(0)
                    for c in range(256 * digit, 256 * digit + 256):
                        count = counts[c]
                        counts[c] = before
                        before += count
                    for i in range(n):
                        word = order[i]
                        c = 256 * digit + ((word >> shift) & 255)
                        place = counts[c]
                        other[place] = word
                        counts[c] = place + 1
                    order, other = other, order
                    turned = 1 - turned
        if turned:
            order, other = other, order
            for i in range(n):
                order[i] = other[i] & 0xFFFFFFFF
        else:
            for i in range(n):
                order[i] = order[i] & 0xFFFFFFFF
""",
        arithmetic=used,
    )
