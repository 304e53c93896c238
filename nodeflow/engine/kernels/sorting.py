"""Kernels that look at a whole row at once: sorting, distinct values, pairs in order, products.

Sorting gives indices: stable in both directions, NaN as the largest, and the same for every number
of threads, since a row is sorted by one of them. Short rows are merged, long ones go by digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log2, prod

from nodeflow.engine.kernels.copies import At, Call
from nodeflow.engine.kernels.expressions import numpy_name, typed_literal
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops.lowering import Distinct, Order, OtherProducts, PairsInOrder

Ordered = Order | Distinct | PairsInOrder | OtherProducts
RUN = 16
"""Length of the runs that are sorted by insertion before they are merged."""
LONG = 128
"""Elements from which a row is sorted by digits."""


def call(lowering: Ordered, types: Sequence[TensorType]) -> Call:
    """The kernel call; ``types`` are those of all inputs, then of all that is written."""
    x = types[0]
    shape = [d or 0 for d in x.shape]
    n = shape[-1] if shape else 1
    rows = prod(shape[:-1])
    at = tuple(At(i) for i in range(len(types)))
    if isinstance(lowering, Order):
        by_digits = LONG <= n < 1 << 32
        work = rows * n * (20.0 if by_digits else 4.0 * max(1.0, log2(max(n, 1))))
        text = digits_source if by_digits else order_source
        return Call(text(x.dtype, lowering.descending), (rows, n, *at), rows, work)
    if isinstance(lowering, Distinct):
        source = distinct_source(x.dtype, typed_literal(lowering.fill, x.dtype))
        return Call(source, (n, types[2].size or 0, *at), 1, n * 4.0)
    if isinstance(lowering, PairsInOrder):
        return Call(pairs_source(types[1].dtype), (n, *at), 1, n * 4.0)
    return Call(others_source(x.dtype, lowering.along), (rows, n, *at), rows, rows * n * 2.0)


def _text(imports: str, body: str) -> str:
    return (
        f"import numpy as np\nfrom nodeflow.engine.devicelib.intrinsics import {imports}\n\n\n"
        f"def kernel(args, task, ntasks):\n{body}"
    )


def _before(descending: bool, dtype: str, a: str, b: str) -> str:
    """Whether a stands before b, equals being left as they are."""
    sign = ">" if descending else "<"
    if dtype not in FLOATS:
        return f"{a} {sign} {b}"
    first, second = (a, b) if descending else (b, a)
    return f"{a} {sign} {b} or ({first} != {first} and {second} == {second})"


@cache
def order_source(dtype: str, descending: bool) -> str:
    """Args: rows, n, x, indices, and as many int64 to work in."""
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    before = _before(descending, dtype, "right", "left")
    return _text(
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
"""Of floats: what gives their bits, and the largest integer of their size."""


@cache
def digits_source(dtype: str, descending: bool) -> str:
    """Args as for `order_source`; n is below 2**32.

    A radix sort from the lowest digit of eight bits to the highest (Knuth, The Art of Computer
    Programming, vol. 3, 5.2.5): each pass keeps the order of equals. Elements become integers of
    the same order, and travel with their index in one word; of eight bytes, first the lower half.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    used, bits, largest = _SIGNED.get(dtype, ("", "np.int64(value)", 0))
    floats = f"""
                if number < 0:
                    number ^= {largest}
                if value == 0:
                    number = np.int64(0)
                if value != value:
                    number = np.int64({largest})"""
    return _text(
        ", ".join(sorted(filter(None, ("local_array", "slot", "view1", used)))),
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
            flip = ({1 << 31} if half == top else 0) ^ {0xFFFFFFFF if descending else 0}
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
    )


@cache
def distinct_source(dtype: str, fill: str) -> str:
    """Args: n, room, x, order; values (room), number of each element (n), how many."""
    name = numpy_name(dtype)
    same = "value == last" + (" or (value != value and last != last)" if dtype in FLOATS else "")
    text = _text(
        "set_slot, slot, store, view1",
        f"""    n, room = slot(args, 0), slot(args, 1)
    x, order = view1(slot(args, 2), n, {name}), view1(slot(args, 3), n, np.int64)
    values, numbers = view1(slot(args, 4), room, {name}), view1(slot(args, 5), n, np.int64)
    count = 0
    last = {typed_literal(0, dtype)}
    for k in range(n):
        value = x[order[k]]
        if count == 0 or not ({same}):
            if count < room:
                values[count] = value
            count += 1
        numbers[order[k]] = count - 1
        last = value
    if count > room:
        set_slot(args, CODE, INDEX_OUT_OF_RANGE)
    for k in range(count, room):
        values[k] = {fill}
    store(slot(args, 6), np.int64(count))
""",
    )
    layout = "from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE\n"
    return text.replace("\n\n\ndef", f"\n{layout}\n\ndef")


@cache
def pairs_source(dtype: str) -> str:
    """Args: n, labels, scores, order, out (float32): the share of pairs in order, ties half."""
    name = numpy_name(dtype)
    return _text(
        "slot, store, view1",
        f"""    n, out = slot(args, 0), slot(args, 4)
    labels, scores = view1(slot(args, 1), n, np.uint8), view1(slot(args, 2), n, {name})
    order = view1(slot(args, 3), n, np.int64)
    positives, negatives, twice = 0, 0, 0
    k = 0
    while k < n:
        score = scores[order[k]]
        tied_positives, tied_negatives = 0, 0
        while k < n and scores[order[k]] == score:
            if labels[order[k]]:
                tied_positives += 1
            else:
                tied_negatives += 1
            k += 1
        if score != score:
            break
        twice += tied_positives * (2 * negatives + tied_negatives)
        positives += tied_positives
        negatives += tied_negatives
    if k < n or positives * negatives == 0:
        store(out, np.float32(np.nan))
    else:
        store(out, np.float32(np.float64(twice) / np.float64(2 * positives * negatives)))
""",
    )


@cache
def others_source(dtype: str, along: bool) -> str:
    """Args: rows, n, x, with ``along`` the direction, out, and with ``along`` room to work in."""
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    views = ["x", "d", "out", "products"] if along else ["x", "out"]
    lines = [
        f"    rows, n, at = slot(args, 0), slot(args, 1), {size} * slot(args, 1)",
        "    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):",
        *(f"        {v} = view1(slot(args, {2 + i}) + row * at, n, {name})"
          for i, v in enumerate(views)),
    ]  # fmt: skip
    loops = [
        (
            "range(n)",
            ["products[k] = product", "out[k] = change"] if along else ["out[k] = product"],
        ),
        (
            "range(n - 1, -1, -1)",
            ["out[k] = out[k] * product + products[k] * change"]
            if along
            else ["out[k] = out[k] * product"],
        ),
    ]
    for steps, body in loops:
        lines.append(f"        product, change = {name}(1), {name}(0)")
        lines.append(f"        for k in {steps}:")
        lines += [f"            {line}" for line in body]
        if along:
            lines.append("            change = change * x[k] + product * d[k]")
        lines.append("            product = product * x[k]")
    return _text("slot, view1", "\n".join([*lines, ""]))
