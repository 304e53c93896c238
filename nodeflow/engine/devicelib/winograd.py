"""Winograd's transforms of pictures, gradients, filters and results, for square windows.

A square of a picture is one place larger along each side than the window. If the square and a
filter are transformed, one product for each element gives 2 x 2 neighbouring results.
`winograd_matrices` defines this for one axis; here both axes are transformed, first columns,
then rows. The gradient with respect to a filter follows in the same way from a square and the 2
x 2 places of the result's gradient.

A picture is (rows, columns, channels), and its channels are processed vector by vector. Each
element of a transformed square, row by row, is in its own matrix. Only kernels can call these
functions. ``taps``, a literal, is the side of the window.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import F32, I64
from nodeflow.engine.devicelib.register_tiles import function_of, scalar_of, shape_of
from nodeflow.engine.devicelib.winograd_matrices import Matrix, matrices

Vectors = list[list[Any]]
"""A matrix of vectors, in registers."""


class _Memory:
    """Vectors of floats in memory, given by address, and computations with them."""

    def __init__(self, builder: Any, scalar: ir.Type, lanes: int) -> None:
        self.builder = builder
        self.kind = ir.VectorType(scalar, lanes)
        self._size = 4 if scalar == F32 else 8
        self.bytes = lanes * self._size
        name = f"llvm.fma.v{lanes}{'f32' if scalar == F32 else 'f64'}"
        type_ = ir.FunctionType(self.kind, [self.kind] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, type_, name)

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.kind, [ir.Constant(self.kind.element, value)] * self.kind.count)

    def zeros(self) -> Any:
        """Return the address of a vector of zeros."""
        place = cgutils.alloca_once_value(self.builder, self.constant(0.0))
        return self.builder.ptrtoint(place, I64)

    def load(self, address: Any) -> Any:
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        return self.builder.load(pointer, align=self._size)

    def store(self, value: Any, address: Any) -> None:
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        self.builder.store(value, pointer, align=self._size)

    def over(self, depth: Any) -> Any:
        """Return a loop over the vectors of ``depth`` bytes."""
        return cgutils.for_range(self.builder, self.builder.sdiv(depth, _number(self.bytes)))

    def load_all(self, side: int, first: Any, step: Any) -> Vectors:
        """Load a ``side`` x ``side`` matrix of vectors from memory. Neighbouring vectors are
        ``step`` bytes apart, row after row.
        """
        return [
            [self.load(self._at(first, step, i * side + j)) for j in range(side)]
            for i in range(side)
        ]

    def store_all(self, rows: Vectors, first: Any, step: Any) -> None:
        for number, value in enumerate(v for row in rows for v in row):
            self.store(value, self._at(first, step, number))

    def _at(self, first: Any, step: Any, number: int) -> Any:
        return self.builder.add(first, self.builder.mul(step, _number(number)))

    # ---- computations ----------------------------------------------------------------------

    def times(self, matrix: Matrix, values: Sequence[Any]) -> list[Any]:
        """Return a matrix times a column of vectors."""
        return [self._sum(row, values) for row in matrix]

    def _sum(self, factors: Sequence[Any], values: Sequence[Any]) -> Any:
        """Emit code that adds up products of constant factors and values. Return the sum.

        If a factor is 1, begin with its product, because it needs no multiplication.
        """
        builder = self.builder
        terms = [(f, v) for f, v in zip(factors, values, strict=True) if f]
        terms.sort(key=lambda term: term[0] != 1)
        factor, total = terms[0]
        if factor != 1:
            total = builder.fmul(total, self.constant(float(factor)))
        for factor, value in terms[1:]:
            if abs(factor) == 1:
                total = (builder.fadd if factor == 1 else builder.fsub)(total, value)
            else:
                total = builder.call(self._fma, [value, self.constant(float(factor)), total])
        return total

    def on_both_sides(self, matrix: Matrix, values: Vectors) -> Vectors:
        """Emit code for a Winograd transform of a square of vectors: matrix @ square @ matrix.T.
        Return the rows of the result.
        """
        columns = [self.times(matrix, column) for column in _turned(values)]
        return [self.times(matrix, row) for row in _turned(columns)]


def _turned(rows: Vectors) -> Vectors:
    return [list(column) for column in zip(*rows, strict=True)]


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


class _Window:
    """Some rows of a picture. Rows and columns may be outside of it.

    Args:
        place: picture, bytes from row to row, first row, rows; bytes from column to column,
            first column, columns.
        count: number of rows.
    """

    def __init__(self, builder: Any, place: Sequence[Any], count: int) -> None:
        picture, row_step, top, height, self._step, self._left, self._width = place
        self._builder = builder
        self._rows = []
        for n in range(count):
            row = builder.add(top, _number(n))
            inside = builder.icmp_unsigned("<", row, height)
            self._rows.append((builder.add(picture, builder.mul(row, row_step)), inside))

    def column(self, number: Any, along: Any, outside: Any) -> list[Any]:
        """Return the addresses of one column of the window, plus ``along`` bytes.

        For positions outside the image, the address is ``outside``. Column 0 is the leftmost.
        """
        builder = self._builder
        column = builder.add(self._left, number)
        inside = builder.icmp_unsigned("<", column, self._width)
        further = builder.add(builder.mul(column, self._step), along)
        return [
            builder.select(builder.and_(inside, own), builder.add(row, further), outside)
            for row, own in self._rows
        ]


def _intrinsic(
    name: str, literals: Sequence[Any], words: int, body: Callable[..., None]
) -> tuple[Any, Any]:
    """Return the signature and the code generator of an intrinsic whose arguments are three
    literals (taps, lanes, a dtype) and ``words`` integers.

    The intrinsic calls an LLVM function, which ``body(taps, memory, *words)`` emits. A module
    contains that function only once.
    """
    taps, lanes, dtype = literals
    (side, count), scalar = shape_of(taps, lanes), scalar_of(dtype)

    def codegen(context, builder, sig, args):
        symbol = f"winograd.{name}.{side}.{count}"
        function, own = function_of(builder.module, symbol, scalar, words, 0)
        if own is not None:
            body(side, _Memory(own, scalar, count), *function.args)
            own.ret_void()
        builder.call(function, args[3:])
        return context.get_dummy_value()

    return types.void(*literals, *(types.int64,) * words), codegen


@intrinsic
def square_tiles(
    typingctx, taps, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth, out, tile_step, matrix_step,
):  # fmt: skip
    """Transform squares of an image for a Winograd convolution. The squares lie side by side, each
    two columns further right than the one before.

    Args:
        taps, lanes: literals.
        picture: address of the first row, ``row_step`` bytes to the next of ``height`` rows.
        top, left: row and column of the first square. Positions outside the image are 0.
        step: bytes from column to column of ``width`` columns.
        count: number of squares.
        depth: bytes of the channels, a multiple of a vector.
        out: address of the first matrix, ``matrix_step`` bytes from matrix to matrix, and
            ``tile_step`` from square to square.
    """

    def body(taps, memory, *words):
        *place, count, depth, out, tile_step, matrix_step = words
        own, side, signal = memory.builder, taps + 1, matrices(2, taps).signal
        window, outside, before = _Window(own, place, side), memory.zeros(), taps // 2
        kept = [
            [cgutils.alloca_once_value(own, memory.constant(0.0)) for _ in range(side)]
            for _ in range(taps - 1)
        ]
        with memory.over(depth) as loop:
            along = own.mul(loop.index, _number(memory.bytes))
            # Additional rounds read the columns before the last two of the first square.
            with cgutils.for_range(own, own.add(count, _number(before))) as number:
                columns = [[own.load(place) for place in places] for places in kept]
                for n in range(2):
                    column = own.add(own.shl(number.index, _number(1)), _number(n))
                    read = [memory.load(p) for p in window.column(column, along, outside)]
                    columns.append(memory.times(signal, read))
                tile = own.sub(number.index, _number(before))
                with own.if_then(own.icmp_signed(">=", tile, _number(0)), likely=True):
                    at = own.add(own.add(out, along), own.mul(tile, tile_step))
                    made = [memory.times(signal, row) for row in _turned(columns)]
                    memory.store_all(made, at, matrix_step)
                for values, places in zip(columns[2:], kept, strict=True):
                    for value, place in zip(values, places, strict=True):
                        own.store(value, place)

    return _intrinsic("squares", (taps, lanes, dtype), 12, body)


@intrinsic
def gradient_tiles(
    typingctx, taps, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth, out, tile_step, matrix_step,
):  # fmt: skip
    """Transform the gradient of a Winograd convolution's result, in squares of 2 x 2 positions that
    lie side by side.

    Arguments: as for `square_tiles`.
    """

    def body(taps, memory, *words):
        *place, count, depth, out, tile_step, matrix_step = words
        own, pair = memory.builder, matrices(taps, 2).taps
        window, outside = _Window(own, place, 2), memory.zeros()
        with memory.over(depth) as loop:
            along = own.mul(loop.index, _number(memory.bytes))
            with cgutils.for_range(own, count) as tile:
                first = own.shl(tile.index, _number(1))
                columns = [
                    window.column(own.add(first, _number(n)), along, outside) for n in range(2)
                ]
                read = [[memory.load(place) for place in places] for places in columns]
                at = own.add(own.add(out, along), own.mul(tile.index, tile_step))
                memory.store_all(memory.on_both_sides(pair, _turned(read)), at, matrix_step)

    return _intrinsic("gradients", (taps, lanes, dtype), 12, body)


@intrinsic
def result_tiles(
    typingctx, taps, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth,
    products, tile_step, matrix_step,
):  # fmt: skip
    """Transform the products of a Winograd convolution into 2 x 2 squares of results, and write the
    squares of a row side by side.

    Args:
        taps, lanes: literals.
        picture: address of the results; it and the following words are as in `square_tiles`. The
            first row and column of each 2 x 2 lie inside.
        count: rows of a matrix.
        depth: bytes of a result's channels, a multiple of a vector.
        products: address of the first matrix, ``matrix_step`` bytes from matrix to matrix, and
            ``tile_step`` from row to row.
    """

    def body(taps, memory, *words):
        *place, count, depth, products, tile_step, matrix_step = words
        own, result = memory.builder, matrices(2, taps).result
        window = _Window(own, place, 2)
        with cgutils.for_range(own, count) as tile:
            begin = own.add(products, own.mul(tile.index, tile_step))
            first = own.shl(tile.index, _number(1))
            with memory.over(depth) as loop:
                along = own.mul(loop.index, _number(memory.bytes))
                read = memory.load_all(taps + 1, own.add(begin, along), matrix_step)
                made = _turned(memory.on_both_sides(result, read))
                # Results outside of the picture are written to the first result's place before the
                # first result itself.
                corner = window.column(first, along, _number(0))[0]
                for n in (1, 0):
                    places = window.column(own.add(first, _number(n)), along, corner)
                    for value, to in reversed(list(zip(made[n], places, strict=True))):
                        memory.store(value, to)

    return _intrinsic("results", (taps, lanes, dtype), 12, body)


@intrinsic
def filter_tiles(typingctx, taps, lanes, dtype, filters, step, depth, out, matrix_step):
    """Transform the filters of a Winograd convolution. Several filters, which lie side by side in
    memory, are computed at once.

    Args:
        taps, lanes: literals.
        filters: address of the first weights of the filters, ``step`` bytes to the next position of
            the window.
        depth: bytes of the filters, a multiple of a vector.
        out: address of the first matrix, ``matrix_step`` bytes from matrix to matrix.
    """

    def body(taps, memory, filters, step, depth, out, matrix_step):
        own, transform = memory.builder, matrices(2, taps).taps
        with memory.over(depth) as loop:
            along = own.mul(loop.index, _number(memory.bytes))
            read = memory.load_all(taps, own.add(filters, along), step)
            made = memory.on_both_sides(transform, read)
            memory.store_all(made, own.add(out, along), matrix_step)

    return _intrinsic("filters", (taps, lanes, dtype), 5, body)


@intrinsic
def window_tiles(typingctx, taps, lanes, dtype, filters, step, depth, sums, matrix_step):
    """Transform matrices of sums to the gradients of a Winograd convolution's filters, and write
    them. Several filters, which lie side by side in memory, are computed at once.

    Arguments: as for `filter_tiles`.
    """

    def body(taps, memory, filters, step, depth, sums, matrix_step):
        own, result = memory.builder, matrices(taps, 2).result
        with memory.over(depth) as loop:
            along = own.mul(loop.index, _number(memory.bytes))
            read = memory.load_all(taps + 1, own.add(sums, along), matrix_step)
            made = memory.on_both_sides(result, read)
            memory.store_all(made, own.add(filters, along), step)

    return _intrinsic("windows", (taps, lanes, dtype), 5, body)
