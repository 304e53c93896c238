"""Products of some rows by panels: some columns of the second operand at a time for all rows.

BLAS for AVX2 also copies the first operand, which costs a tenth if there are few terms. It
divides a product into few tiles, so large that they have left the cache when consumers read
them row by row. Here a task has some hundred rows, and columns are copied into a panel for
them. For fewer rows, columns are read where they are. For many tasks, they are copied once,
into `matmul_blocked.Blocks`. A result is summed from the first term to the last, whatever the
number of rows, as in `matmul_few`. In a product that is the sum of two halves, this holds for
each half.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.blocking import PAGE, blocks
from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.added_parts import MATRIX, ROW
from nodeflow.engine.devicelib.tile_heights import lowest_tile
from nodeflow.engine.devicelib.vector_width import TileShape, product_tile_shape
from nodeflow.engine.kernels.matmul_tiling import product_ns, task_rows
from nodeflow.graph.types import FLOATS, HALVES, numpy_dtype

ROWS, COLUMNS = 128, 64
"""Most rows of a task, enough that copying a panel takes little of the time of using it; and the
approximate columns of a task of a product that has no more rows."""
LEAST, MOST, FEW_TERMS, SMALL = 1 << 13, 400_000_000, 256, 1 << 20
"""Minimum and maximum number of multiply-adds of these products; otherwise BLAS is faster. The
maximum does not apply to products of at most ``FEW_TERMS`` terms, or with a second operand
of at most ``SMALL`` bytes. The copies that BLAS makes save time in a large product, where
they are read again and again.
"""
SHORT = 32
"""Maximum number of terms of products of many rows that beat BLAS for AVX-512: they take 0.76
to 1.01 of its time.
"""
SOME = 32
"""Minimum number of rows of float32 products that beat BLAS for AVX-512 if columns fill their
tiles: they take 0.5 to 1.0 of its time. With a wide second operand that is stored transposed
they take 0.45 to 0.96.
"""
WIDE = 3
"""Minimum number of tiles side by side of products of `SOME` rows that beat BLAS for AVX-512
even if the last tile is not full: they take 0.8 to 1.02 of its time.
"""
TURNED_FEW = 1 << 16
"""Minimum number of elements of a transposed second operand of products of fewer rows that also
beat BLAS for AVX-512: they take 0.28 to 0.83 of its time.
"""
RAGGED = 8
"""Number of tiles side by side below which, with AVX-512, each task has half of the rows, if
the last tile is not full. Tasks of columns would give one thread up to twice the work of the
other.
"""
HALF_ROWS, HALF_COPIED = 16, 48
"""Minimum numbers of rows. First, for products in two halves of the terms, which are faster by
panels than all terms with AVX2, or than halves by BLAS for AVX-512: they take 0.75 to 1.05
of the time. Second, for halves that copy columns with AVX2.
"""
UNCOPIED = 1 << 20
"""Maximum number of multiply-adds that BLAS for AVX-512 computes without copies in float64."""
REUSED = 4
"""Minimum number of panels for which a transposed first operand is also copied, if its terms
are half a page or more apart, because processors prefetch those late. This takes 0.77 to
0.95 of the time; for closer terms it would take 1.02 to 1.05. If the operand is larger than
the second-level cache, two panels are enough.
"""
SHARED = 1024
"""Minimum number of rows for which columns are copied once for all tasks: transformers take
0.96 to 1.01 of the time of copying for each task.
"""
SHORT_NS = 40_000
"""Estimated nanoseconds below which each task has half of the rows. Consumers that go row by
row, such as the last layers of a network, then continue with these rows.
"""


@dataclass(frozen=True)
class Panels:
    """Tasks of ``height`` x ``width`` of the result, which sum pieces of ``depth`` terms.

    ``direct``: whether full tiles read columns of the second operand where they are, if it is
    not stored transposed. ``shared``: whether columns are copied once for all tasks, if all
    rows have the same second operand.
    """

    height: int
    width: int
    depth: int
    direct: bool = False
    shared: bool = False

    def tasks(self, m: int, n: int) -> int:
        """Return the number of tasks of a product with an (m, n) result, at least 1."""
        return max(1, -(-m // self.height) * -(-n // self.width))

    def lowest(self, m: int) -> int:
        """Return the number of rows of the smallest tile in a task. The kernel source depends on
        it.
        """
        return lowest_tile((m - 1) % self.height + 1)


def _shape(dtype: str) -> TileShape:
    return product_tile_shape(dtype, ROWS, COLUMNS)


def panel_columns(dtype: str) -> int:
    """Return the number of columns of a panel."""
    return _shape(dtype).columns


def _most_terms(dtype: str, direct: bool = False) -> int:
    """Return how many terms (rows) a panel of the second operand has at most, so that it stays in
    the cache.

    ``direct``: whether panels are read where they are instead of copied; a narrow last panel is
    always copied.
    """
    shape, size = _shape(dtype), numpy_dtype(dtype).itemsize
    fitting = blocks().panel // (shape.columns * size)
    return min(fitting, blocks().rows_in_place * (1 if direct else 2))


def plan_panels(m: int, n: int, k: int, dtype: str, transpose_y: bool = False) -> Panels | None:
    """Return how an (m, k) x (k, n) product is cut into tasks and panels, or None if BLAS computes
    it.

    The cut depends only on the shape, on how the second operand is stored, and on the processor.
    BLAS for AVX-512 makes no copies for small products of float32, unless the second operand is
    stored transposed. It is slower than panels for transposed operands, for columns that fill the
    tiles or are many, and for many rows of few terms. Other processors have not been measured.
    """
    if dtype not in FLOATS or dtype in HALVES or "avx2" not in processor.features():
        return None
    shape, work = _shape(dtype), m * n * k
    size, columns = numpy_dtype(dtype).itemsize, shape.columns
    if n < shape.lanes or m < 2 * shape.positions or work < LEAST:
        return None
    ragged = False
    if blas.small_products():
        many_short = k <= SHORT and m >= 2 * ROWS
        some = m >= (SOME if dtype == "float32" else ROWS)
        full = some and n % columns == 0
        wide = some and n >= WIDE * columns
        copied = dtype == "float64" and work > UNCOPIED
        ragged = dtype == "float32" and not (full or transpose_y) and n < RAGGED * columns
        turned = transpose_y and m < SOME and n * k >= TURNED_FEW
        if n < columns or not (many_short or full or wide or copied or turned):
            return None
    if work >= MOST and k > FEW_TERMS and size * n * k > SMALL:
        return None
    height, width = m, n
    if m > ROWS:
        height = task_rows(m)
    elif ragged or _is_short(m, n, k, dtype) or (n <= columns and m >= SOME):  # not one task
        height = -(-m // 2)
    else:
        tasks = max(4, 2 * round(n / (2 * COLUMNS)))
        width = -(-n // (columns * tasks)) * columns
    if height < blocks().rows_direct:
        direct = size * n % PAGE != 0
    else:
        direct = size * n % (PAGE // 4) != 0 and size * n * k <= blocks().operand_in_place
    most = _most_terms(dtype, direct)
    return Panels(height, width, -(-k // -(-k // most)), direct, m >= SHARED and not direct)


def plan_half(m: int, n: int, k: int, dtype: str, transposed: bool) -> Panels | None:
    """Return how one half of a product is cut into panels (blocks of columns), if its terms are
    divided in two halves of k terms. Return None if the product should not be halved in this way.

    Each task has one panel, so that two halves are the same work for two threads, whatever n. With
    AVX-512, columns that fill panels are not halved, because training steps would take 1.02 to 1.05
    of the time.

    Args:
        transposed: whether an operand is stored transposed. The columns must then fill a panel,
            because narrower ones would be copied number by number.
    """
    if dtype not in FLOATS or dtype in HALVES or "avx2" not in processor.features():
        return None
    shape, size = _shape(dtype), numpy_dtype(dtype).itemsize
    least = max(shape.lanes, shape.columns // (1 if transposed else 2))
    if blas.small_products():
        elsewhere = dtype == "float64" or n % shape.columns == 0
    else:
        elsewhere = m > ROWS or _is_short(m, n, 2 * k, dtype)
    if elsewhere or m < HALF_ROWS or n < least:
        return None
    height = m if m <= ROWS else task_rows(m)
    copied = blocks().rows_direct if blas.small_products() else HALF_COPIED
    direct = height < copied and size * n % PAGE != 0
    return Panels(height, shape.columns, -(-k // -(-k // _most_terms(dtype, direct))), direct)


def _is_short(m: int, n: int, k: int, dtype: str) -> bool:
    """Return whether each task has half of the rows."""
    return m >= 8 * _shape(dtype).positions and product_ns(m, n, k, dtype) < SHORT_NS


def panels_args(
    shape: tuple[int, int, int],
    transpose_a: bool,
    transpose_b: bool,
    panels: Panels,
    terms: int | None = None,
) -> list[int]:
    """Return the arguments of a `panels_source` kernel, with 0 in place of the addresses.

    ``terms``: how many of the k terms to sum; None for all.
    """
    m, n, k = shape
    strides = m if transpose_a else k, k if transpose_b else n
    cut = panels.height, panels.width, panels.depth, int(panels.direct)
    return [0, 0, 0, 0, m, n, k if terms is None else terms, *strides, *cut]


TURNED = """def turned(panel, source, step, terms, wide):
    \"\"\"Write ``wide`` rows of ``terms`` elements, ``step`` bytes apart, as columns, and zeros
    in the others: what happens to lie there may be denormal, and slow.\"\"\"
    t = np.int64(0)
    while wide == COLUMNS and t + LANES <= terms:
        for i in range(0, COLUMNS, LANES):
            turned_block(LANES, T, source + step * i + SIZE * t, step,
                         panel + SIZE * (COLUMNS * t + i), SIZE * COLUMNS)
        t += LANES
    while t < terms:
        y = view1(panel + SIZE * COLUMNS * t, COLUMNS, T)
        for i in range(wide):
            y[i] = load(source + step * i + SIZE * t, T)
        for i in range(wide, y.size):
            y[i] = T(0)
        t += 1
