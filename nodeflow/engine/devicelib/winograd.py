"""Winograd's transforms of pictures, gradients, filters and results, for windows of 3 x 3.

Four neighbouring results of a convolution take 36 multiplications for each channel and filter, or
16 between transforms that only add. With the matrices

    B' = 1  0 -1  0    G =  1    0    0     A' = 1  1  1  0
         0  1  1  0        1/2  1/2  1/2         0  1 -1 -1
         0 -1  1  0        1/2 -1/2  1/2
         0  1  0 -1         0    0    1

a square d of 4 x 4 places and a filter g of 3 x 3 give the results A' ((G g G') * (B' d B)) A, of
2 x 2, where * multiplies element by element. The gradient by the filter follows in the same way
from a square and the 2 x 2 places of the result's gradient.

A picture is (rows, columns, channels), and its channels go through vector by vector. Matrix 4 i + j
of 16 has what row i and column j of the transformed squares are. All functions are for use inside
kernels.

Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016.
"""

# Intrinsics are typing functions whose first argument, the typing context, numba passes in.
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import F32, I64
from nodeflow.engine.devicelib.register_tiles import function_of, scalar_of, shape_of

Matrix = list[list[Any]]


class _Vectors:
    """Vectors of floats in memory, and the matrices of the transforms times columns of them."""

    def __init__(self, builder: Any, scalar: ir.Type, lanes: int) -> None:
        self.builder = builder
        self.kind = ir.VectorType(scalar, lanes)
        self._size = 4 if scalar == F32 else 8
        self.bytes = lanes * self._size

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.kind, [ir.Constant(self.kind.element, value)] * self.kind.count)

    def load(self, address: Any) -> Any:
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        return self.builder.load(pointer, align=self._size)

    def store(self, value: Any, address: Any) -> None:
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        self.builder.store(value, pointer, align=self._size)

    def over(self, depth: Any) -> Any:
        """A loop over the vectors of ``depth`` bytes."""
        return cgutils.for_range(self.builder, self.builder.sdiv(depth, _number(self.bytes)))

    def load_matrix(self, rows: int, columns: int, first: Any, step: Any) -> Matrix:
        """Vectors that lie ``step`` bytes apart, as a matrix."""
        return [
            [self.load(self._at(first, step, i * columns + j)) for j in range(columns)]
            for i in range(rows)
        ]

    def store_matrix(self, matrix: Matrix, first: Any, step: Any) -> None:
        for number, value in enumerate(v for row in matrix for v in row):
            self.store(value, self._at(first, step, number))

    def _at(self, first: Any, step: Any, number: int) -> Any:
        return self.builder.add(first, self.builder.mul(step, _number(number)))

    # ---- the matrices ---------------------------------------------------------------------

    def square(self, d: Sequence[Any]) -> list[Any]:
        """B' times four numbers."""
        add, subtract = self.builder.fadd, self.builder.fsub
        return [subtract(d[0], d[2]), add(d[1], d[2]), subtract(d[2], d[1]), subtract(d[1], d[3])]

    def filter(self, g: Sequence[Any]) -> list[Any]:
        """G times three numbers."""
        ends, half = self.builder.fadd(g[0], g[2]), self.constant(0.5)
        plus, minus = self.builder.fadd(ends, g[1]), self.builder.fsub(ends, g[1])
        return [g[0], self.builder.fmul(plus, half), self.builder.fmul(minus, half), g[2]]

    def result(self, m: Sequence[Any]) -> list[Any]:
        """A' times four numbers."""
        add, subtract = self.builder.fadd, self.builder.fsub
        return [add(add(m[0], m[1]), m[2]), subtract(subtract(m[1], m[2]), m[3])]

    def pair(self, g: Sequence[Any]) -> list[Any]:
        """What two numbers of a gradient become; `window` halves the second and third."""
        return [g[0], self.builder.fadd(g[0], g[1]), self.builder.fsub(g[0], g[1]), g[1]]

    def window(self, m: Sequence[Any]) -> list[Any]:
        """The three numbers of a filter's gradient that four become."""
        add, subtract, half = self.builder.fadd, self.builder.fsub, self.constant(0.5)
        second, third = self.builder.fmul(m[1], half), self.builder.fmul(m[2], half)
        both = add(second, third)
        return [add(m[0], both), subtract(second, third), subtract(both, m[3])]


