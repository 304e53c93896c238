"""How a matrix product is cut into tasks, and each task into calls of BLAS.

Everything here depends on shapes and on the library, never on the number of threads, so results do
not either. Two ways of cutting:

- *Packed*: a few large tiles, each one call. BLAS copies both operands into an order of its own
  first, which pays for large products only, and once more for each further tile.
- *Blocked*: many calls of at most a million multiply-adds, which OpenBLAS for AVX-512 computes
  straight from where the operands are. Blocks that fit the first cache make products of some
  hundred rows 1.2 times as fast, those of ten rows three times, and tasks can be small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine.devicelib import blas
from nodeflow.graph.types import FLOATS

# Multiply-adds from which a packed product is worth 2, 4, 8 and 16 tiles. Two pay early; each
# further halving packs the operands again: of 1024 cubed, 2 tiles take 7.3 ms on two cores, 4 7.6,
# 8 8.0 and 16 8.4, so the finer grids wait for products that have work for as many cores.
_WORTH = (2_000_000, 200_000_000, 800_000_000, 3_200_000_000)
_VECTOR = 16
_BLOCK = 1_000_000
"""Multiply-adds of a block: from there on OpenBLAS packs (its ``small_matrix_permit``)."""
_LARGE = 400_000_000
"""Multiply-adds from which packing pays."""
_DEPTH = 100
"""Terms of a block: of 64 columns, 100 rows of the second operand fill half of the first cache."""
FEW = 32
"""Rows or columns below which a side is short: its whole length goes into each block."""
_ROWS = 64
"""Most rows of a task, or half of them, or of many twice that."""
_TASK_NS = 2_000
"""Tall products whose rows are quick have tasks of at least this."""

HALVES_NS = 10_000
"""Estimated work from which two halves of a sum are worth adding up."""
WHOLE_ROWS, WHOLE_OPERAND = 32, 1 << 17
"""Rows from which, and elements of the second operand up to which, AVX-512 cuts rows instead."""
HALVED_TERMS, HALVED_ELEMENTS = 128, 1 << 17
"""Terms, and elements of the second operand, from which halves of the terms pay for few rows."""

LIMITS = (_WORTH, _VECTOR, _BLOCK, _LARGE, _DEPTH, FEW, _ROWS, _TASK_NS)
"""All of them: they decide in which order BLAS adds up."""


@dataclass(frozen=True)
class Tiling:
    """Tasks of ``height`` x ``width`` of the result, row after row of tiles; each is computed in
    blocks of ``rows`` x ``columns``, adding up pieces of ``depth``. All at least 1."""

    height: int
    width: int
    rows: int
    columns: int
    depth: int

    def tasks(self, m: int, n: int) -> int:
        """Number of tasks of an (m, n) result, at least 1."""
        return max(1, -(-m // self.height) * -(-n // self.width))


def product_ns(m: int, n: int, k: int, dtype: str) -> float:
    """Estimated nanoseconds on one core: arithmetic, and reading and writing every element."""
    wide = 1 if dtype == "float32" else 2
    return wide * (m * n * k / 55 + (m * k + k * n + m * n) * 0.06)


def few_are_halved(n: int, k: int) -> bool:
    """Whether products of few rows are the sum of two halves of the terms.

    They are one pass over the second operand, which a training step updates by rows: of halves a
    thread reads rows that its core has in its cache, of columns it reads half of them from the
    other's. How few the rows are is not asked, so that a row has the same bits with others where
    BLAS has no part in it.
    """
    return k >= HALVED_TERMS and k * n >= HALVED_ELEMENTS


def is_halved(m: int, n: int, k: int, dtype: str, *, unpacked: bool) -> bool:
    """Whether two halves of the terms are added up by themselves, and then together.

    Cut along the sum, the halves write twice the result; cut along rows or columns, they read one
    operand twice. Of some rows and a second operand that stays in cache, that is nothing, and what
    follows row by row needs no barrier.

    Args:
        unpacked: whether BLAS for AVX-512 reads the operands where they are.
    """
    in_place = dtype == "float32" and unpacked and blas.small_products()
    if in_place and m >= WHOLE_ROWS and k * n <= WHOLE_OPERAND:
        return False
    if in_place and m < FEW and few_are_halved(n, k):  # else they are one task
        return True
    few = dtype in FLOATS and 2 * m * n < min(k * n, k * m)
    return few and product_ns(m, n, k, dtype) >= HALVES_NS and blas.tiling_pays()


@cache
def plan_tiles(
    m: int,
    n: int,
    k: int,
    dtype: str,
    transpose_a: bool = False,
    transpose_b: bool = False,
    part: bool = False,
) -> Tiling:
    """Cut an (m, k) x (k, n) product of row-major operands, either of them stored transposed.

    Args:
        part: there are more terms than k, which others add up. Tasks are then columns where those
            are more: each thread finds its own part of the second operand in its cache.
    """
    m, n, k = max(m, 1), max(n, 1), max(k, 1)
    whole = Tiling(m, n, m, n, k)
    if not blas.tiling_pays():
        return whole
    unpacked = dtype == "float32" and blas.small_products() and (transpose_a or not transpose_b)
    if n < FEW <= m or k * n <= 4096:
        return _narrow(m, n, k, dtype, unpacked)
    if not unpacked or m * n * k >= _LARGE:
        return _packed(m, n, k)
    if m < FEW:
        return _short(m, n, k)
    return _columns(m, n, k) if part and m < n else _blocked(m, n, k)


def _narrow(m: int, n: int, k: int, dtype: str, unpacked: bool) -> Tiling:
    """Few columns: tasks are stretches of rows, for the second operand is small."""
    depth = _even(k, 512, 1) if unpacked else k
    quick = max(1, int(_TASK_NS / product_ns(_ROWS, n, k, dtype)))
    tall = quick > 1 and m > 8 * _ROWS
    height = _even(m, 2 * _ROWS * quick, 2) if tall else task_rows(m)
    rows = max(_VECTOR, min(height, _BLOCK // (n * depth)))
    return Tiling(height, n, rows if unpacked else height, n, depth)


def _short(m: int, n: int, k: int) -> Tiling:
    """Few rows: pieces of the sum, each of which reads whole rows of the second operand."""
    depth = _even(k, _DEPTH, 1)
    width = min(n, _BLOCK // (m * depth) // 64 * 64)
    return Tiling(m, width, m, width, depth)


def _packed(m: int, n: int, k: int) -> Tiling:
    """Halve the longer side of a tile, so that the smaller operand is the one packed twice."""
    rows = columns = 1
    for work in _WORTH:
        height, width = m / rows, n / columns
        if m * n * k < work or max(height, width) < 2 * _VECTOR:
            break
        if width >= height:
            columns *= 2
        else:
            rows *= 2
    height, width = _round_up(-(-m // rows), _VECTOR), _round_up(-(-n // columns), _VECTOR)
    return Tiling(height, width, height, width, k)


def _blocked(m: int, n: int, k: int) -> Tiling:
    """Stretches of rows, in blocks whose operands stay in the first two caches."""
    if m >= n and k <= 128 and _BLOCK // (n * k) >= _VECTOR:
        rows = _even(m, min(_BLOCK // (n * k), 128), 4)
        return Tiling(rows, n, rows, n, k)
    rows = task_rows(m)
    return Tiling(rows, n, rows, n if n <= 96 else 64, _even(k, _DEPTH, 1))


def task_rows(m: int) -> int:
    """Rows of a task: the same for most products, so that what follows row by row needs no barrier.
    Many rows are an even number of tasks, which two threads share evenly."""
    if m > 2 * _ROWS:
        return _round_up(-(-m // (2 * -(-m // (4 * _ROWS)))), 2)
    return _even(m, min(_ROWS, max(_VECTOR, -(-m // 2))), 2)


def _columns(m: int, n: int, k: int) -> Tiling:
    """Stretches of columns, for products with more of those than rows."""
    rows = _even(m, 2 * _ROWS, 2)
    return Tiling(rows, 64, rows, 64, _even(k, _DEPTH, 1))


def _even(length: int, most: int, multiple: int) -> int:
    """Size of the equal pieces, at most ``most`` long where possible, that ``length`` is cut into;
    a multiple of ``multiple``."""
    most = max(most // multiple * multiple, multiple)
    pieces = -(-length // most)
    return _round_up(-(-length // pieces), multiple)


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
