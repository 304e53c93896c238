"""Tiles of products whose second operand is stored transposed, computed as sums along the rows
of both operands.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import I64
from nodeflow.engine.devicelib.register_tiles import scalar_of, shape_of
from nodeflow.engine.devicelib.result_tile import Tile
from nodeflow.engine.devicelib.vector_reduce import add, halved


@intrinsic
def dot_tile(
    typingctx, rows, columns, lanes, dtype,
    a, a_row, b, b_row, terms, out, out_row,
):  # fmt: skip
    """For each pair of a row of a and a row of b, write the sum of the products of their elements.

    Term t goes to lane t % lanes, by a fused multiply-add. Then one half of the lanes is added
    to the other until one lane is left. So a result depends on neither the tile nor its
    neighbours.

    Args:
        rows, columns, lanes: literals: rows of a and of b; elements of a vector.
        a, b: addresses of the first rows, whose elements are contiguous. The next rows are
            ``a_row`` and ``b_row`` bytes further.
        terms: elements of a row.
        out: address of the results, ``out_row`` bytes from row to row of a.
    """
    tall, wide, per_vector = shape_of(rows, columns, lanes)
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        a, a_row, b, b_row, terms, out, out_row = args[4:]
        tile = Tile(builder, scalar, tall, wide, per_vector)
        tile.clear()
        step = ir.Constant(I64, per_vector)

        def multiply(first: Any) -> None:
            at = builder.mul(first, ir.Constant(I64, tile.bytes))

            def vector(base: Any, apart: Any, number: int) -> Any:
                row = builder.add(base, builder.mul(apart, ir.Constant(I64, number)))
                return tile.read_vector(builder.add(row, at), 0)

            left = [vector(a, a_row, p) for p in range(tall)]
            for v in range(wide):
                other = vector(b, b_row, v)
                for p in range(tall):
                    tile.add_product(tile.accumulators[p][v], left[p], other)

        whole = builder.sdiv(terms, step)
        with cgutils.for_range(builder, whole) as loop:
            multiply(builder.mul(loop.index, step))
        done = builder.mul(whole, step)
        rest = builder.sub(terms, done)
        with builder.if_then(builder.icmp_signed(">", rest, ir.Constant(I64, 0))):
            tile.mask(rest)
            multiply(done)
        for p, places in enumerate(tile.accumulators):
            row = builder.add(out, builder.mul(out_row, ir.Constant(I64, p)))
            for v, place in enumerate(places):
                at = builder.add(row, ir.Constant(I64, v * tile.bytes))
                total = halved(builder, builder.load(place), add)
                builder.store(total, builder.inttoptr(at, scalar.as_pointer()))
        return context.get_dummy_value()

    return types.void(rows, columns, lanes, dtype, *(types.int64,) * 7), codegen
