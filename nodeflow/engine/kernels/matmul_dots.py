"""Products of few rows with a matrix that is stored transposed, and products with a single column.

Both are sums along rows of both operands. Training has such a product in each layer but the first,
and so has an output that is tied to an embedding. BLAS copies such a matrix first, which takes up
to twenty times as long as reading it.
"""

from __future__ import annotations

from functools import cache

from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.ir.launches import limited_tasks
from nodeflow.engine.kernels.matmul_tiling import FEW, plan_tiles, task_rows
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

ROWS = 11
"""Maximum number of rows, unless there is a single column. Products of more rows use panels."""
LEAST = 1 << 12
"""Minimum number of elements of the matrix. Below, BLAS is faster."""
ALONE, COLUMNS = 8, 4
"""Rows of the matrix that are taken at a time for a single row, and for several rows: enough
independent sums that additions do not wait for each other."""


def is_dots(m: int, n: int, k: int, dtype: str, transpose_x: bool, transpose_y: bool) -> bool:
    """Return whether this module computes an (m, k) x (k, n) product, as dot products of contiguous
    rows. It does if the second operand is stored transposed and there are few rows.

    A single column is contiguous as well.
    """
    if dtype not in FLOATS or dtype in HALVES or transpose_x or k < 2 * _lanes(dtype):
        return False
    if n == 1:
        return m > 0
    return transpose_y and 0 < m <= ROWS and n >= ALONE and n * k >= LEAST


def _lanes(dtype: str) -> int:
    return vector_registers()[0] // numpy_dtype(dtype).itemsize


def column_height(m: int, k: int, dtype: str) -> int:
    """Return how many rows a task computes in a product with a single column."""
    return task_rows(m) if m < FEW else plan_tiles(m, 1, k, dtype).height


def dots_args(shape: tuple[int, int, int], dtype: str, work: float) -> tuple[list[int], int]:
    """Return the arguments of a `dots_source` kernel, without addresses, and the number of tasks.

    Args:
        work: estimated nanoseconds.
    """
    m, n, k = shape
    if n == 1:
        height = column_height(m, k, dtype)
        return [0, 0, 0, 0, m, height, k], -(-m // height)
    return [0, 0, 0, 0, m, n, k], limited_tasks(work, -(-n // ALONE))


def dots_source(dtype: str, m: int, n: int) -> str:
    """Return the source of a kernel for an m x n product that is computed as dot products. The
    kernel takes the arguments of `dots_args`.

    All products of two or more rows share one kernel, so a batch of another size compiles nothing.
    """
    if n == 1:
        return _column_source(dtype)
    return _rows_source(dtype, ALONE, (1,)) if m == 1 else _rows_source(dtype, COLUMNS, _heights())


def _heights() -> tuple[int, ...]:
    """Return the numbers of rows that tiles of a product have, the largest first. Several rows are
    cut into such tiles.
    """
    return (4, 2, 1) if vector_registers()[1] >= 32 else (2, 1)


@cache
def _column_source(dtype: str) -> str:
    """Return the source of a kernel that multiplies a matrix with a single column.

    Kernel arguments: 0, which is unused; a (m, terms), b (terms), c (m); m, rows of a task, terms.
    """
    text = f"""
    m, height, terms = slot(args, 4), slot(args, 5), slot(args, 6)
    along = SIZE * terms
    row, end = task * height, min(m, (task + 1) * height)
    while row < end:
        x, z = a + along * row, c + SIZE * row
        if row + {ALONE} <= end:
            dot_tile({ALONE}, 1, LANES, T, x, along, b, along, terms, z, SIZE)
            row += {ALONE}
        else:
            dot_tile(1, 1, LANES, T, x, along, b, along, terms, z, SIZE)
            row += 1
"""
    return _kernel(dtype, text)


@cache
def _rows_source(dtype: str, columns: int, heights: tuple[int, ...]) -> str:
    """Return the source of a kernel for a product of few rows with a transposed matrix b. A unit of
    work is some rows of b.

    Kernel arguments: 0, which is unused; a (m, terms), b (n, terms), c (m, n); m, n, terms.
    """
    tiles = "".join(
        f"""
        while row + {height} <= m:
            dot_tile({height}, {columns}, LANES, T, a + along * row, along, y, along, terms,
                     z + SIZE * n * row, SIZE * n)
            row += {height}"""
        for height in heights
    )
    text = f"""
    m, n, terms = slot(args, 4), slot(args, 5), slot(args, 6)
    along = SIZE * terms
    units = n // {columns}
    for unit in range(units * task // ntasks, units * (task + 1) // ntasks):
        left = unit * {columns}
        y, z, row = b + along * left, c + SIZE * left, np.int64(0){tiles}
    if task == ntasks - 1:
        for left in range(units * {columns}, n):
            for row in range(m):
                dot_tile(1, 1, LANES, T, a + along * row, along, b + along * left, along, terms,
                         c + SIZE * (row * n + left), SIZE * n)
"""
    return _kernel(dtype, text)


def _kernel(dtype: str, text: str) -> str:
    """Return the complete kernel source of a product with the given body. The body may use the
    addresses a, b and c of both operands and the result.
    """
    return f"""import numpy as np
from nodeflow.engine.devicelib.dot_tiles import dot_tile
from nodeflow.engine.devicelib.intrinsics import slot

T, SIZE, LANES = np.{dtype}, {numpy_dtype(dtype).itemsize}, {_lanes(dtype)}


def kernel(args, task, ntasks):
    a, b, c = slot(args, 1), slot(args, 2), slot(args, 3){text}"""
