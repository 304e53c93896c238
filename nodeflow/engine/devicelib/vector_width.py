"""The width of the processor's vectors, and how many results fit into its registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.devicelib.tile_heights import TALL
from nodeflow.graph.types import numpy_dtype

MOST_POSITIONS = 14
"""Of a tile: its loop is written out for each."""


@dataclass(frozen=True)
class TileShape:
    """The largest tile of products that stays in registers: positions times vectors of lanes."""

    positions: int
    vectors: int
    lanes: int

    @property
    def columns(self) -> int:
        """Results of a position."""
        return self.vectors * self.lanes


@cache
def vector_registers() -> tuple[int, int]:
    """Bytes of a vector register, and how many there are."""
    features = processor.features()
    if "avx512f" in features:
        return 64, 32
    if "avx2" in features:
        return 32, 16
    return 16, 32 if "neon" in features else 16


@cache
def product_tile_shape(dtype: str, rows: int, columns: int) -> TileShape:
    """The largest tile of a product of so many rows and columns whose second operand lies in panels
    of the tile's width.

    A row or two need more vectors, or additions would wait for each other. Of Zen 5, 6 x 4 vectors
    with AVX-512 and 6 x 2 with AVX2 reach 98 of 100 of the most that its multipliers can do.
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
    """The tile of a large product, whose panels of two vectors are so narrow that many terms of one
    stay in the first cache; it has as many positions as the other registers hold."""
    size, registers = vector_registers()
    positions = MOST_POSITIONS if registers >= 32 else 6
    return TileShape(positions, 2, size // numpy_dtype(dtype).itemsize)


@cache
def tile_shape(dtype: str, columns: int) -> TileShape:
    """The tile for results that have ``columns`` elements side by side.

    Eight positions hide the latency of a fused multiply-add with one vector already; two or three
    read each weight less often. One register is left for the number that is multiplied.
    """
    size, registers = vector_registers()
    lanes = size // numpy_dtype(dtype).itemsize
    needed = -(-columns // lanes)
    positions, most = (8, 3) if registers >= 32 else (6, 2)
    if needed <= most:
        return TileShape(positions, max(needed, 1), lanes)
    return TileShape(positions, most if needed % most == 0 else 2, lanes)


def positions_of_one_picture(tile: TileShape) -> int:
    """Most neighbouring positions whose results stay in registers, beside a row of weights and one
    number: the more, the less often weights are read, which no other picture shares."""
    return min(MOST_POSITIONS, (vector_registers()[1] - tile.vectors - 1) // tile.vectors)
