"""How many steps run before Python looks at requests, the stop flag and Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 0.03
"""A chunk's target. From 20 to 50 ms a button feels immediate, and what happens between two chunks
costs little."""
LARGEST = 4096
"""Steps of a chunk at most: the ring that records scalars holds as many."""
GROWTH = 4
"""The most that a chunk grows over the one before, whose time may have been noise."""


class Chunker:
    """Sizes each chunk by the time that the one before took. Sizes never change a number.

    Attributes:
        size: steps of the next chunk.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.size = 1
        self._clock = clock
        self._started = 0.0

    def begin(self, limit: int) -> int:
        """Begin a chunk; returns its number of steps, at most ``limit``."""
        self._started = self._clock()
        return min(self.size, limit)

    def end(self, steps: int) -> None:
        """End a chunk of this many steps."""
        elapsed = max(self._clock() - self._started, 1e-6)
        fitting = round(steps * SECONDS / elapsed)
        self.size = max(1, min(fitting, GROWTH * self.size, LARGEST))


class WholeChunks(Chunker):
    """Where several processes make the same steps: they have agreed on a number, and their clocks
    must not divide it differently."""

    def begin(self, limit: int) -> int:
        super().begin(limit)
        return limit
