"""The numbers that, together with shapes, determine the order of sums.

Each number is explained where it is used. Some depend on the width of vectors; none depends on
caches, cores or measurements. The digest of this table is part of a training's record: two
machines with the same digest and the same BLAS add in the same order. Any new number that
affects an order must be added here.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

from nodeflow.engine.blocks import grid
from nodeflow.engine.devicelib.vector_width import product_tile_shape, vector_registers
from nodeflow.engine.kernels import (
    column_sums,
    conv_filter_gradient,
    conv_winograd,
    conv_winograd_gradient,
    matmul_blocked,
    matmul_dots,
    matmul_few,
    matmul_packed,
    matmul_panels,
    matmul_small,
    matmul_thin,
    matmul_tiling,
    reductions,
)
from nodeflow.ops.lowering import KEYS, PRODUCT_BLOCK, QUERIES
from nodeflow.ops.math import cumsum


def table() -> dict[str, object]:
    """Return all constants on which the order of additions in sums and products depends, by topic,
    for this processor's vector width. Equal tables mean bit-identical sums.
    """
    floats, panels, blocked = ("float32", "float64"), matmul_panels, matmul_blocked
    tile = [product_tile_shape(dtype, panels.ROWS, panels.COLUMNS) for dtype in floats]
    return {
        "vectors": vector_registers(),
        "tiles of products": [(t.positions, t.vectors, t.lanes) for t in tile],
        "products by panels": (
            *(panels.LEAST, panels.MOST, panels.FEW_TERMS, panels.SHORT, panels.UNCOPIED),
            *(panels.ROWS, panels.WIDE, panels.SOME, panels.HALF_ROWS, panels.SHORT_NS),
            panels.TURNED_FEW,
        ),
        "large products": (
            *(blocked.LEAST, blocked.SIDE, blocked.TERMS),
            *(blocked.LARGE, blocked.ROWS, blocked.OPERAND, blocked.MOST),
        ),
        "products of many terms": (
            *(matmul_thin.SIDE, matmul_thin.TERMS, matmul_thin.PART, matmul_thin.PARTS),
            matmul_thin.LEAST,
        ),
        "products of few rows": (
            *(matmul_few.ROWS, matmul_few.WIDE),
            *map(matmul_few.columns_of, floats),
        ),
        "products along rows": (matmul_dots.ROWS, matmul_dots.LEAST, matmul_dots.ALONE, "columns"),
        "small products": (
            *(matmul_small.ROWS, matmul_small.WORK, matmul_small.COPIED, matmul_small.TERMS),
        ),
        "packed products": matmul_packed.PAYS,
        "halves of a sum": (
            *(matmul_tiling.HALVES_NS, matmul_tiling.WHOLE_ROWS, matmul_tiling.WHOLE_OPERAND),
            *(matmul_tiling.HALVED_TERMS, matmul_tiling.HALVED_ELEMENTS),
            *(matmul_tiling.product_ns(100, 300, 784, dtype) for dtype in floats),
        ),
        "tiles of BLAS": matmul_tiling.LIMITS,
        "reductions": (
            *(reductions.ROW_BLOCK, reductions.COLUMN_BLOCK, reductions.SHORT_BLOCK),
            *(reductions.ROWS_AT_ONCE, reductions.LANES, column_sums.PART, PRODUCT_BLOCK),
        ),
        "gradients by filters": (conv_filter_gradient.BLOCK, conv_filter_gradient.PARTIAL_SIZE),
        "convolutions after Winograd": (
            *(conv_winograd.MULTIPLE, conv_winograd.LEAST, conv_winograd.MOST),
            *(conv_winograd.PLACES, conv_winograd_gradient.ROWS, conv_winograd_gradient.BLOCKS),
            conv_winograd_gradient.PARTIAL_SIZE,
        ),
        "attention": (QUERIES, KEYS),
        "running sums": (cumsum.EIGHT, cumsum.LONG),
        "blocks of rows": (grid.WHOLE_BYTES, grid.STEP_BYTES, grid.CELL_BYTES),
    }


@cache
def sum_orders() -> str:
    """Return a hash of all constants on which the order of additions in sums and products depends.
    Machines with equal hashes compute bit-identical sums.
    """
    return blake2b(repr(table()).encode(), digest_size=6).hexdigest()