"""
"""The text of a function that transposes columns into a panel, for kernels that define T, SIZE,
LANES and COLUMNS.
"""

COPIED = """def copied(panel, source, step, terms, wide):
    \"\"\"Write ``wide`` elements of ``terms`` rows, ``step`` bytes apart, as rows.\"\"\"
    for t in range(terms):
        here, there = source + step * t, panel + SIZE * COLUMNS * t
        if wide == COLUMNS:
            copied_row(COLUMNS, T, here, there)
        else:
            filled_row(LAST, T, here, there, wide)
"""

_GATHERED = """
def gathered(near, source, step, terms, rows):
    \"\"\"Write ``rows`` numbers, at least LANES, of each term; the last vectors overlap.\"\"\"
    for t in range(terms):
        for i in range(0, rows, LANES):
            row = min(i, rows - LANES)
            copied_row(LANES, T, source + step * t + SIZE * row, near + APART * t + SIZE * row)

"""
"""A function that writes with APART bytes from term to term."""


def last_vectors(n: int, dtype: str) -> int:
    """Return how many vectors wide the last panel (block of columns) is, if ``n`` columns do not
    fill it; 0 if they do.
    """
    shape = _shape(dtype)
    return -(-(n % shape.columns) // shape.lanes)


_IN_BLOCKS = """y = slot(args, 2) + SIZE * COLUMNS * ((n + COLUMNS - 1) // COLUMNS * done)
            y, y_term = y + SIZE * terms * left, np.int64(SIZE * COLUMNS)"""


def _where_it_is(transpose_b: bool) -> tuple[str, str, str]:
    """Return three pieces of kernel source: one copies a panel of the second operand (a block of
    columns), one begins a task, and one begins a panel.
    """
    copy = "turned" if transpose_b else "copied"
    begin = f"""b_term, b_column = {"SIZE, SIZE * ldb" if transpose_b else "SIZE * ldb, SIZE"}
    panel = local_memory({blocks().panel})
    direct = {"False" if transpose_b else "slot(args, 12) != 0"}"""
    find = f"""y = slot(args, 2) + b_term * done + b_column * left
            y_term = SIZE * ldb
            if not direct or wide < COLUMNS:
                {copy}(panel, y, SIZE * ldb, terms, wide)
                y, y_term = panel, np.int64(SIZE * COLUMNS)"""
    return TURNED if transpose_b else COPIED, begin, find


@cache
def panels_source(
    dtype: str,
    transpose_a: bool,
    transpose_b: bool,
    last: int,
    lowest: int,
    added: tuple[int, ...] = (),
    shared: bool = False,
) -> str:
    """Return the source of a kernel that multiplies matrices by panels (blocks of columns of the
    second operand).

    Kernel arguments: 0, which is unused; a, b, c, m, n, k, elements from row to row of a and of b
    as stored; height, width and depth of `Panels`, and whether they are direct; addresses of the
    added operands.

    Args:
        last: result of `last_vectors`.
        lowest: result of `Panels.lowest`.
        added: kinds (`MATRIX` or `ROW`) of up to two operands that are added to the product in
            turn.
        shared: whether b is in `matmul_blocked.Blocks` of as many columns as a tile has.
    """
    shape, size = _shape(dtype), numpy_dtype(dtype).itemsize
    copy, begin, find = ("", "", _IN_BLOCKS) if shared else _where_it_is(transpose_b)
    apart = (ROWS + shape.lanes) * size
    memory = gather = ""
    if transpose_a:
        memory = f"""near = local_memory({_most_terms(dtype) * apart})
    uses = 2 if SIZE * m * k > {blocks().operand_far} else {REUSED}
    reused = right - first >= uses * COLUMNS and rows >= LANES and a_term >= {PAGE // 2}"""
        gather = f"""if reused and terms > {blocks().rows_in_place // 2}:
            gathered(near, x, a_term, terms, rows)
            x, x_term = near, np.int64(APART)"""
    first, second = (*added, 0, 0)[:2]
    places = {MATRIX: "top * n + left", ROW: "left"}
    parts = [f"slot(args, {13 + i}) + SIZE * ({places[kind]})" for i, kind in enumerate(added)]
    p, q = (*parts, "0", "0")[:2]
    ends = f"""{lowest}, {first}, {second},
                              rows, x, a_row, x_term, y, y_term, terms, z, SIZE * n, wide,
                              {p}, {q}, done == 0, final"""
    product = f"panel_product({shape.vectors}, LANES, T, 0, {ends})"
    if last:
        product = f"""if wide == COLUMNS:
                {product}
            else:
                panel_product({last}, LANES, T, 1, {ends})"""
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, local_memory, slot, view1
from nodeflow.engine.devicelib.panel_copies import copied_row, filled_row, turned_block
from nodeflow.engine.devicelib.register_tiles import panel_product

T, SIZE, LANES, COLUMNS = np.{dtype}, {size}, {shape.lanes}, {shape.columns}
LAST, APART = {(last or shape.vectors) * shape.lanes}, {apart}


{copy}
{_GATHERED if transpose_a else ""}
def kernel(args, task, ntasks):
    m, n, k, lda, ldb = slot(args, 4), slot(args, 5), slot(args, 6), slot(args, 7), slot(args, 8)
    height, width, depth = slot(args, 9), slot(args, 10), slot(args, 11)
    across = (n + width - 1) // width
    top, first = task // across * height, task % across * width
    rows, right = min(m, top + height) - top, min(n, first + width)
    a_row, a_term = {"SIZE, SIZE * lda" if transpose_a else "SIZE * lda, SIZE"}
    {begin}
    {memory}
    done = np.int64(0)
    while True:
        terms = min(depth, k - done)
        final = done + terms >= k
        x, x_term = slot(args, 1) + a_row * top + a_term * done, a_term
        {gather}
        for left in range(first, right, COLUMNS):
            wide = min(np.int64(COLUMNS), right - left)
            {find}
            z = slot(args, 3) + SIZE * (top * n + left)
            {product}
        done += terms
        if final:
            break
"""