def _on_both_sides(transform: Callable[[Sequence[Any]], list[Any]], matrix: Matrix) -> Matrix:
    """Of the columns, then of the rows."""
    return [transform(row) for row in _turned([transform(c) for c in _turned(matrix)])]


def _turned(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


class _Window:
    """Rows of a picture from one on, some of which may lie outside, as columns may.

    Args:
        place: picture, bytes from row to row, first row, rows; bytes from column to column, first
            column, columns.
        count: how many rows.
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
        """Addresses of a column, counted from the first, ``along`` bytes further; ``outside`` for
        each place that lies there."""
        builder = self._builder
        column = builder.add(self._left, number)
        inside = builder.icmp_unsigned("<", column, self._width)
        further = builder.add(builder.mul(column, self._step), along)
        return [
            builder.select(builder.and_(inside, own), builder.add(row, further), outside)
            for row, own in self._rows
        ]


def _intrinsic(
    name: str,
    lanes: Any,
    dtype: Any,
    words: int,
    body: Callable[..., None],
) -> tuple[Any, Any]:
    """Signature and code of an intrinsic of literal ``lanes``, a dtype and ``words`` integers: it
    calls a function that ``body(vectors, *words)`` fills, once in each module."""
    (count,), scalar = shape_of(lanes), scalar_of(dtype)

    def codegen(context, builder, sig, args):
        symbol = f"winograd.{name}.{count}"
        function, own = function_of(builder.module, symbol, scalar, words, 0)
        if own is not None:
            body(_Vectors(own, scalar, count), *function.args)
            own.ret_void()
        builder.call(function, args[2:])
        return context.get_dummy_value()

    return types.void(lanes, dtype, *(types.int64,) * words), codegen


@intrinsic
def square_tiles(
    typingctx, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth, out, tile_step, matrix_step,
):  # fmt: skip
    """Transform squares of 4 x 4 places beside each other, which overlap by two columns.

    Args:
        lanes: literal.
        picture: address of the first row, ``row_step`` bytes to each next of ``height``.
        top, left: row and column of the first square. What lies outside the picture is 0.
        step: bytes from column to column, of which there are ``width``.
        count: how many squares.
        depth: bytes of the channels, a multiple of a vector.
        out: address of the first matrix, ``matrix_step`` bytes from one to the next of 16, and
            ``tile_step`` from square to square.
    """

    def body(vectors, *words):
        *place, count, depth, out, tile_step, matrix_step = words
        own = vectors.builder
        window = _Window(own, place, 4)
        zeros = cgutils.alloca_once_value(own, vectors.constant(0.0))
        outside = own.ptrtoint(zeros, I64)
        kept = [[cgutils.alloca_once(own, vectors.kind) for _ in range(4)] for _ in range(2)]
        with vectors.over(depth) as loop:
            along = own.mul(loop.index, _number(vectors.bytes))

            def column(number):
                places = window.column(number, along, outside)
                return vectors.square([vectors.load(place) for place in places])

            def keep(columns):
                for values, places in zip(columns, kept, strict=True):
                    for value, place in zip(values, places, strict=True):
                        own.store(value, place)

            keep([column(_number(n)) for n in range(2)])
            with cgutils.for_range(own, count) as tile:
                right = own.add(own.shl(tile.index, _number(1)), _number(2))
                new = [column(own.add(right, _number(n))) for n in range(2)]
                old = [[own.load(place) for place in places] for places in kept]
                made = [vectors.square(row) for row in _turned([*old, *new])]
                at = own.add(own.add(out, along), own.mul(tile.index, tile_step))
                vectors.store_matrix(made, at, matrix_step)
                keep(new)

    return _intrinsic("squares", lanes, dtype, 12, body)


@intrinsic
def gradient_tiles(
    typingctx, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth, out, tile_step, matrix_step,
):  # fmt: skip
    """As `square_tiles`, of the 2 x 2 places of a result's gradient, which lie side by side."""

    def body(vectors, *words):
        *place, count, depth, out, tile_step, matrix_step = words
        own = vectors.builder
        window = _Window(own, place, 2)
        outside = own.ptrtoint(cgutils.alloca_once_value(own, vectors.constant(0.0)), I64)
        with vectors.over(depth) as loop:
            along = own.mul(loop.index, _number(vectors.bytes))
            with cgutils.for_range(own, count) as tile:
                first = own.shl(tile.index, _number(1))
                columns = [
                    window.column(own.add(first, _number(n)), along, outside) for n in range(2)
                ]
                read = [[vectors.load(place) for place in places] for places in columns]
                at = own.add(own.add(out, along), own.mul(tile.index, tile_step))
                made = _on_both_sides(vectors.pair, _turned(read))
                vectors.store_matrix(made, at, matrix_step)

    return _intrinsic("gradients", lanes, dtype, 12, body)


@intrinsic
def result_tiles(
    typingctx, lanes, dtype,
    picture, row_step, top, height, step, left, width, count, depth,
    products, tile_step, matrix_step,
):  # fmt: skip
    """Write what 16 matrices of products become: 2 x 2 results beside each other for each row.

    Args:
        lanes: literal.
        picture: address of the results; those words mean what they do in `square_tiles`. The first
            row and column of each 2 x 2 lie inside.
        count: rows of a matrix.
        depth: bytes of a result's channels, a multiple of a vector.
        products: address of the first matrix, ``matrix_step`` bytes from one to the next, and
            ``tile_step`` from row to row.
    """

    def body(vectors, *words):
        *place, count, depth, products, tile_step, matrix_step = words
        own = vectors.builder
        window = _Window(own, place, 2)
        with cgutils.for_range(own, count) as tile:
            begin = own.add(products, own.mul(tile.index, tile_step))
            first = own.shl(tile.index, _number(1))
            with vectors.over(depth) as loop:
                along = own.mul(loop.index, _number(vectors.bytes))
                read = vectors.load_matrix(4, 4, own.add(begin, along), matrix_step)
                made = _turned(_on_both_sides(vectors.result, read))
                # What lies outside is written where the first result is, before that.
                corner = window.column(first, along, _number(0))[0]
                for n in (1, 0):
                    places = window.column(own.add(first, _number(n)), along, corner)
                    for value, to in reversed(list(zip(made[n], places, strict=True))):
                        vectors.store(value, to)

    return _intrinsic("results", lanes, dtype, 12, body)


@intrinsic
def filter_tiles(typingctx, lanes, dtype, filters, step, depth, out, matrix_step):
    """Transform filters beside each other.

    Args:
        lanes: literal.
        filters: address of the first place of the window, ``step`` bytes to each next of nine.
        depth: bytes of the filters, a multiple of a vector.
        out: address of the first matrix, ``matrix_step`` bytes from one to the next of 16.
    """

    def body(vectors, filters, step, depth, out, matrix_step):
        own = vectors.builder
        with vectors.over(depth) as loop:
            along = own.mul(loop.index, _number(vectors.bytes))
            read = vectors.load_matrix(3, 3, own.add(filters, along), step)
            made = _on_both_sides(vectors.filter, read)
            vectors.store_matrix(made, own.add(out, along), matrix_step)

    return _intrinsic("filters", lanes, dtype, 5, body)


@intrinsic
def window_tiles(typingctx, lanes, dtype, filters, step, depth, sums, matrix_step):
    """Write the gradients of filters beside each other that 16 matrices of sums become; words mean
    what they do in `filter_tiles`."""

    def body(vectors, filters, step, depth, sums, matrix_step):
        own = vectors.builder
        with vectors.over(depth) as loop:
            along = own.mul(loop.index, _number(vectors.bytes))
            read = vectors.load_matrix(4, 4, own.add(sums, along), matrix_step)
            made = _on_both_sides(vectors.window, read)
            vectors.store_matrix(made, own.add(filters, along), step)

    return _intrinsic("windows", lanes, dtype, 5, body)
