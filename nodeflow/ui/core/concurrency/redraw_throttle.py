"""Limits how often the window redraws during a training, to leave the processor to the training.

The threads of a training wait for each other several times per step, so time that the window
takes on one core is lost on all cores. The window gets a fixed share of the processor: it draws
more often on more cores, and when a drawing takes less time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from nodeflow.engine.cores import cores

SHARE = 0.02
"""Fraction of total processor time that the window may use while a training is watched. On two
cores, 0.02 is 4 % of one core, and the training loses 4 % on both."""
FASTEST_MS, SLOWEST_MS = 70, 600
"""Bounds of the pause in milliseconds. More than 14 drawings per second look no livelier, and
fewer than three in two seconds look frozen. On two cores a drawing takes about 20 ms.
"""


class RedrawThrottle:
    """The computation of the pause between two drawings.

    It counts the processor time of the calling thread since the last call: the drawing, the
    paint after it, and the handling of values that arrived meanwhile. While the user keeps the
    window busy, drawings become rarer.

    Args:
        clock: returns the seconds of processor time that the thread has used.
    """

    def __init__(
        self, count: int | None = None, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._budget = SHARE * (count or cores())
        self._clock = clock
        self._last = clock()

    def pause_ms(self) -> int:
        """Return the pause until the next drawing, in whole milliseconds."""
        now = self._clock()
        spent, self._last = now - self._last, now
        return round(min(SLOWEST_MS, max(FASTEST_MS, 1000 * spent / self._budget)))
