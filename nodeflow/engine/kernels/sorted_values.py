"""Sorting of values without their indices, by numpy's vectorised sort or by digits.

Equal floats have equal bits, except for zeros and NaN. These are put in order after numpy's
sort, so that every processor gives the same bits. When sorted by digits, floats are compared as
integers.

A single long row is sorted in pieces, which are then merged. Every task finds where its part of
the result begins in both pieces. Equal elements have equal bits, so no result depends on the
division.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import log2, prod

from nodeflow.engine import processor
from nodeflow.engine.devicelib.numpy_sort import sort_address
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.launches import Region
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, LoweringRule, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.engine.kernels.sorting import LONG
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, UNSIGNED_INTEGERS, TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering, SortValues

SLOW_ON = "znver4"
"""The processor on which numpy's sort takes 2 to 6 times as long with AVX-512 as with AVX2,
because it writes each side of a partition with an instruction that is slow there.
"""
SLOW_FROM = 8192
"""Maximum bytes of a row that numpy sorts as fast as by digits on that processor, because
sorting networks of vectors do most of the work.
"""
HALVED = 1 << 20
"""Minimum number of elements of a single row that is sorted as two halves. Merging four pieces
would take two passes, which cost on two threads what sorting in four gains.
"""
CHUNK = 1 << 14
"""Number of elements that are merged at a time."""
TOGETHER = 2
"""Number of parts of a chunk that are merged side by side, because each step of a part waits
for the step before.
"""


def by_digits(dtype: str, n: int) -> bool:
    """Return whether rows of n elements are sorted by digits (radix sort).

    The result has the same bits as numpy's. numpy has no vector sort for one byte, and for two
    bytes only on newer processors with AVX-512.
    """
    if not LONG <= n < 1 << 32:
        return False
    size, features = numpy_dtype(dtype).itemsize, processor.features()
    if size == 1 or not sort_address(dtype):
        return True
    if size == 2 and "avx2" in features and "avx512vbmi2" not in features:
        return True
    return "avx512f" in features and processor.name() == SLOW_ON and n * size > SLOW_FROM


@dataclass(frozen=True)
class SortPieces(Lowering):
    """Sorted rows, as in `SortValues`, or sorted pieces of ``length`` elements of a single row."""

    descending: bool
    length: int


@dataclass(frozen=True)
class Merge(Lowering):
    """A sorted row, merged from two sorted pieces, the first of ``length`` elements."""

    descending: bool
    length: int


@handles(SortValues)
class SortValuesRule(LoweringRule[SortValues]):
    """The rule that lowers a sort to sorted rows, or to the two halves of a single long row,
    which are then merged.
    """

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: SortValues,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Add the action that sorts. A single long row is sorted in two halves, and a second action
        merges them.

        The sort by digits needs working memory, which is an additional output.
        """
        x = actions.types[inputs[0]]
        *shape, n = sizes_of(x)
        halved = n >= HALVED and prod(shape) == 1
        pieces = SortPieces(lowering.descending, -(-n // 2) if halved else n)
        made = (actions.new_slot(x),) if halved else outputs
        aside = (actions.new_slot(x),) if by_digits(x.dtype, pieces.length) else ()
        actions.add(Action(node, pieces, inputs, (*made, *aside)))
        if halved:
            actions.add(Action(node, Merge(lowering.descending, pieces.length), made, outputs))


@handles(SortPieces)
class SortPiecesKernel(CallKernel[SortPieces]):
    """The kernel that sorts values. A task sorts whole rows, or a piece."""

    label = "sort values"

    def calls(self, lowering: SortPieces, types: Sequence[TensorType]) -> list[KernelCall]:
        x, descending = types[0], lowering.descending
        *shape, n = sizes_of(x)
        size, arrays = numpy_dtype(x.dtype).itemsize, [*map(Array, range(len(types)))]
        if lowering.length == n:
            return [_call(x.dtype, descending, prod(shape), n, arrays)]
        found = []
        for first in range(0, n, lowering.length):
            count = min(lowering.length, n - first)
            there = [replace(array, offset=size * first) for array in arrays]
            regions = [Region(number, first, (count,), (1,)) for number in range(1, len(types))]
            call = _call(x.dtype, descending, 1, count, there)
            found.append(replace(call, writes=tuple(regions)))
        return found


def _call(dtype: str, descending: bool, rows: int, n: int, arrays: Sequence[Array]) -> KernelCall:
    """Return a kernel call that sorts each row of the first array and writes it to the second.

    ``arrays``: a third array, if there is one, is working memory for the sort by digits.
    """
    if len(arrays) > 2:
        source = digits_source(dtype, descending)
        work = rows * n * (1.0 + 1.5 * numpy_dtype(dtype).itemsize)
        return KernelCall(source, (rows, n, *arrays), rows, work)
    address = sort_address(dtype)
    source = values_source(dtype, descending, address != 0)
    work = rows * n * (0.5 + 0.12 * log2(max(n, 1)) * (1 if address else 10))
    return KernelCall(source, (rows, n, address, *arrays), rows, work)


@handles(Merge)
class MergeKernel(CallKernel[Merge]):
    """The kernel that merges pieces. A task makes some stretches of the result."""

    label = "merge"

    def calls(self, lowering: Merge, types: Sequence[TensorType]) -> list[KernelCall]:
        x = types[0]
        n = sizes_of(x)[-1]
        source = merge_source(x.dtype, lowering.descending)
        args = (n, lowering.length, Array(0), Array(1))
        return [KernelCall(source, args, -(-n // CHUNK), 1.5 * n)]


def integer_of(dtype: str) -> str:
    """Return the integer dtype in which a sort compares the elements: for floats, the integer of
    the same size; for other dtypes, the dtype itself.
    """
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
    """Return the source of a kernel that sorts floats with numpy's vectorized sort. To sort in
    descending order, it flips the signs before and after.

    The kernel counts the zeros of each sign before the sort, because the vector minima and maxima
    in the sort mix up -0 and 0.
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
    """Return three bit patterns of floats with ``size`` bytes: all bits except the sign, infinity,
    and NaN.
    """
    infinity = 0x7FF << 52 if size == 8 else 0xFF << 23
    return (1 << (8 * size - 1)) - 1, infinity, infinity | (1 << (51 if size == 8 else 22))


@cache
def values_source(dtype: str, descending: bool, by_numpy: bool) -> str:
    """Return the kernel text that sorts each row of an array.

    Kernel arguments: rows, n, address of numpy's sort (`sort_address`), x and out (rows, n).

    Floats are sorted as integers: if the sign is set, the bits below it are inverted, and NaN is
    the largest number. So -0 comes before 0 on every processor.
    """
    if by_numpy and dtype in FLOATS:
        return _floats_source(dtype, descending)
    size, key = numpy_dtype(dtype).itemsize, f"np.{integer_of(dtype)}"
    defined, coded, decoded = _coding(dtype, descending)
    sort = f"        sort_at(slot(args, 2), target + {size} * (row * n), n)\n"
    back = f"""\
        for i in range(n):
            key = y[i]{decoded}
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
            key = x[i]{coded}
            y[i] = key
{sort if by_numpy else _HEAP_SORT}{back if decoded else ""}"""


def _coding(dtype: str, descending: bool) -> tuple[str, str, str]:
    """Return kernel text for sorting: the constants, the lines that encode an element as an
    integer, and the lines that decode it.

    Encoding turns ``key``, an element's bits, into an integer of the same order: -0 comes before 0,
    NaN last. Decoding restores the element's bits.
    """
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
    return defined, turned + numbers + flipped, flipped + turned


@cache
def digits_source(dtype: str, descending: bool) -> str:
    """Return the kernel source that sorts rows by digits, with a radix sort.

    Kernel arguments: rows, n, x, out (rows, n), and working memory of the same size.

    The sort goes from the lowest byte to the highest (Knuth, The Art of Computer Programming, vol.
    3, 5.2.5). A byte that all elements share takes no pass.
    """
    size, key = numpy_dtype(dtype).itemsize, f"np.{integer_of(dtype)}"
    defined, coded, decoded = _coding(dtype, descending)
    sign = 0 if dtype in UNSIGNED_INTEGERS else 128
    count = "\n".join(
        f"            c = {256 * at} + (((np.int64(key) >> {8 * at}) & 255)"
        f" ^ {sign if at == size - 1 else 0})\n            counts[c] = counts[c] + 1"
        for at in range(size)
    )
    return f"""import numpy as np
from nodeflow.engine.devicelib.arithmetic import bit_and, bit_xor, select, shift_right
from nodeflow.engine.devicelib.intrinsics import local_array, slot, view1

{defined}

def kernel(args, task, ntasks):
    rows, n = slot(args, 0), slot(args, 1)
    counts = local_array({256 * size}, np.int64)
    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):
        x = view1(slot(args, 2) + {size} * (row * n), n, {key})
        out = view1(slot(args, 3) + {size} * (row * n), n, {key})
        y, z = out, view1(slot(args, 4) + {size} * (row * n), n, {key})
        for c in range({256 * size}):
            counts[c] = 0
        for i in range(n):
            key = x[i]{coded}
            y[i] = key
{count}
        for digit in range({size}):
            first, shift = 256 * digit, 8 * digit
            flip = {sign} if digit == {size - 1} else 0
            if counts[first + (((np.int64(y[0]) >> shift) & 255) ^ flip)] < n:
                before = np.int64(0)
                for c in range(first, first + 256):
                    count = counts[c]
                    counts[c] = before
                    before += count
                for i in range(n):
                    key = y[i]
                    c = first + (((np.int64(key) >> shift) & 255) ^ flip)
                    place = counts[c]
                    z[place] = key
                    counts[c] = place + 1
                y, z = z, y
        for i in range(n):
            key = y[i]{decoded}
            out[i] = key
"""


@cache
def merge_source(dtype: str, descending: bool) -> str:
    """Return the source of a kernel that merges two sorted pieces of an array.

    Kernel arguments: n, elements of the first piece, x and out.

    Parts of the result are merged independently. The kernel finds the beginning of a part in both
    pieces by bisection (Odeh and others, Merge Path, 2012). From there on, a part only counts its
    own elements, because all elements behind its end come later in the order.
    """
    size, key = numpy_dtype(dtype).itemsize, f"np.{integer_of(dtype)}"
    highest, signed = _patterns(size)[0], dtype not in UNSIGNED_INTEGERS
    smallest, largest = (-highest - 1, highest) if signed else (0, 2 * highest + 1)
    end, before = (smallest, ">") if descending else (largest, "<")

    def keyed(name: str, element: str) -> list[str]:
        """Return kernel lines that load an element as a sort key, an integer of the same order. For
        a float the same lines also turn a key back into the float's bits.
        """
        turned = f"{name} = bit_xor({name}, bit_and(shift_right({name}, BITS), HIGHEST))"
        return [f"{name} = {element}", *([turned] if dtype in FLOATS else [])]

    def step(k: int) -> list[str]:
        """Return the kernel lines that merge one element into the part of the result with number
        ``k``.

        They use addresses, because indices would need too many registers.
        """
        return [
            "a = END",
            f"if i{k} < middle:",
            *("    " + line for line in keyed("a", f"load(i{k}, {key})")),
            "b = END",
            f"if j{k} < last:",
            *("    " + line for line in keyed("b", f"load(j{k}, {key})")),
            f"taken = select(b {before} a, np.int64({size}), np.int64(0))",
            *keyed("c", f"select(b {before} a, b, a)"),
            f"store(to{k}, c)",
            f"i{k} += {size} - taken",
            f"j{k} += taken",
            f"to{k} += {size}",
        ]

    lines = [
        "import numpy as np",
        "from nodeflow.engine.devicelib.arithmetic import bit_and, bit_xor, select, shift_right",
        "from nodeflow.engine.devicelib.intrinsics import load, slot, store",
        "",
        f"END, HIGHEST, BITS = {key}({end}), {key}({highest}), {key}({8 * size - 1})",
        "",
        "",
        "def kernel(args, task, ntasks):",
        "    n, length, x, y = slot(args, 0), slot(args, 1), slot(args, 2), slot(args, 3)",
        f"    middle, last = x + {size} * length, x + {size} * n",
        f"    units = (n + {CHUNK - 1}) // {CHUNK}",
        "    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):",
        f"        start = unit * {CHUNK}",
        f"        count = min(np.int64({CHUNK}), n - start)",
        f"        part = count // {TOGETHER}",
    ]
    for k in range(TOGETHER):
        lines += [
            f"        along = start + {k} * part",
            "        low, high = max(np.int64(0), along - (n - length)), min(along, length)",
            "        while low < high:",
            "            half = (low + high) // 2",
            *("            " + line for line in keyed("a", f"load(x + {size} * half, {key})")),
            f"            at = middle + {size} * (along - 1 - half)",
            *("            " + line for line in keyed("b", f"load(at, {key})")),
            f"            if b {before} a:",
            "                high = half",
            "            else:",
            "                low = half + 1",
            f"        i{k} = x + {size} * low",
            f"        j{k} = middle + {size} * (along - low)",
            f"        to{k} = y + {size} * along",
        ]
    lines += ["        for _ in range(part):"]
    lines += ["            " + line for k in range(TOGETHER) for line in step(k)]
    lines += [f"        for _ in range(count - {TOGETHER} * part):"]
    lines += ["            " + line for line in step(TOGETHER - 1)]
    return "\n".join([*lines, ""])
