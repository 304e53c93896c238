"""Sums, products and extremes of short rows, several rows at once.

`vector_reduce` takes some 5 ns for each row, however short it is.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import I32, I64
from nodeflow.engine.devicelib.register_tiles import scalar_of, shape_of
from nodeflow.engine.devicelib.vector_reduce import LANES, add, larger, smaller

TOGETHER = 8
"""Number of rows whose elements are arranged as columns of vectors."""


@intrinsic
def sum_rows(typingctx, n, dtype, source, target, rows):
    """Write the sum of each row of a small contiguous matrix to ``target``. Elements are added in
    the order of `sum_lanes`.

    Args:
        n: literal, elements of a row, from 1 to `LANES`.
        source, target: addresses.
    """
    return _rows(n, dtype, lambda builder, columns: _halved(builder, columns, add))


@intrinsic
def prod_rows(typingctx, n, dtype, source, target, rows):
    """Write the product of each row of a small contiguous matrix, multiplied from the first element
    to the last.

    Arguments: as for `sum_rows`.
    """

    def multiplied(builder: Any, columns: Sequence[Any]) -> Any:
        total = columns[0]
        for column in columns[1:]:
            total = builder.fmul(total, column)
        return total

    return _rows(n, dtype, multiplied)


@intrinsic
def max_rows(typingctx, n, dtype, source, target, rows):
    """Write the maximum of each row, NaN if any is NaN. Arguments: as for `sum_rows`."""
    return _rows(n, dtype, lambda builder, columns: _extreme(builder, columns, larger))


@intrinsic
def min_rows(typingctx, n, dtype, source, target, rows):
    """Write the minimum of each row, NaN if any is NaN. Arguments: as for `sum_rows`."""
    return _rows(n, dtype, lambda builder, columns: _extreme(builder, columns, smaller))


@intrinsic
def argmax_rows(typingctx, n, dtype, source, target, rows):
    """For each row, write the index (int64) of its maximum: the first one, or the first NaN if
    there is any.

    Arguments: as for `sum_rows`.
    """
    return _rows(n, dtype, lambda builder, columns: _place(builder, columns, ">"))


@intrinsic
def argmin_rows(typingctx, n, dtype, source, target, rows):
    """Write the index (int64) of each row's first minimum, or of its first NaN, to ``target``.

    ``source``, ``target``, ``rows`` and ``n`` are as for `sum_rows`: ``rows`` rows of ``n``
    elements.
    """
    return _rows(n, dtype, lambda builder, columns: _place(builder, columns, "<"))


def _rows(
    n: Any, dtype: Any, reduced: Callable[[Any, Sequence[Any]], Any]
) -> tuple[Any, Callable[..., Any]]:
    """Return numba's signature, and a function that emits the code, of an intrinsic that reduces
    several short rows of ``n`` elements.

    Args:
        reduced: combines the columns of some rows into one, or the numbers of a single row.
    """
    (length,), scalar = shape_of(n), scalar_of(dtype)
    size = dtype.dtype.bitwidth // 8

    def codegen(context, builder, sig, args):
        source, target, rows = args[2:]

        def at(base: Any, element: Any, kind: Any, size: int = size) -> Any:
            address = builder.add(base, builder.mul(element, ir.Constant(I64, size)))
            return builder.inttoptr(address, kind.as_pointer())

        def write(columns: Sequence[Any], first: Any) -> None:
            result = reduced(builder, columns)
            wide = 8 if getattr(result.type, "element", result.type) == I64 else size
            builder.store(result, at(target, first, result.type, wide), align=wide)

        def vectors(first: Any) -> list[Any]:
            """Return the columns of `TOGETHER` rows."""
            wide = ir.VectorType(scalar, TOGETHER * length)
            begin = builder.mul(first, ir.Constant(I64, length))
            elements = builder.load(at(source, begin, wide), align=size)
            chosen = ir.VectorType(I32, TOGETHER)
            return [
                builder.shuffle_vector(
                    elements,
                    ir.Constant(wide, ir.Undefined),
                    ir.Constant(chosen, [j + length * i for i in range(TOGETHER)]),
                )
                for j in range(length)
            ]

        def numbers(first: Any) -> list[Any]:
            begin = builder.mul(first, ir.Constant(I64, length))
            places = [builder.add(begin, ir.Constant(I64, j)) for j in range(length)]
            return [builder.load(at(source, place, scalar), align=size) for place in places]

        together = ir.Constant(I64, TOGETHER)
        rounds = builder.sdiv(rows, together)
        with cgutils.for_range(builder, rounds) as loop:
            first = builder.mul(loop.index, together)
            write(vectors(first), first)
        done = builder.mul(rounds, together)
        with cgutils.for_range(builder, builder.sub(rows, done)) as loop:
            first = builder.add(done, loop.index)
            write(numbers(first), first)
        return context.get_dummy_value()

    return types.void(n, dtype, *(types.int64,) * 3), codegen


def _halved(builder: Any, columns: Sequence[Any], combine: Callable[[Any, Any, Any], Any]) -> Any:
    """Reduce a list of vectors to one, in the order in which `vector_reduce` combines lanes.

    Each round combines the first half of the list with the second half, until one vector is left. A
    vector without a partner stays as it is.
    """
    total, width = list(columns), LANES
    while width > 1:
        width //= 2
        total = [
            combine(builder, x, total[i + width]) if i + width < len(total) else x
            for i, x in enumerate(total[:width])
        ]
    return total[0]


def _extreme(builder: Any, columns: Sequence[Any], combine: Callable[[Any, Any, Any], Any]) -> Any:
    """Emit code that reduces a list of vectors to their maximum or minimum. The result is NaN where
    any of them is NaN.

    One comparison tests two vectors for NaN.
    """
    result = _halved(builder, columns, combine)
    found = builder.fcmp_unordered("uno", columns[0], columns[-1])
    for x, y in zip(columns[1:-1:2], columns[2::2], strict=False):
        found = builder.or_(found, builder.fcmp_unordered("uno", x, y))
    many = isinstance(result.type, ir.VectorType)
    nan = [math.nan] * result.type.count if many else math.nan
    return builder.select(found, ir.Constant(result.type, nan), result)


def _place(builder: Any, columns: Sequence[Any], sign: str) -> Any:
    """Emit code that returns the index of the first maximum or minimum in a list of vectors, for
    each lane.

    NaN counts as the extreme; the first NaN wins.
    """
    many = isinstance(columns[0].type, ir.VectorType)
    kind = ir.VectorType(I64, TOGETHER) if many else I64
    numbers = [ir.Constant(kind, [j] * TOGETHER if many else j) for j in range(len(columns))]
    most, place = columns[0], numbers[0]
    for column, number in zip(columns[1:], numbers[1:], strict=True):
        more = builder.fcmp_ordered(sign, column, most)
        first_nan = builder.and_(
            builder.fcmp_unordered("uno", column, column), builder.fcmp_ordered("ord", most, most)
        )
        better = builder.or_(more, first_nan)
        most, place = builder.select(better, column, most), builder.select(better, number, place)
    return place
