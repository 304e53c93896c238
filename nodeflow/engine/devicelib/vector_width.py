"""The width of the processor's vectors, and how many results fit into its registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.graph.types import numpy_dtype


@dataclass(frozen=True)
class TileShape:
    """The largest tile of products that stays in registers: positions times vectors of lanes."""

    positions: int
    vectors: int
    lanes: int


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
