"""Chooses the number of steps to run before Python checks for requests, the stop flag and
Ctrl-C.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 0.03
"""Target duration of a chunk in seconds. Up to 50 ms, a button feels immediate; from 20 ms on,
the overhead between chunks is small.
"""
LARGEST = 4096
"""Largest number of steps in a chunk: the capacity of the ring that records scalars."""
GROWTH = 4
"""Maximum growth factor from one chunk to the next, because a measured time may be noise."""


class Chunker:
    """Chooses the size of each chunk by the duration of the previous one. Sizes do not affect
    results.

    Attributes:
        size: number of steps of the next chunk.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.size = 1
        self._clock = clock
        self._started = 0.0

    def begin(self, limit: int) -> int:
        """Begin a chunk. Return its number of steps, at most ``limit``."""
        self._started = self._clock()
        return min(self.size, limit)

    def end(self, steps: int) -> None:
        """Record that a chunk of ``steps`` steps has ended. Adapt the size of the next chunk so
        that it takes about `SECONDS`.
        """
        elapsed = max(self._clock() - self._started, 1e-6)
        fitting = round(steps * SECONDS / elapsed)
        self.size = max(1, min(fitting, GROWTH * self.size, LARGEST))


class WholeChunks(Chunker):
    """Chunks for several processes that make the same steps.

    The processes have agreed on a number of steps, so this class does not divide it by the
    clock, which differs between them.
    """

    def begin(self, limit: int) -> int:
        super().begin(limit)
        return limit
