"""Products of a few rows with a matrix that is stored transposed: sums along rows of both.

Training multiplies so for each layer but the first, and so does an output that is tied to an
embedding. BLAS copies such a matrix first, which takes up to twenty times as long as reading it.
"""

from __future__ import annotations

from functools import cache

from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.ir.launches import limited_tasks
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

ROWS = 11
"""Most rows; more go through panels."""
LEAST = 1 << 12
"""Elements of the matrix from which these are faster than BLAS."""
ALONE, COLUMNS = 8, 4
"""Rows of the matrix that one row goes through at a time, and those that more rows do: enough
sums side by side that additions do not wait for each other."""


def is_dots(m: int, n: int, k: int, dtype: str, transpose_x: bool, transpose_y: bool) -> bool:
    """Whether an (m, k) x (k, n) product is one of these."""
    if dtype not in FLOATS or dtype in HALVES or transpose_x or not transpose_y:
        return False
    return 0 < m <= ROWS and n >= ALONE and k >= 2 * _lanes(dtype) and n * k >= LEAST


def _lanes(dtype: str) -> int:
    return vector_registers()[0] // numpy_dtype(dtype).itemsize


def dots_args(shape: tuple[int, int, int], work: float) -> tuple[list[int], int]:
    """Args of a `dots_source` kernel, without addresses, and its number of tasks.

    Args:
        work: estimated nanoseconds.
    """
    m, n, k = shape
    return [0, 0, 0, 0, m, n, k], limited_tasks(work, -(-n // ALONE))


@cache
def dots_source(dtype: str, m: int) -> str:
    """Args: nothing, a, b, c, m, n, number of terms. a is (m, terms), b (n, terms), c (m, n). A
    unit of work is some rows of b."""
    size = numpy_dtype(dtype).itemsize
    columns = ALONE if m == 1 else COLUMNS
    tallest, tiles, row = 4 if vector_registers()[1] >= 32 else 2, "", 0
    while row < m:
        height = min(tallest, 1 << ((m - row).bit_length() - 1))
        tiles += f"""
        dot_tile({height}, {columns}, LANES, T, a + along * {row}, along, y, along, terms,
                 z + SIZE * n * {row}, SIZE * n)"""
        row += height
    return f"""import numpy as np
from nodeflow.engine.devicelib.dot_tiles import dot_tile
from nodeflow.engine.devicelib.intrinsics import slot

T, SIZE, LANES = np.{dtype}, {size}, {_lanes(dtype)}


def kernel(args, task, ntasks):
    a, b, c = slot(args, 1), slot(args, 2), slot(args, 3)
    m, n, terms = slot(args, 4), slot(args, 5), slot(args, 6)
    along = SIZE * terms
    units = n // {columns}
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        left = unit * {columns}
        y = b + along * left
        z = c + SIZE * left{tiles}
    if task == ntasks - 1:
        for left in range(units * {columns}, n):
            for row in range(m):
                dot_tile(1, 1, LANES, T, a + along * row, along, b + along * left, along, terms,
                         c + SIZE * (row * n + left), SIZE * n)
"""
