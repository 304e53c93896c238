"""Tiles of products that stay in vector registers: the inner loops of convolutions and matrix
products.

A tile is a few positions by a few vectors of results. Each iteration of the innermost loop
multiplies one number of each position with the vectors and adds, fused. The order of additions
is fixed here, so a result depends on neither the tile's size nor its neighbours. LLVM does not
make such loops from scalar code, so they are built from vectors by hand. Only kernels can call
these functions.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nodeflow.engine.devicelib.added_parts import MATRIX
from nodeflow.engine.devicelib.intrinsics import F32, F64, I1, I64
from nodeflow.engine.devicelib.result_tile import Tile
from nodeflow.engine.devicelib.tile_heights import TALL


def shape_of(*literals: Any) -> list[int]:
    if not all(isinstance(n, types.IntegerLiteral) for n in literals):
        raise TypingError("the shape of a tile must be literals")
    return [n.literal_value for n in literals]


def scalar_of(dtype: Any) -> ir.Type:
    if dtype.dtype not in (types.float32, types.float64):
        raise TypingError(f"tiles are of floats, not {dtype.dtype}")
    return F32 if dtype.dtype == types.float32 else F64


def _word(builder: Any, base: Any, index: Any) -> Any:
    return builder.load(builder.gep(builder.inttoptr(base, I64.as_pointer()), [index]))


@intrinsic
def gathered_tile(
    typingctx, positions, vectors, lanes, dtype, masked, narrow, apart, spans,
    x, step, panel, panel_row, rows, nrows, columns, ncolumns, out, out_step, width, first, end,
):  # fmt: skip
    """Compute a tile of a convolution. For each position, multiply the numbers in its window with
    rows of a panel of weights, and write the sum.

    The window is a list of runs, which are contiguous numbers in a row of the picture.

    Args:
        positions, vectors, lanes, masked, narrow, apart: literals. If ``masked`` is 1, only
            ``width`` elements of each result are written; if ``narrow`` is also 1, only as many of
            each row of the panel are read. If ``apart`` is 1, each element of a row has its own
            number.
        spans: literal: bit set of the spans of positions that runs name (`span_of`).
        x: address of the first position's picture; the next position's picture is ``step`` bytes
            further.
        panel: address of rows of vectors * lanes weights, ``panel_row`` bytes from row to row.
        rows, columns: addresses of (bytes to add to x, rows of the panel to skip) for each of the
            ``nrows`` rows of the window, and of (bytes, rows, length, span) for each of the
            ``ncolumns`` runs in a row.
        out: address of the first position's results; ``out_step`` bytes to the next.
        first, end: the positions whose results are written.
    """
    count, wide, per_vector, ragged, short, own, bits = shape_of(
        positions, vectors, lanes, masked, narrow, apart, spans
    )
    scalar = scalar_of(dtype)
    named = [n for n in range(2 * count) if bits >> n & 1]

    def codegen(context, builder, sig, args):
        x, step, panel, panel_row, rows, nrows, columns, ncolumns, out, out_step, width = args[8:19]

        def number(value):
            return ir.Constant(I64, value)

        tile = Tile(builder, scalar, count, wide, per_vector)
        size = number(tile.bytes)
        tile.clear()
        if ragged:
            tile.mask(width)

        def run(place, weights, length, span):
            with cgutils.for_range(builder, length) as k:
                here = builder.add(place, builder.mul(k.index, size))
                tile.add_products(
                    lambda p: builder.add(here, builder.mul(step, number(p))),
                    builder.add(weights, builder.mul(k.index, panel_row)),
                    masked=bool(short),
                    apart=bool(own),
                    span=span,
                )

        with cgutils.for_range(builder, nrows) as row:
            at = builder.mul(row.index, number(2))
            above = builder.add(x, _word(builder, rows, at))
            skipped = _word(builder, rows, builder.add(at, number(1)))
            with cgutils.for_range(builder, ncolumns) as column:
                at = builder.mul(column.index, number(4))
                words = [_word(builder, columns, builder.add(at, number(n))) for n in range(4)]
                place, skip = builder.add(above, words[0]), builder.add(skipped, words[1])
                weights = builder.add(panel, builder.mul(skip, panel_row))
                after = builder.append_basic_block("after")
                choice = builder.switch(words[3], after)
                for n in named:
                    choice.add_case(number(n), builder.append_basic_block(f"span{n}"))
                for n, (_, block) in zip(named, choice.cases, strict=True):
                    builder.position_at_end(block)
                    run(place, weights, words[2], span_of(n, count))
                    builder.branch(after)
                builder.position_at_end(after)
        tile.store_rows(out, out_step, (args[19], args[20]))
        return context.get_dummy_value()

    literals = (positions, vectors, lanes, dtype, masked, narrow, apart, spans)
    return types.void(*literals, *(types.int64,) * 13), codegen


def span_of(number: int, positions: int) -> tuple[int, int]:
    """Return the range of positions in a tile, as (first, end), that a span number stands for.

    Number 0 is the whole tile. A number n < positions leaves out the first n positions; a larger
    one keeps the first n - positions + 1.
    """
    return (number, positions) if number < positions else (0, number - positions + 1)


@intrinsic
def outer_tile(
    typingctx, positions, vectors, lanes, dtype, masked, lines,
    x, x_row, x_column, g, g_row, g_column, nrows, ncolumns, out, out_step, width, fresh, later,
):  # fmt: skip
    """Compute a tile of a convolution's filter gradient: for each position of a rectangle, compute
    the outer product of image numbers and gradient elements. Sum over the positions.

    Args:
        positions, vectors, lanes, masked: literals. If ``masked`` is 1, only ``width`` elements of
            each row of g and out are touched.
        lines: literal: cache lines that are prefetched for each row of the rectangle.
        x: address of ``positions`` neighbouring numbers of the image at the rectangle's first
            position. The numbers of the next position down and across are ``x_row`` and
            ``x_column`` bytes further.
        g: the same for vectors * lanes elements of the gradient.
        nrows, ncolumns: sizes of the rectangle.
        out: address of the results, a row for each number, ``out_step`` bytes from row to row.
        fresh: true to begin at zero, false to begin with the values in out.
        later: address of the lines to prefetch, which may be any address.
    """
    count, wide, per_vector, ragged, ahead = shape_of(positions, vectors, lanes, masked, lines)
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        x, x_row, x_column, g, g_row, g_column, nrows, ncolumns, out, out_step, width = args[6:17]
        fresh, later = args[17:]
        tile = Tile(builder, scalar, count, wide, per_vector)
        if ragged:
            tile.mask(width)
        tile.begin(fresh, out, out_step)
        with cgutils.for_range(builder, nrows) as row:
            x_first = builder.add(x, builder.mul(row.index, x_row))
            g_first = builder.add(g, builder.mul(row.index, g_row))
            come = builder.mul(row.index, ir.Constant(I64, 64 * ahead))
            tile.prefetch_lines(builder.add(later, come), ahead)
            with cgutils.for_range(builder, ncolumns) as column:
                here = builder.add(x_first, builder.mul(column.index, x_column))
                tile.add_products(
                    lambda p, here=here: builder.add(here, ir.Constant(I64, p * tile.bytes)),
                    builder.add(g_first, builder.mul(column.index, g_column)),
                    masked=True,
                )
        tile.store_rows(out, out_step)
        return context.get_dummy_value()

    literals = (positions, vectors, lanes, dtype, masked, lines)
    return types.void(*literals, *(types.int64,) * 11, types.boolean, types.int64), codegen


@intrinsic
def packed_tile(
    typingctx, positions, vectors, lanes, dtype, masked, full, row,
    a, a_row, a_term, b, b_term, terms, out, out_row, width, more, each,
):  # fmt: skip
    """Compute a tile of a product of a and a panel of b, add further operands, and write it.

    Each row of results is the sum of the terms of a row of a times rows of b.

    Args:
        positions, vectors, lanes, masked: literals: rows of a; elements of a row of b, which are
            all read. If ``masked`` is 1, only ``width`` results of each row are written.
        full, row: literals: 1 if a matrix as large as the result is added, and 1 if a row is added
            to each of its rows. If both are, they are added up first.
        a: address of the first number. The next row's is ``a_row`` bytes further, the next term's
            ``a_term`` bytes.
        b: address of the first of ``terms`` rows, ``b_term`` bytes to the next.
        out: address of the results, ``out_row`` bytes from row to row.
        more: address of the matrix's part, also with ``out_row`` bytes from row to row.
        each: address of the row's part.
    """
    count, wide, per_vector, ragged, has_more, has_each = shape_of(
        positions, vectors, lanes, masked, full, row
    )
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        a, a_row, a_term, b, b_term, terms, out, out_row, width, more, each = args[7:]
        tile = Tile(builder, scalar, count, wide, per_vector)
        if ragged:
            tile.mask(width)
        if has_more:
            tile.prefetch_rows(more, out_row)
        tile.clear()
        tile.add_terms(a, a_row, a_term, b, b_term, terms, full=True)
        if has_more or has_each:
            tile.add_rows(more if has_more else None, out_row, each if has_each else None)
        tile.store_rows(out, out_row)
        return context.get_dummy_value()

    literals = (positions, vectors, lanes, dtype, masked, full, row)
    return types.void(*literals, *(types.int64,) * 11), codegen


@intrinsic
def tiled_product(
    typingctx, positions, vectors, lanes, dtype,
    rows, columns, a, a_row, a_term, b, b_panel, b_term, terms, out, out_row, fresh,
):  # fmt: skip
    """Multiply two matrices of any size, tile by tile. Each result is summed in order of its terms.

    Args:
        positions, vectors, lanes: literals: a tile has at most ``positions`` rows, and ``vectors``
            times ``lanes`` columns.
        rows, columns: sizes of the result; rows are at least 1.
        a: address of the first operand. Rows are ``a_row`` bytes apart, terms (columns of the
            operand) ``a_term`` bytes.
        b: address of the second operand, which has ``terms`` rows, ``b_term`` bytes apart. The next
            tile's columns are ``b_panel`` bytes further. In the last tile only existing columns are
            read.
        out: address of the result, whose rows are ``out_row`` bytes apart.
        fresh: true to begin the sums at zero, false to add to the values in out.
    """
    (tall, wide, per_vector), scalar = shape_of(positions, vectors, lanes), scalar_of(dtype)

    def codegen(context, builder, sig, args):
        function = _tiled_product(builder.module, scalar, tall, wide, per_vector)
        builder.call(function, args[4:])
        return context.get_dummy_value()

    literals = (positions, vectors, lanes, dtype)
    return types.void(*literals, *(types.int64,) * 11, types.boolean), codegen


@intrinsic
def panel_product(
    typingctx, vectors, lanes, dtype, masked, lowest, first, second,
    rows, a, a_row, a_term, b, b_term, terms, out, out_row, width, p, q, fresh, final,
):  # fmt: skip
    """Multiply all rows of a matrix with one panel, a block of columns as wide as a tile. Arguments
    that are not described here are those of `tiled_product`.

    If ``masked`` is 1, only ``width`` columns are written. All are read, because masks for reading
    would need registers that results use.

    Args:
        lowest: literal: rows of the lowest tile into which ``rows`` are divided
            (`tile_heights.lowest_tile`). Each height has its own code, which takes long to compile.
        first, second: literals: kinds of the operands that are added in turn to the results in
            registers: `MATRIX`, `ROW`, or 0 for nothing.
        p, q: addresses of these operands' numbers for the first column. Only ``width`` columns are
            read, and rows of a matrix are as far apart as rows of out.
        final: true if these are the last terms; only then the operands are added.
    """
    wide, per_vector, ragged, low, *added = shape_of(vectors, lanes, masked, lowest, first, second)
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        kind = wide, per_vector, bool(ragged), low, added
        builder.call(_panel_product(builder.module, scalar, *kind), args[7:])
        return context.get_dummy_value()

    literals = (vectors, lanes, dtype, masked, lowest, first, second)
    return types.void(*literals, *(types.int64,) * 12, types.boolean, types.boolean), codegen


def _tiled_product(
    module: ir.Module, scalar: ir.Type, positions: int, vectors: int, lanes: int
) -> ir.Function:
    """Return the module's LLVM function for a matrix product of any size; build it at the first
    call.
    """
    function, builder = function_of(module, f"tiled.{positions}.{vectors}.{lanes}", scalar, 11, 1)
    if builder is None:
        return function
    rows, columns, a, a_row, a_term, b, b_panel, b_term, terms, out, out_row, fresh = function.args
    across, size = ir.Constant(I64, vectors * lanes), 4 if scalar == F32 else 8
    last = builder.sub(across, ir.Constant(I64, 1))
    panels = builder.sdiv(builder.add(columns, last), across)
    tiles = _cut_rows(builder, rows, range(1, positions + 1))
    with cgutils.for_range(builder, panels) as panel:
        left = builder.mul(panel.index, across)
        wide = _smaller(builder, across, builder.sub(columns, left))
        whole = builder.icmp_signed("==", wide, across)
        y = builder.add(b, builder.mul(panel.index, b_panel))
        first = builder.add(out, builder.mul(left, ir.Constant(I64, size)))

        def make(tall: int, row: Any) -> None:
            x = builder.add(a, builder.mul(row, a_row))
            z = builder.add(first, builder.mul(row, out_row))
            with builder.if_else(whole, likely=True) as branches:
                for branch, masked in zip(branches, (False, True), strict=True):
                    with branch:
                        tile = Tile(builder, scalar, tall, vectors, lanes)
                        if masked:
                            tile.mask(wide)
                        tile.begin(fresh, z, out_row)
                        tile.add_terms(x, a_row, a_term, y, b_term, terms)
                        tile.store_rows(z, out_row)

        tiles(make)
    builder.ret_void()
    return function


def _panel_product(
    module: ir.Module,
    scalar: ir.Type,
    vectors: int,
    lanes: int,
    masked: bool,
    lowest: int,
    added: Sequence[int],
) -> ir.Function:
    """Return an LLVM function that multiplies all rows with one panel (a block of columns). A
    module contains it only once.
    """
    kinds = "".join(map(str, added))
    name = f"panel.{vectors}.{lanes}.{lowest}.{kinds}{'.masked' if masked else ''}"
    function, builder = function_of(module, name, scalar, 12, 2)
    if builder is None:
        return function
    rows, a, a_row, a_term, b, b_term, terms, out, out_row, width, *ends = function.args
    *sources, fresh, final = ends

    def make(tall: int, row: Any) -> None:
        below = builder.mul(row, out_row)
        z = builder.add(out, below)
        parts = [
            (kind, builder.add(source, below) if kind == MATRIX else source)
            for kind, source in zip(added, sources, strict=True)
            if kind
        ]
        tile = Tile(builder, scalar, tall, vectors, lanes)
        if masked:
            tile.mask(width)
        matrices = [part for kind, part in parts if kind == MATRIX]
        if matrices:
            with builder.if_then(final):
                for part in matrices:
                    tile.prefetch_rows(part, out_row)
        tile.begin(fresh, z, out_row)
        x = builder.add(a, builder.mul(row, a_row))
        tile.add_terms(x, a_row, a_term, b, b_term, terms, full=True)
        if parts:
            with builder.if_then(final):
                for kind, part in parts:
                    matrix, each = (part, None) if kind == MATRIX else (None, part)
                    tile.add_rows(matrix, out_row, each)
        tile.store_rows(z, out_row)

    _cut_rows(builder, rows, range(lowest, TALL + 1))(make)
    builder.ret_void()
    return function


def function_of(
    module: ir.Module, name: str, scalar: ir.Type, words: int, flags: int
) -> tuple[Any, Any]:
    """Declare an internal LLVM function of int64 arguments followed by booleans. Return it, and a
    builder for its body.

    The builder is None if the module already has the function.
    """
    name = f"nodeflow.{name}.{'f32' if scalar == F32 else 'f64'}"
    if name in module.globals:
        return module.globals[name], None
    kinds = [I64] * words + [I1] * flags
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _cut_rows(
    builder: Any, rows: Any, heights: Sequence[int]
) -> Callable[[Callable[[int, Any], None]], None]:
    """Emit the division of rows into tiles of about the same height, one of the ascending
    ``heights``.

    Return a function that emits the loop over the tiles: it calls its argument with the height of a
    tile and its first row. It may be called inside another loop; the divisions stay outside that
    loop.
    """
    most = ir.Constant(I64, heights[-1])
    tiles = builder.sdiv(builder.add(rows, ir.Constant(I64, heights[-1] - 1)), most)
    low, more = builder.sdiv(rows, tiles), builder.srem(rows, tiles)

    def each(make: Callable[[int, Any], None]) -> None:
        with cgutils.for_range(builder, tiles) as tile:
            higher = builder.zext(builder.icmp_signed("<", tile.index, more), I64)
            tall = builder.add(low, higher)
            row = builder.add(builder.mul(tile.index, low), _smaller(builder, tile.index, more))
            for count in reversed(heights):
                this = builder.icmp_signed("==", tall, ir.Constant(I64, count))
                with builder.if_then(this):
                    make(count, row)

    return each


def _smaller(builder: Any, x: Any, y: Any) -> Any:
    return builder.select(builder.icmp_signed("<", x, y), x, y)
