"""How often the window draws the events of a training, so that it leaves the processor to it.

The threads of a training wait for each other several times per step, so what the window takes of
one core is missing at all of them. It may take a part of the processor, and draws more often the
more cores there are and the less a drawing costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from nodeflow.engine.cores import cores

SHARE = 0.02
"""The part of all cores that the window may take while a training is watched: with two cores a
twenty-fifth of one, all of which is missing in each of them."""
FASTEST_MS, SLOWEST_MS = 70, 300
"""Faster than fourteen times a second looks no livelier; slower than three times looks dead."""


class RedrawThrottle:
    """Asked at each drawing for the pause until the next one.

    It counts all that the calling thread has computed since it was asked last: the drawing, the
    paint that came later, values that arrived meanwhile. While the user keeps the window busy the
    drawings give way.

    Args:
        clock: seconds that the thread has computed.
    """

    def __init__(
        self, count: int | None = None, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._budget = SHARE * (count or cores())
        self._clock = clock
        self._last = clock()

    def pause_ms(self) -> int:
        """How long to wait, in whole milliseconds."""
        now = self._clock()
        spent, self._last = now - self._last, now
        return round(min(SLOWEST_MS, max(FASTEST_MS, 1000 * spent / self._budget)))
