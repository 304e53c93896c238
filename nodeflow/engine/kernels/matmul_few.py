"""Products of a few rows, which read the second operand where it is in memory.

BLAS first copies both operands into its own order. For a few rows, copying the second operand
takes several times as long as the product, which is one pass over it. Examples are a training
step and an inference with one row.
"""

from __future__ import annotations

from functools import cache

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.engine.devicelib.vector_width import (
    TileShape,
    product_tile_shape,
    vector_registers,
)
from nodeflow.engine.ir.launches import limited_tasks
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

ROWS = 12
"""Maximum number of rows. From 13 rows on, panels are as fast."""
VECTORS = 4
"""Number of vectors of results in each row of a unit of work."""
PAGE = 4096
"""Minimum bytes of a row of the second operand for which a tile sums only some terms at a time,
because each row is then on a separate page. A product of 1024 x 1024 with all terms at once
takes 1.3 times as long for three rows, 1.2 times for eight.
"""
STRIP, PIECE = 4096, 8
"""Bytes of results that stay in the first-level cache meanwhile, and number of terms of a piece
per row of results. Each piece reads the results again, so more rows need more terms per
piece.
"""
TERMS = 4
"""Number of terms that a single row adds to some columns at once, whose results stay in the
first-level cache. The second operand is then read row by row, so that the processor
prefetches it. By tiles of columns, 512 x 128 elements take 1.5 times as long.
"""
WIDE = 1024
"""Minimum number of columns for which one row of float32 is multiplied here even with AVX-512,
where BLAS does not copy: a layer takes 0.64 to 0.86 of the time of BLAS.
"""


def is_few(m: int, n: int, dtype: str, transpose_y: bool) -> bool:
    """Return whether this module computes an (m, n) product, because it has few rows.

    It does not if the second operand is narrow or transposed, or if BLAS multiplies small products
    without copying them. A single row is multiplied here from one vector of columns on, as in a
    layer of ten classes.
    """
    if dtype not in FLOATS or dtype in HALVES or transpose_y:
        return False
    if not 0 < m <= ROWS or n < columns_of(dtype) // (VECTORS if m == 1 else 1):
        return False
    return dtype != "float32" or not blas.small_products() or (m == 1 and n >= WIDE)


def columns_of(dtype: str) -> int:
    """Return how many columns of the product a unit of work computes."""
    return VECTORS * vector_registers()[0] // numpy_dtype(dtype).itemsize


def few_args(
    shape: tuple[int, int, int], dtype: str, transpose_x: bool, terms: int, work: float
) -> tuple[list[int], int]:
    """Return the arguments of a `few_source` kernel, with 0 in place of the addresses, and the
    number of tasks.

    Args:
        terms: how many of the k terms to add up. If it is not all of them, one task has all
            columns, so that each thread reads the rows of the second operand that it updates.
        work: estimated nanoseconds.
    """
    m, n, k = shape
    size, unit = numpy_dtype(dtype).itemsize, columns_of(dtype)
    row, term = (1, m) if transpose_x else (k, 1)
    tasks = limited_tasks(work, -(-n // unit)) if terms == k else 1
    strip, piece = n, terms
    if n * size >= PAGE:
        strip, piece = max(STRIP // (m * size * unit), 1) * unit, PIECE * m
    return [0, 0, 0, 0, n, terms, size * row, size * term, strip, piece, m], tasks


def few_source(dtype: str, rows: int) -> str:
    """Return the source of the kernel for a matrix product with few rows. The kernel takes the
    arguments of `few_args`.

    All products of three or more rows share one kernel, so a batch of another size compiles
    nothing.
    """
    if rows == 1:
        return _row_source(dtype)
    return _tiles_source(
        dtype, product_tile_shape(dtype, 2 if rows == 2 else TALL, columns_of(dtype))
    )


@cache
def _row_source(dtype: str) -> str:
    """Return the source of a kernel that multiplies a single row with a matrix. Kernel arguments:
    as for `_tiles_source`.
    """
    size, columns = numpy_dtype(dtype).itemsize, columns_of(dtype)

    def added(count: int) -> str:
        lines, text = [], "z[i]"
        for j in range(count):
            lines += [
                f"a{j} = load(a + a_term * (term + {j}), T)",
                f"x{j} = view1(b + {size} * (n * (term + {j}) + left), width, T)",
            ]
            text = f"fma(a{j}, x{j}[i], {text})"
        lines += ["for i in range(z.size):", f"    z[i] = {text}", f"term += {count}"]
        return "\n".join(f"            {line}" for line in lines)

    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, slot, view1
from nodeflow.engine.devicelib.math_functions import fma

T = np.{dtype}


def kernel(args, task, ntasks):
    a, b, c = slot(args, 1), slot(args, 2), slot(args, 3)
    n, terms, a_term = slot(args, 4), slot(args, 5), slot(args, 7)
    units = (n + {columns - 1}) // {columns}
    left = units * task // ntasks * {columns}
    end = min(n, units * (task + 1) // ntasks * {columns})
    while left < end:
        width = min(np.int64({blocks().numbers // 2}), end - left)
        z = view1(c + {size} * left, width, T)
        for i in range(z.size):
            z[i] = T(0)
        term = np.int64(0)
        while term + {TERMS} <= terms:
{added(TERMS)}
        while term < terms:
{added(1)}
        left += width
"""


@cache
def _tiles_source(dtype: str, tile: TileShape) -> str:
    """Return the source of a kernel for a matrix product with two or more rows, but few.

    Kernel arguments: 0, which is unused; a, b (terms, n), c (m, n); n, terms, bytes from row to row
    and from term to term of a, columns of a strip, terms of a piece, m.
    """
    unit = columns_of(dtype)
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot
from nodeflow.engine.devicelib.register_tiles import tiled_product

T, SIZE = np.{dtype}, {numpy_dtype(dtype).itemsize}
TALL, VECTORS, LANES, COLUMNS = {tile.positions}, {tile.vectors}, {tile.lanes}, {tile.columns}


def kernel(args, task, ntasks):
    a, b, c = slot(args, 1), slot(args, 2), slot(args, 3)
    n, terms, a_row, a_term = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7)
    strip, piece, m = slot(args, 8), slot(args, 9), slot(args, 10)
    units, along = (n + {unit - 1}) // {unit}, SIZE * n
    left, last = units * task // ntasks * {unit}, min(n, units * (task + 1) // ntasks * {unit})
    while left < last:
        width, done = min(strip, last - left), np.int64(0)
        while True:
            x, y = a + done * a_term, b + SIZE * (done * n + left)
            tiled_product(TALL, VECTORS, LANES, T, m, width, x, a_row, a_term, y, SIZE * COLUMNS,
                          along, min(piece, terms - done), c + SIZE * left, along, done == 0)
            done += piece
            if done >= terms:
                break
        left += width
"""
