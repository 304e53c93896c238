"""The width of the processor's vectors, and the number of results that fit into its registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.graph.types import numpy_dtype

MOST_POSITIONS = 14
"""Maximum number of positions of a tile, because its loop is unrolled for each position."""


@dataclass(frozen=True)
class TileShape:
    """The largest tile of products that stays in registers: a number of positions, times
    vectors, times lanes.
    """

    positions: int
    vectors: int
    lanes: int

    @property
    def columns(self) -> int:
        """Number of results of a position."""
        return self.vectors * self.lanes


@cache
def vector_registers() -> tuple[int, int]:
    """Return the bytes of a vector register, and the number of registers."""
    features = processor.features()
    if "avx512f" in features:
        return 64, 32
    if "avx2" in features:
        return 32, 16
    return 16, 32 if "neon" in features else 16


@cache
def product_tile_shape(dtype: str, rows: int, columns: int) -> TileShape:
    """Return the size of the tile that a product computes in registers: rows, vectors, lanes.

    The second operand is in panels of the tile's width. With one or two rows a tile has more
    vectors, because otherwise additions would wait for each other. On Zen 5, 6 x 4 vectors with
    AVX-512 and 6 x 2 with AVX2 reach 98 % of the multipliers' peak.
    """
    size, registers = vector_registers()
    lanes = size // numpy_dtype(dtype).itemsize
    if registers >= 32:
        positions, most = TALL, 4
    else:
        positions, most = {1: (1, 8), 2: (2, 4)}.get(rows, (TALL, 2))
    return TileShape(min(positions, rows), min(most, max(1, -(-columns // lanes))), lanes)


@cache
def tall_tile_shape(dtype: str) -> TileShape:
    """Return the shape of the tiles in which large products are computed.

    Its panels of two vectors are so narrow that many terms of a panel stay in the first-level
    cache. It has as many rows as fit into the other registers.
    """
    size, registers = vector_registers()
    positions = MOST_POSITIONS if registers >= 32 else 6
    return TileShape(positions, 2, size // numpy_dtype(dtype).itemsize)


@cache
def tile_shape(dtype: str, columns: int) -> TileShape:
    """Return the register tile for a product whose results have ``columns`` columns.

    Eight positions (rows of the tile) hide the latency of a fused multiply-add even with one
    vector. With two or three vectors, each weight is read less often. One register is left for the
    multiplier.
    """
    size, registers = vector_registers()
    lanes = size // numpy_dtype(dtype).itemsize
    needed = -(-columns // lanes)
    positions, most = (8, 3) if registers >= 32 else (6, 2)
    if needed <= most:
        return TileShape(positions, max(needed, 1), lanes)
    return TileShape(positions, most if needed % most == 0 else 2, lanes)


def positions_of_one_picture(tile: TileShape) -> int:
    """Return how many neighbouring positions of one image a convolution kernel can compute at once,
    with all results in registers.

    Registers also hold a row of weights and one number of the image. More positions mean fewer
    reads of the weights, which a single image cannot share with other images.
    """
    return min(MOST_POSITIONS, (vector_registers()[1] - tile.vectors - 1) // tile.vectors)
