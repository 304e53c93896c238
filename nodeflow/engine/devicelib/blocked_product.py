"""Tiles of a large product whose operands have both been copied into the order in which they are
read.

While it computes, the function prefetches the next tile and the next panel into the
second-level cache, a few lines at a time. Many lines at once would keep the processor waiting.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.added_parts import MATRIX
from nodeflow.engine.devicelib.intrinsics import I64
from nodeflow.engine.devicelib.register_tiles import function_of, scalar_of, shape_of
from nodeflow.engine.devicelib.result_tile import Tile


@dataclass(frozen=True)
class _Layout:
    """The layout of the first operand, and the settings for prefetches and added operands.

    Attributes:
        row, term, tile: bytes from row to row, from term to term and from tile to tile.
        ahead: lines that are prefetched for each ``at_once`` terms.
        added: kinds of the operands that are added to the results.
    """

    row: int
    term: int
    tile: int
    ahead: int
    at_once: int
    added: Sequence[int]


@intrinsic
def blocked_product(
    typingctx, positions, vectors, lanes, dtype, masked, row, term, tile, ahead, at_once,
    first, second, rows, a, b, terms, out, out_row, width, p, q, fresh, final,
):  # fmt: skip
    """Multiply all rows of a matrix with one panel (a block of columns of the second operand), tile
    by tile downwards.

    Each result adds up its terms in order, beginning with the value in memory.

    Args:
        positions, vectors, lanes, masked: literals: rows of a tile; columns of the panel. If
            ``masked`` is 1, only ``width`` columns of the results are read and written.
        row, term, tile: literals: bytes from row to row, from term to term and from tile to tile of
            a, which has all rows of the last tile.
        ahead, at_once: literals: lines of the next panel to prefetch for each ``at_once`` terms.
        first, second: literals: kinds of the operands that are added to the results in turn:
            `MATRIX`, `ROW`, or 0 for nothing.
        rows: at least 1.
        a, b: addresses; b is a panel of ``terms`` contiguous rows, and the next panel follows it.
        out: address of the results, ``out_row`` bytes from row to row.
        p, q: addresses of the added operands. Rows of a matrix are as far apart as rows of out.
        fresh: true to begin at zero, false to begin with the values in out.
        final: true if these are the last terms; only then the operands are added.
    """
    tall, wide, per_vector, ragged, *layout = shape_of(
        positions, vectors, lanes, masked, row, term, tile, ahead, at_once, first, second
    )
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        words = ".".join(map(str, (tall, wide, per_vector, ragged, *layout)))
        function, own = function_of(builder.module, f"blocked.{words}", scalar, 9, 2)
        if own is not None:
            results = Tile(own, scalar, tall, wide, per_vector)
            _fill(results, function.args, _Layout(*layout[:5], added=layout[5:]), bool(ragged))
        builder.call(function, args[12:])
        return context.get_dummy_value()

    literals = (
        positions,
        vectors,
        lanes,
        dtype,
        masked,
        row,
        term,
        tile,
        ahead,
        at_once,
        first,
        second,
    )
    return types.void(*literals, *(types.int64,) * 9, types.boolean, types.boolean), codegen


def _fill(tile: Tile, args: Sequence[Any], layout: _Layout, masked: bool) -> None:
    """Emit the LLVM code of the body of a function that multiplies matrices block by block.

    Args:
        args: the LLVM arguments of the function.
        masked: whether to read and write only ``width`` columns of the results.
    """
    builder = tile.builder
    rows, a, b, terms, out, out_row, width, *sources, fresh, final = args
    tall, panel_row = len(tile.accumulators), len(tile.accumulators[0]) * tile.lanes * tile.bytes
    if masked:
        tile.mask(width)

    def times(x: Any, factor: int) -> Any:
        return builder.mul(x, _number(factor))

    tiles = builder.sdiv(builder.add(rows, _number(tall - 1)), _number(tall))
    blocks = builder.sdiv(terms, _number(layout.at_once))
    whole = times(blocks, layout.at_once)
    with cgutils.for_range(builder, tiles) as index:
        first = times(index.index, tall)
        last = builder.sub(builder.sub(rows, first), _number(1))
        below = builder.mul(first, out_row)
        z, x = builder.add(out, below), builder.add(a, times(index.index, layout.tile))
        next_tile = builder.add(z, times(out_row, tall))
        lines = builder.add(
            times(terms, panel_row), times(builder.mul(index.index, blocks), 64 * layout.ahead)
        )
        later = builder.add(b, lines)
        tile.begin(fresh, z, out_row, last)

        def add(k: Any, x: Any = x) -> None:
            here = builder.add(x, times(k, layout.term))
            tile.add_products(
                lambda p: builder.add(here, _number(p * layout.row)),
                builder.add(b, times(k, panel_row)),
                masked=False,
                folded=True,
            )

        with cgutils.for_range(builder, blocks) as block:
            tile.prefetch_lines(
                builder.add(later, times(block.index, 64 * layout.ahead)), layout.ahead
            )
            short = builder.icmp_signed("<", block.index, _number(tall - 1))
            number = builder.select(short, block.index, _number(tall - 1))
            tile.prefetch_row(builder.add(next_tile, builder.mul(number, out_row)))
            begin = times(block.index, layout.at_once)
            for i in range(layout.at_once):
                add(builder.add(begin, _number(i)))
        with cgutils.for_range(builder, builder.sub(terms, whole)) as k:
            add(builder.add(whole, k.index))
        if any(layout.added):
            with builder.if_then(final):
                for kind, source in zip(layout.added, sources, strict=True):
                    matrix = builder.add(source, below) if kind == MATRIX else None
                    each = None if kind == MATRIX else source
                    if kind:
                        tile.add_rows(matrix, out_row, each, last)
        tile.store_up_to(z, out_row, last)
    builder.ret_void()


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)
