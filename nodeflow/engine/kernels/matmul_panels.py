"""Products of some rows by panels: a task takes some columns of the second operand at a time, and
all of its rows go through them.

BLAS for AVX2 copies the first operand, too, which costs a tenth where there are few terms, and cuts
a product into few tiles, so large that they have left the cache when what follows row by row reads
them. Here a task is some hundred rows, for which columns are copied into a panel; for fewer, they
are read where they are, and for many tasks they are copied once, into `matmul_blocked.Blocks`. A
result is added up from the first term to the last, whatever the number of rows, as in `matmul_few`;
so is each half, where a product is the sum of two.
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
"""Most rows of a task: enough that copying a panel takes little of the time of using it; and the
approximate columns of a task where there are no more rows."""
LEAST, MOST, FEW_TERMS, SMALL = 1 << 13, 400_000_000, 256, 1 << 20
"""Multiply-adds from which, and up to which, these are faster than BLAS; always of few terms and
where the second operand has at most ``SMALL`` bytes. What BLAS copies pays in a large product,
where it is read again and again."""
SHORT = 32
"""Terms up to which these are faster than BLAS for AVX-512, of many rows: they take 0.76 to 1.01 of
its time."""
SOME = 32
"""Rows from which these are faster than BLAS for AVX-512 in float32 where columns fill their tiles,
and take 0.5 to 1.0 of its time; of a wide second operand that is stored transposed 0.45 to 0.96."""
WIDE = 3
"""Tiles side by side from which these are faster than BLAS for AVX-512, of `SOME` rows, even if the
last is not full: they take 0.8 to 1.02 of its time."""
TURNED_FEW = 1 << 16
"""Elements of a second operand that is stored transposed from which these are faster than BLAS for
AVX-512 of fewer rows, too: they take 0.28 to 0.83 of its time."""
RAGGED = 8
"""Tiles side by side up to which halves of the rows are tasks with AVX-512, if the last is not
full: columns would give one thread up to twice the work of the other."""
HALF_ROWS, HALF_COPIED = 16, 48
"""Rows from which halves of the terms are faster through panels than all of them with AVX2, or than
halves by BLAS for AVX-512: they take 0.75 to 1.05 of the time; and from which columns are copied
for them with AVX2."""
UNCOPIED = 1 << 20
"""Multiply-adds up to which BLAS for AVX-512 copies nothing in float64."""
REUSED = 4
"""Panels from which a first operand that is stored transposed is copied, too, if its terms lie half
a page or more apart: processors fetch those late. It then takes 0.77 to 0.95 of the time, but 1.02
to 1.05 where they are closer. Of an operand that no second cache holds two panels are enough."""
SHARED = 1024
"""Rows from which columns are copied once for all tasks: transformers take 0.96 to 1.01 of the time
of copying for each task."""
SHORT_NS = 40_000
"""Estimated work up to which half of the rows are a task, so that what follows row by row, as the
last layers of a network, goes on with them."""


@dataclass(frozen=True)
class Panels:
    """Tasks of ``height`` x ``width`` of the result, which add up pieces of ``depth`` terms.

    ``direct``: columns of the second operand are read where they are, if they are as many as a
    tile's and not stored as rows. ``shared``: they are copied once for all tasks, if there is one
    second operand for all rows.
    """

    height: int
    width: int
    depth: int
    direct: bool = False
    shared: bool = False

    def tasks(self, m: int, n: int) -> int:
        """Number of tasks of an (m, n) result, at least 1."""
        return max(1, -(-m // self.height) * -(-n // self.width))

    def lowest(self, m: int) -> int:
        """Rows of the lowest tile of a task, as far as its text says."""
        return lowest_tile((m - 1) % self.height + 1)


def _shape(dtype: str) -> TileShape:
    return product_tile_shape(dtype, ROWS, COLUMNS)


def panel_columns(dtype: str) -> int:
    """Columns of a panel."""
    return _shape(dtype).columns


def _most_terms(dtype: str, direct: bool = False) -> int:
    """Of a panel; a last, narrow one is copied, always."""
    shape, size = _shape(dtype), numpy_dtype(dtype).itemsize
    fitting = blocks().panel // (shape.columns * size)
    return min(fitting, blocks().rows_in_place * (1 if direct else 2))


def plan_panels(m: int, n: int, k: int, dtype: str, transpose_y: bool = False) -> Panels | None:
    """How an (m, k) x (k, n) product is cut; None where BLAS computes it.

    It depends on the shape, on how the second operand is stored and on the processor alone. BLAS
    for AVX-512 needs no copies of small products of float32 but of those whose second operand is
    stored transposed, and is slower of these, where columns fill the tiles or are many, and of many
    rows that have few terms; of other processors nothing has been measured.
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
    """How half of the terms of a product is cut, of k terms; None where it is no panels.

    Each task has one panel, so that two halves are as much work for two threads, whatever n. With
    AVX-512 columns that fill panels are not halved: training steps take 1.02 to 1.05 of the time.

    Args:
        transposed: whether an operand is stored so; columns then fill a panel at least, as
            those of a narrower one are copied number by number.
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
    """Whether half of the rows are a task."""
    return m >= 8 * _shape(dtype).positions and product_ns(m, n, k, dtype) < SHORT_NS


def panels_args(
    shape: tuple[int, int, int],
    transpose_a: bool,
    transpose_b: bool,
    panels: Panels,
    terms: int | None = None,
) -> list[int]:
    """Args of a `panels_source` kernel, without addresses; ``terms``: of the k, if not all."""
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
"""A function of texts that name T, SIZE, LANES and COLUMNS."""

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
"""With APART bytes from term to term."""


def last_vectors(n: int, dtype: str) -> int:
    """Vectors that a last panel needs which ``n`` columns do not fill; 0 if they fill all."""
    shape = _shape(dtype)
    return -(-(n % shape.columns) // shape.lanes)


_IN_BLOCKS = """y = slot(args, 2) + SIZE * COLUMNS * ((n + COLUMNS - 1) // COLUMNS * done)
            y, y_term = y + SIZE * terms * left, np.int64(SIZE * COLUMNS)"""


def _where_it_is(transpose_b: bool) -> tuple[str, str, str]:
    """What copies columns of a second operand, where a task begins with it, and with a panel."""
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
    """Args: nothing, a, b, c, m, n, k, elements from row to row of a and of b as stored, then
    height, width and depth of `Panels`, and whether they are direct; then addresses of what is
    added.

    Args:
        last: the number of `last_vectors`.
        lowest: that of `Panels.lowest`.
        added: up to two things that are added to the product in turn, each a `MATRIX` or a `ROW`.
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
