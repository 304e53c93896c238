"""Products of many terms whose result is small compared to its operands, such as gradients of
weights.

Tiles of the result would each read a whole operand, so the sum is divided into parts instead. A
task computes the whole result of some terms, and the results of all tasks are added up. Rows of
the first operand are far apart, often in the same sets of the caches, which hold few of them at
a time. So the rows of each tile are multiplied with all columns before the next rows are read,
while a piece of the second operand stays in the first-level cache.
"""

from __future__ import annotations

from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.vector_width import TileShape, product_tile_shape
from nodeflow.engine.kernels.matmul_panels import COPIED
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

SIDE = 128
"""Maximum number of rows and of columns."""
TERMS, PART, PARTS = 32, 1024, 8
"""Minimum number of terms per row or column (below, panels are faster), minimum number of terms
of a part, and maximum number of parts.
"""
LEAST = 1 << 23
"""Minimum number of multiply-adds, so that adding up the parts takes comparatively little time."""
FEWEST = 48
"""Minimum number of terms of a piece. For each piece, results are read and written again."""


def parts_of_sum(m: int, n: int, k: int, dtype: str, transpose_b: bool) -> int:
    """Return into how many parts the sum of an (m, k) x (k, n) product is divided. Each part is a
    task.

    It is a power of two, or 1 if this module does not compute the product. It depends on the shape,
    on the width of vectors and on how the second operand is stored: transposing it would take as
    long as is gained.
    """
    if transpose_b or dtype not in FLOATS or dtype in HALVES or "avx2" not in processor.features():
        return 1
    shape = _shape(dtype)
    if max(m, n) > SIDE or m < 2 * shape.positions or n < shape.lanes or m * n * k < LEAST:
        return 1
    if k < max(TERMS * max(m, n), 2 * PART):
        return 1
    return min(PARTS, 1 << ((k // PART).bit_length() - 1))


def _shape(dtype: str) -> TileShape:
    return product_tile_shape(dtype, SIDE, SIDE)


def _panels(n: int, dtype: str) -> tuple[int, int]:
    """Return how many panels (blocks of columns) the second operand of a product has, and how many
    vectors wide the last one is.
    """
    shape = _shape(dtype)
    vectors = -(-n // shape.lanes)
    panels = -(-vectors // shape.vectors)
    return panels, vectors - (panels - 1) * shape.vectors


def _most_terms(n: int, dtype: str) -> int:
    """Return how many terms (rows of the second operand) are copied at a time, so that they stay in
    the first-level cache.
    """
    shape = _shape(dtype)
    row = _panels(n, dtype)[0] * shape.columns * numpy_dtype(dtype).itemsize
    return max(FEWEST, blocks().panel // row // 8 * 8)


def thin_args(shape: tuple[int, int, int], transpose_a: bool, terms: int) -> list[int]:
    """Return the arguments of a `thin_source` kernel that computes ``terms`` terms of a product,
    with 0 in place of the addresses.
    """
    m, n, k = shape
    return [0, 0, 0, 0, m, n, terms, m if transpose_a else k]


@cache
def thin_source(dtype: str, transpose_a: bool, n: int) -> str:
    """Return the source of a kernel that computes a part of an (m, n) matrix product with a long
    sum: k of its terms. The whole part is one task.

    Kernel arguments: 0, which is unused; a, b, c, m, n, k, elements from row to row of a as stored.

    The kernel prefetches the next tile's rows, or terms, and the next piece of the second operand.

    Args:
        n: number of columns.
    """
    shape, size = _shape(dtype), numpy_dtype(dtype).itemsize
    columns = shape.columns
    panels, last = _panels(n, dtype)
    depth = _most_terms(n, dtype)
    lines = -(-depth * size // (64 * panels))
    memory, copy = "", "y_panel = np.int64(SIZE * COLUMNS)"
    if n % columns != 0:
        memory = f"panel = local_memory({panels * columns * depth * size})"
        copy = """for left in range(0, n, COLUMNS):
            wide = min(np.int64(COLUMNS), n - left)
            copied(panel + SIZE * DEPTH * left, y + SIZE * left, SIZE * n, terms, wide)
        y, y_term, y_panel = panel, np.int64(SIZE * COLUMNS), np.int64(SIZE * COLUMNS * DEPTH)"""
    near = "coming(x + a_row * TALL + 64 * LINES * (left // COLUMNS), a_row, TALL, LINES)"
    if transpose_a:
        near = "coming(x_next + 64 * TALL * LINES * step, np.int64(0), 1, TALL * LINES)"
    call = """min(np.int64(TALL), m - top), x, a_row, a_term, y_here, y_term, terms,
                                  z, SIZE * n, n - left, 0, 0, done == 0, done + terms >= k)"""
    product = f"panel_product({shape.vectors}, LANES, T, 0, 1, 0, 0, {call}"
    if n % columns != 0:
        product = f"""if left + COLUMNS <= n:
                    {product}
                else:
                    panel_product({last}, LANES, T, 1, 1, 0, 0, {call}"""
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_memory, slot
from nodeflow.engine.devicelib.panel_copies import copied_row, fetched_line, filled_row
from nodeflow.engine.devicelib.register_tiles import panel_product

T, SIZE, COLUMNS, LAST = np.{dtype}, {size}, {columns}, {last * shape.lanes}
LANES, TALL, DEPTH, LINES = {shape.lanes}, {shape.positions}, {depth}, {lines}


{COPIED if n % columns != 0 else ""}
def coming(address, step, rows, lines):
    \"\"\"Let some lines of each row come nearer.\"\"\"
    for r in range(rows):
        for line in range(lines):
            fetched_line(address + step * r + 64 * line)


def kernel(args, task, ntasks):
    m, n, k, lda = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7)
    a_row, a_term = {"SIZE, SIZE * lda" if transpose_a else "SIZE * lda, SIZE"}
    {memory}
    steps = (m + TALL - 1) // TALL * {panels}
    each = (DEPTH * SIZE * n // 64 + steps - 1) // steps
    for done in range(0, k, DEPTH):
        terms = min(np.int64(DEPTH), k - done)
        y, y_term = slot(args, 2) + SIZE * n * done, SIZE * n
        x_next, y_next = slot(args, 1) + a_term * (done + DEPTH), y + SIZE * n * DEPTH
        {copy}
        step = np.int64(0)
        for top in range(0, m, TALL):
            x = slot(args, 1) + a_row * top + a_term * done
            for left in range(0, n, COLUMNS):
                {near}
                coming(y_next + 64 * each * step, np.int64(0), 1, each)
                step += 1
                z, y_here = slot(args, 3) + SIZE * (top * n + left), y + y_panel * (left // COLUMNS)
                {product}
"""
