"""Large products: the second operand is copied once for all tasks, and each task copies its rows
of the first.

Panels (`matmul_panels`) read rows where they are and copy columns for some hundred rows. In a
large product the columns would come from memory again for each copy, and rows lie on many
pages, half of them in the same sets of the first-level cache. Here the terms are divided into
pieces. A piece of a task's rows stays in the second-level cache; a piece of a panel stays in
the first-level cache, or comes from the second in time. As with panels, a result is summed from
the first term to the last, whatever the blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.added_parts import MATRIX, ROW
from nodeflow.engine.devicelib.vector_width import TileShape, tall_tile_shape
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall
from nodeflow.engine.kernels.matmul_panels import TURNED
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, HALVES, TensorType, numpy_dtype
from nodeflow.ops.lowering import Lowering

LEAST, SIDE, TERMS = 100_000_000, 512, 256
"""Minimum number of multiply-adds, of rows and columns, and of terms of these products. Below,
panels are faster.
"""
LARGE, ROWS, OPERAND = 400_000_000, 256, 1 << 20
"""Numbers of multiply-adds, of rows and columns, and of bytes of the second operand. Products
above all three are also faster than panels, which fetch such an operand from a distant cache
or from memory.
"""
MOST = 1 << 28
"""Maximum bytes of a second operand that is copied as a whole."""
AT_ONCE = 8
"""Number of terms between two prefetches."""
TASK_ROWS, TASK_BYTES = 144, 288 << 10
"""Maximum number of rows of a task, and maximum bytes of them that are copied to the stack at a
time.
"""
FEW_ROWS = 56
"""Maximum number of rows of a task whose panels come from the second-level cache. With such
short tasks all threads finish at about the same time, even if one is slower. Panels from
further away need more rows per task.
"""
NARROWEST = 512
"""Minimum number of columns of a task, if rows alone give too few tasks."""
WORTH = (2_000_000, 200_000_000, 800_000_000, 3_200_000_000)
"""Minimum number of multiply-adds of a product that is divided into at least 2, 4, 8 and 16
tasks.
"""


@dataclass(frozen=True)
class Blocked:
    """Tasks of ``height`` x ``width`` of the result, which sum pieces of ``depth`` terms.

    ``tiles``: maximum number of tiles of a task, as in the kernel's text.
    """

    height: int
    width: int
    depth: int
    tiles: int

    def tasks(self, m: int, n: int) -> int:
        """Return how many tasks compute an (m, n) result, one for each block."""
        return -(-m // self.height) * -(-n // self.width)


def is_blocked(m: int, n: int, k: int, dtype: str) -> bool:
    """Return whether this module computes an (m, k) x (k, n) product, in blocks whose operands are
    copied.

    This depends only on the shape and on the width of vectors.
    """
    if dtype not in FLOATS or dtype in HALVES or "avx2" not in processor.features():
        return False
    work, size = m * n * k, n * k * numpy_dtype(dtype).itemsize
    if not may_copy(n, k, dtype) or k < TERMS:
        return False
    wide = work >= LEAST and min(m, n) >= SIDE
    return wide or (work >= LARGE and min(m, n) >= ROWS and size > OPERAND)


def may_copy(n: int, k: int, dtype: str) -> bool:
    """Return whether a second operand of k terms and n columns is small enough to be copied as a
    whole.
    """
    return n * k * numpy_dtype(dtype).itemsize <= MOST


@cache
def plan_blocked(m: int, n: int, k: int, dtype: str) -> Blocked:
    """Return the division of such a product into tasks."""
    shape = tall_tile_shape(dtype)
    most = _most_terms(dtype)
    depth = min(-(-k // (-(-k // most) * AT_ONCE)) * AT_ONCE, most)
    near = depth * n * numpy_dtype(dtype).itemsize <= blocks().ahead
    tiles = max(1, min(FEW_ROWS if near else TASK_ROWS, _most_rows(dtype)) // shape.positions)
    wanted = 1 << sum(m * n * k >= work for work in WORTH)
    height, width = shape.positions * _tiles(-(-m // shape.positions), tiles), n
    columns, parts = shape.columns, 1
    while -(-m // height) * parts < wanted and n >= 2 * parts * NARROWEST:
        parts *= 2
        width = -(-n // (parts * columns)) * columns
    return Blocked(height, width, depth, tiles)


def _tiles(tiles: int, most: int) -> int:
    """Return how many tiles to put in a task, between half of ``most`` and ``most``, so that the
    busier of two threads gets as few tiles as possible.
    """

    def longest(count: int) -> int:
        whole, rest = divmod(tiles, count)
        return whole // 2 * count + (rest if whole % 2 == 0 else count)

    return min(range(most, most // 2, -1), key=longest)


def _most_rows(dtype: str) -> int:
    """Return how many rows of an operand are copied at a time, at most."""
    return TASK_BYTES // (_most_terms(dtype) * numpy_dtype(dtype).itemsize)


def _most_terms(dtype: str) -> int:
    """Return how many terms (rows) a panel of the second operand has at most, so that it stays in
    the cache.
    """
    shape = tall_tile_shape(dtype)
    row = shape.columns * numpy_dtype(dtype).itemsize
    return max(AT_ONCE, blocks().panel // row // AT_ONCE * AT_ONCE)


# ---- the second operand -------------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks(Lowering):
    """A matrix of (terms, columns) in pieces of ``depth`` terms.

    Each piece is panels (panel, term, column) of ``width`` columns, the width of a tile.
    ``transposed``: whether the matrix is stored as (columns, terms).
    """

    transposed: bool
    columns: int
    depth: int
    width: int

    def type_of(self, y: TensorType) -> TensorType:
        """Return the type of the array that holds a copy of the matrix ``y``, with its columns
        rounded up to whole panels.
        """
        terms = y.shape[-1 if self.transposed else -2]
        return y.with_shape((terms, -(-self.columns // self.width) * self.width))


@handles(Blocks)
class BlocksKernel(CallKernel[Blocks]):
    """The kernel that copies a second operand.

    A task has some terms, or some panels if the operand is transposed.
    """

    label = "pack"

    def calls(self, lowering: Blocks, types: Sequence[TensorType]) -> list[KernelCall]:
        y, made = types
        k, across = made.shape[0] or 0, made.shape[1] or 0
        args = (Array(0), Array(1), k, lowering.columns, lowering.depth)
        work = k * across * (0.4 if lowering.transposed else 0.3)
        units = across // lowering.width if lowering.transposed else -(-k // AT_ONCE)
        source = _blocks_source(y.dtype, lowering.transposed, lowering.width)
        return [KernelCall(source, args, units, work)]


@cache
def _blocks_source(dtype: str, transposed: bool, width: int) -> str:
    """Return the source of a kernel that copies the second operand of a product into blocks, so
    that the product reads contiguous memory.

    Kernel arguments: the matrix, the blocks, terms, columns, terms of a piece.
    """
    body = """    for t in range(k * task // ntasks, k * (task + 1) // ntasks):
        done = t // depth * depth
        x, y = b + SIZE * n * t, to + SIZE * COLUMNS * (panels * done + t - done)
        for panel in range(n // COLUMNS):
            copied_row(COLUMNS, T, x, y)
            x += SIZE * COLUMNS
            y += SIZE * COLUMNS * min(depth, k - done)
        if n % COLUMNS != 0:
            filled_row(COLUMNS, T, x, y, n % COLUMNS)
"""
    if transposed:
        body = """    for panel in range(panels * task // ntasks, panels * (task + 1) // ntasks):
        wide = min(np.int64(COLUMNS), n - COLUMNS * panel)
        for done in range(0, k, depth):
            terms = min(depth, k - done)
            y = to + SIZE * COLUMNS * (panels * done + terms * panel)
            turned(y, b + SIZE * (COLUMNS * panel * k + done), SIZE * k, terms, wide)
"""
    return f"""{_head(dtype, width)}
{TURNED if transposed else ""}

def kernel(args, task, ntasks):
    b, to = slot(args, 0), slot(args, 1)
    k, n, depth = slot(args, 2), slot(args, 3), slot(args, 4)
    panels = (n + COLUMNS - 1) // COLUMNS
{body}"""


def _head(dtype: str, columns: int) -> str:
    shape, size = tall_tile_shape(dtype), numpy_dtype(dtype).itemsize
    return f"""import numpy as np
from nodeflow.engine.devicelib.blocked_product import blocked_product
from nodeflow.engine.devicelib.intrinsics import load, local_memory, slot, view1
from nodeflow.engine.devicelib.panel_copies import copied_row, filled_row, turned_block

T, SIZE, LANES, COLUMNS = np.{dtype}, {size}, {shape.lanes}, {columns}
PIECE = {4 * shape.lanes}
"""


# ---- the product --------------------------------------------------------------------------------


def blocked_args(shape: tuple[int, int, int], dtype: str) -> tuple[list[int], int]:
    """Return the arguments of a `blocked_source` kernel, with 0 in place of the addresses, and the
    number of tasks.
    """
    m, n, _ = shape
    cut = plan_blocked(*shape, dtype)
    return [0, 0, 0, 0, *shape, cut.height, cut.width, cut.depth], cut.tasks(m, n)


_ROWS_COPIED = """
def gathered(near, source, step, terms, rows):
    \"\"\"Copy rows side by side; those that fill up the last tile are its last one.\"\"\"
    for r in range((rows + TALL - 1) // TALL * TALL):
        here, there = source + step * min(r, rows - 1), near + ROW * r
        t = np.int64(0)
        while t + PIECE <= terms:
            copied_row(PIECE, T, here + SIZE * t, there + SIZE * t)
            t += PIECE
        while t < terms:
            filled_row(LANES, T, here + SIZE * t, there + SIZE * t, terms - t)
            t += LANES
"""
_TERMS_COPIED = """
def gathered(near, source, step, terms, rows):
    \"\"\"Copy the terms of each tile side by side, and zeros for rows that fill up the last.\"\"\"
    for t in range(terms):
        for r in range(0, rows, TALL):
            here, there = source + step * t + SIZE * r, near + TILE * (r // TALL) + TERM * t
            filled_row(POWER, T, here, there, min(np.int64(TALL), rows - r))
"""
"""Zeros go past the end of a tile: over rows that are copied next, or into the gap between
tiles."""


@cache
def blocked_source(dtype: str, transpose_a: bool, tiles: int, added: tuple[int, ...] = ()) -> str:
    """Return the source of a kernel for a large matrix product a @ b, whose second operand has been
    copied into blocks.

    Kernel arguments: 0, which is unused; a, blocks of b, c, m, n, k; height, width and depth of
    `Blocked`; addresses of the added operands.

    Args:
        tiles: as in `Blocked`.
        added: kinds (`MATRIX` or `ROW`) of up to two operands that are added to the product in
            turn.
    """
    shape, size = tall_tile_shape(dtype), numpy_dtype(dtype).itemsize
    tall, most = shape.positions, _most_terms(dtype)
    row, term, tile = _layout(shape, size, most, transpose_a)
    first, second = (*added, 0, 0)[:2]
    places = {MATRIX: "top * n + left", ROW: "left"}
    parts = [f"slot(args, {10 + i}) + SIZE * ({places[kind]})" for i, kind in enumerate(added)]
    p, q = (*parts, "0", "0")[:2]
    ahead = -(-AT_ONCE * shape.columns * size // (64 * tiles))
    call = f"""blocked_product(TALL, {shape.vectors}, LANES, T, {{}}, ROW, TERM, TILE,
                                {ahead}, {AT_ONCE}, {first}, {second},
                                rows, near, y, terms, z, SIZE * n, right - left,
                                {p}, {q}, done == 0, done + terms >= k)"""
    start = "done * m + top" if transpose_a else "top * k + done"
    return f"""{_head(dtype, shape.columns)}
TALL, POWER = {tall}, {1 << (tall - 1).bit_length()}
ROW, TERM, TILE = {row}, {term}, {tile}

{_TERMS_COPIED if transpose_a else _ROWS_COPIED}

def kernel(args, task, ntasks):
    m, n, k = slot(args, 4), slot(args, 5), slot(args, 6)
    height, width, depth = slot(args, 7), slot(args, 8), slot(args, 9)
    panels, across = (n + COLUMNS - 1) // COLUMNS, (n + width - 1) // width
    top, begin = task // across * height, task % across * width
    rows, right = min(m, top + height) - top, min(n, begin + width)
    near = local_memory({tiles * tile + 1024})
    for done in range(0, k, depth):
        terms = min(depth, k - done)
        gathered(near, slot(args, 1) + SIZE * ({start}), SIZE * {"m" if transpose_a else "k"},
                 terms, rows)
        for left in range(begin, right, COLUMNS):
            y = slot(args, 2) + SIZE * (COLUMNS * panels * done + terms * left)
            z = slot(args, 3) + SIZE * (top * n + left)
            if left + COLUMNS <= right:
                {call.format(0)}
            else:
                {call.format(1)}
"""


def _layout(shape: TileShape, size: int, most: int, transpose_a: bool) -> tuple[int, int, int]:
    """Return three distances in bytes in a copy of the first operand's rows: from row to row, from
    term to term, and from tile to tile.

    There are gaps between rows, because otherwise they would evict each other from the first-level
    cache.
    """
    if transpose_a:
        return size, size * shape.positions, size * shape.positions * most + 128
    row = size * most + 64
    return row, size, row * shape.positions
