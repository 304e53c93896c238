"""Products of small matrices, often many at once, which read the operands where they are in memory.

If BLAS copies the operands first, each product takes up to half a microsecond more, three times
the duration of multiplying 12 x 12 matrices. Even if it copies nothing, a launch for each
product takes longer than a product of 4 x 4 matrices. Here one launch makes all of them.
"""

from __future__ import annotations

from functools import cache

from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.engine.devicelib.vector_width import product_tile_shape
from nodeflow.engine.ir.launches import limited_tasks
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

ROWS, WORK = 32, 1 << 13
"""Maximum number of rows, and maximum number of multiply-adds."""
COPIED = 1 << 11
"""Maximum number of elements of a second operand. A transposed one is copied to the stack."""
TERMS = 32
"""Maximum number of terms with AVX-512, for float64 or a transposed second operand. With 40 and
64 terms, products take up to 1.7 of the time of BLAS, which copies nothing there.
"""


def is_small(m: int, n: int, k: int, dtype: str, transpose_y: bool) -> bool:
    """Return whether an (m, k) x (k, n) product is so small that this module computes it instead of
    BLAS.
    """
    if dtype not in FLOATS or dtype in HALVES or m > ROWS or n * k > COPIED:
        return False
    if k > TERMS and blas.small_products() and (dtype == "float64" or transpose_y):
        return False
    return 0 < m * n * k <= WORK


def small_args(
    shape: tuple[int, int, int],
    dtype: str,
    transposed: tuple[bool, bool],
    count: int,
    apart: tuple[bool, bool],
    work: float,
) -> tuple[list[int], int]:
    """Return the arguments of a `small_source` kernel, without addresses, and the number of tasks.

    Args:
        transposed: for each operand, whether it is stored transposed.
        count: number of products, whose results follow each other.
        apart: for each operand, whether it has a matrix for each product, or one for all.
        work: estimated nanoseconds of all products.
    """
    m, n, k = shape
    size = numpy_dtype(dtype).itemsize
    steps = size * m * k * apart[0], size * k * n * apart[1]
    strides = (size, size * m) if transposed[0] else (size * k, size)
    return [0, 0, 0, 0, m, k, *strides, count, *steps], limited_tasks(work, count)


@cache
def small_source(dtype: str, n: int, transposed: bool) -> str:
    """Return the source of a kernel for many small matrix products, each of which fits into the
    cache.

    Kernel arguments: 0, which is unused; a, b, c, m, k, bytes from row to row and from term to term
    of a, number of products, bytes from matrix to matrix of a and of b.

    A result is added up from the first term to the last. The source does not contain the number of
    rows, so that another batch size compiles nothing.

    Args:
        n: number of columns.
        transposed: whether b is stored transposed; it is then copied first.
    """
    size, tile = numpy_dtype(dtype).itemsize, product_tile_shape(dtype, TALL, n)
    whole = n // tile.columns * tile.columns
    tiles = ""
    for left, columns in ((0, whole), (whole, n - whole)):
        if columns:
            vectors = min(tile.vectors, -(-columns // tile.lanes))
            tiles += f"""
        tiled_product({tile.positions}, {vectors}, {tile.lanes}, T, m, np.int64({columns}),
                      x, a_row, a_term, y + SIZE * {left}, np.int64({size * tile.columns}),
                      np.int64({size * n}), k, z + SIZE * {left}, np.int64({size * n}), True)"""
    memory = f"y = local_memory({size * COPIED})" if transposed else ""
    matrix = _COPY.format(n=n) if transposed else "y = b + index * b_step"
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, local_memory, slot, store
from nodeflow.engine.devicelib.register_tiles import tiled_product

T, SIZE = np.{dtype}, {size}


def kernel(args, task, ntasks):
    a, b, c = slot(args, 1), slot(args, 2), slot(args, 3)
    m, k, a_row, a_term = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7)
    count, a_step, b_step = slot(args, 8), slot(args, 9), slot(args, 10)
    {memory}
    for index in range(count * task // ntasks, count * (task + 1) // ntasks):
        x, z = a + index * a_step, c + {size * n} * index * m
        {matrix}{tiles}
"""


_COPY = """for i in range({n}):
            for t in range(k):
                number = load(b + index * b_step + SIZE * (k * i + t), T)
                store(y + SIZE * ({n} * t + i), number)"""
