"""The division of a matrix product into tasks, and of each task into calls of BLAS.

Everything here depends on shapes and on the library, never on the number of threads, so results
do not depend on it either. There are two ways:

- *Packed*: a few large tiles, each one call. BLAS first copies both operands into its own
  order, which saves time for large products only, and copies again for each further tile.
- *Blocked*: many calls of at most a million multiply-adds, which OpenBLAS for AVX-512 computes
  without copying the operands. Blocks that fit into the first-level cache make products of some
  hundred rows 1.2 times as fast, and products of ten rows three times; and tasks can be small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine.devicelib import blas
from nodeflow.graph.types import FLOATS

# Fewest multiply-adds of a packed product for 2, 4, 8 and 16 tiles. Two tiles pay early. Each
# further halving packs the operands again: on two cores, a product of 1024 cubed takes 7.3 ms with
# 2 tiles, 7.6 ms with 4, 8.0 ms with 8 and 8.4 ms with 16. So the finer grids wait for products
# that have work for that many cores.
_WORTH = (2_000_000, 200_000_000, 800_000_000, 3_200_000_000)
_VECTOR = 16
_BLOCK = 1_000_000
"""Maximum number of multiply-adds of a block. Above it OpenBLAS packs (its
``small_matrix_permit``).
"""
_LARGE = 400_000_000
"""Minimum number of multiply-adds of a product that is packed. For smaller products, packing
saves no time.
"""
_DEPTH = 100
"""Number of terms of a block. With 64 columns, 100 rows of the second operand fill half of the
first-level cache.
"""
FEW = 32
"""Length below which a side is short, so that its whole length goes into each block."""
_ROWS = 64
"""Maximum number of rows of a task. Products of up to twice as many rows have two tasks;
products of more rows have tasks of up to twice as many.
"""
_TASK_NS = 2_000
"""Minimum nanoseconds of a task in a tall product whose rows take little time."""

HALVES_NS = 10_000
"""Minimum estimated nanoseconds of a sum that is halved. Below, adding the halves takes too
long.
"""
WHOLE_ROWS, WHOLE_OPERAND = 32, 1 << 17
"""Minimum number of rows, and maximum number of elements of the second operand, for which rows
are divided and not the sum, with AVX-512.
"""
HALVED_TERMS, HALVED_ELEMENTS = 128, 1 << 17
"""Minimum number of terms, and minimum number of elements of the second operand, for which
halving the terms of few rows saves time.
"""

LIMITS = (_WORTH, _VECTOR, _BLOCK, _LARGE, _DEPTH, FEW, _ROWS, _TASK_NS)
"""All limits that affect the order in which BLAS sums."""


@dataclass(frozen=True)
class Tiling:
    """Tasks of ``height`` x ``width`` of the result, by rows of tiles.

    Each task is computed in blocks of ``rows`` x ``columns``, which sum pieces of ``depth``
    terms. All sizes are at least 1.
    """

    height: int
    width: int
    rows: int
    columns: int
    depth: int

    def tasks(self, m: int, n: int) -> int:
        """Return how many tiles, each one task, cover a result of shape (m, n); at least 1."""
        return max(1, -(-m // self.height) * -(-n // self.width))


def product_ns(m: int, n: int, k: int, dtype: str) -> float:
    """Estimate the nanoseconds that an (m, k) x (k, n) product takes on one core: arithmetic, and
    reading or writing each element.
    """
    wide = 1 if dtype == "float32" else 2
    return wide * (m * n * k / 55 + (m * k + k * n + m * n) * 0.06)


def few_are_halved(n: int, k: int) -> bool:
    """Return whether a matrix product of few rows is computed as the sum of two products, each with
    half of the terms.

    Such a product is one pass over the second operand, which a training step updates by rows. With
    halves of the terms, a thread reads rows that its own core has in its cache. With halves of the
    columns, it would read half of them from the other core's cache. The result does not depend on
    the number of rows, so that a row gets the same bits in any batch that BLAS does not compute.
    """
    return k >= HALVED_TERMS and k * n >= HALVED_ELEMENTS


def is_halved(m: int, n: int, k: int, dtype: str, *, unpacked: bool) -> bool:
    """Return whether a matrix product is computed as the sum of two products, each with half of the
    terms, so that two threads can share it.

    Halves of the sum write the result twice. Halves of the rows or columns read one operand twice,
    which costs nothing with enough rows and a second operand that stays in cache; consumers that go
    row by row then need no barrier.

    Args:
        unpacked: whether BLAS for AVX-512 reads the operands without copying them.
    """
    in_place = dtype == "float32" and unpacked and blas.small_products()
    if in_place and m >= WHOLE_ROWS and k * n <= WHOLE_OPERAND:
        return False
    if in_place and m < FEW and few_are_halved(n, k):  # otherwise they are one task
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
    """Return the tiling of an (m, k) x (k, n) product of row-major operands.

    Args:
        transpose_a, transpose_b: whether an operand is stored transposed.
        part: whether the k terms are only a part of a longer sum. If there are more columns than
            rows, tasks are then columns, so that each thread finds its columns of the second
            operand in its cache.
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
    """Divide a product of few columns, whose second operand is small, into tasks of whole rows."""
    depth = _even(k, 512, 1) if unpacked else k
    quick = max(1, int(_TASK_NS / product_ns(_ROWS, n, k, dtype)))
    tall = quick > 1 and m > 8 * _ROWS
    height = _even(m, 2 * _ROWS * quick, 2) if tall else task_rows(m)
    rows = max(_VECTOR, min(height, _BLOCK // (n * depth)))
    return Tiling(height, n, rows if unpacked else height, n, depth)


def _short(m: int, n: int, k: int) -> Tiling:
    """Divide a product of few rows into pieces of its sum, whose results are added.

    Each piece reads whole rows of the second operand.
    """
    depth = _even(k, _DEPTH, 1)
    width = min(n, _BLOCK // (m * depth) // 64 * 64)
    return Tiling(m, width, m, width, depth)


def _packed(m: int, n: int, k: int) -> Tiling:
    """Divide an (m, n) result into tiles by halving the longer side repeatedly. Then the operand
    that several tiles pack again is the smaller one.
    """
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
    """Divide an (m, n) product into tasks of whole rows, and each task into blocks whose operands
    stay in the first two caches.
    """
    if m >= n and k <= 128 and _BLOCK // (n * k) >= _VECTOR:
        rows = _even(m, min(_BLOCK // (n * k), 128), 4)
        return Tiling(rows, n, rows, n, k)
    rows = task_rows(m)
    return Tiling(rows, n, rows, n if n <= 96 else 64, _even(k, _DEPTH, 1))


def task_rows(m: int) -> int:
    """Return how many of the m rows of a product a task computes.

    It is the same for most products, so that consumers that go row by row need no barrier. Many
    rows become an even number of tasks, which two threads share evenly.
    """
    if m > 2 * _ROWS:
        return _round_up(-(-m // (2 * -(-m // (4 * _ROWS)))), 2)
    return _even(m, min(_ROWS, max(_VECTOR, -(-m // 2))), 2)


def _columns(m: int, n: int, k: int) -> Tiling:
    """Divide a product with more columns than rows into tasks of whole columns."""
    rows = _even(m, 2 * _ROWS, 2)
    return Tiling(rows, 64, rows, 64, _even(k, _DEPTH, 1))


def _even(length: int, most: int, multiple: int) -> int:
    """Return the piece size if ``length`` is divided into as few equal pieces as possible.

    It is a multiple of ``multiple``, and at most ``most`` if possible.
    """
    most = max(most // multiple * multiple, multiple)
    pieces = -(-length // most)
    return _round_up(-(-length // pieces), multiple)


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
