"""Memory for intermediate results: one growing block, which all plans of a session share.

The planner assigns offsets by lifetime, so that the memory of a value is reused after its last use.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from nodeflow.engine.memory import require

ALIGNMENT = 64
"""Alignment in bytes: a cache line. An AVX-512 vector has the same size; if it crossed two
lines, it would need two accesses.
"""


def on_a_line(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return an uninitialised array whose data begin on a cache line.

    Large arrays that numpy allocates begin 16 bytes after the start of a cache line.
    """
    buffer = np.empty(math.prod(shape) * dtype.itemsize + ALIGNMENT, np.uint8)
    return np.ndarray(shape, dtype, buffer, -buffer.ctypes.data % ALIGNMENT)


def zeros_on_a_line(words: int) -> np.ndarray:
    """Return int64 zeros that begin on a cache line."""
    array = on_a_line((words,), np.dtype(np.int64))
    array.fill(0)
    return array


class Arena:
    """A block of bytes. ``generation`` changes whenever the block moves."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.uint8)
        self.generation = 0

    def reserve(self, size: int) -> None:
        """Make the block at least ``size`` bytes long. Its contents are lost when it moves.

        Raises:
            MemoryError: not enough memory is free.
        """
        if len(self._buffer) < size + ALIGNMENT:
            require(size)
            self._buffer = np.empty(size + ALIGNMENT, np.uint8)
            self.generation += 1

    @property
    def address(self) -> int:
        """The address of the first byte of the memory block, at the start of a cache line."""
        return -(-self._buffer.ctypes.data // ALIGNMENT) * ALIGNMENT

    @property
    def bytes(self) -> np.ndarray:
        """The memory block as an array of bytes, which begins at ``address``."""
        return self._buffer[self.address - self._buffer.ctypes.data :]


class Offsets:
    """An allocator of offsets. Freed blocks are reused for requests of the same size class."""

    def __init__(self) -> None:
        self.size = 0
        self._free: dict[int, list[int]] = defaultdict(list)

    def take(self, nbytes: int) -> int:
        """Return the offset of a block of ``nbytes`` bytes."""
        block = size_class(nbytes)
        if self._free[block]:
            return self._free[block].pop()
        offset = self.size
        self.size += block
        return offset

    def give_back(self, offset: int, nbytes: int) -> None:
        self._free[size_class(nbytes)].append(offset)


def size_class(nbytes: int) -> int:
    """Round ``nbytes`` up to one of four sizes per power of two, at least a cache line.

    With few size classes, buffers of similar sizes can reuse each other's memory.
    """
    if nbytes <= ALIGNMENT:
        return ALIGNMENT
    step = max(ALIGNMENT, 1 << (nbytes.bit_length() - 3))
    return -(-nbytes // step) * step
