"""Pause, single-step and stop a training that runs in another thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

WAIT_SECONDS = 0.02


class Control:
    """Steers a training loop; every method may be called from any thread.

    Args:
        idle: called repeatedly on the loop's thread while it is paused.
    """

    def __init__(self, idle: Callable[[], None] = lambda: None) -> None:
        self._idle = idle
        self._condition = threading.Condition()
        self._paused = False
        self._stopped = False
        self._steps = 0
        self._numbers: deque[tuple[str, str, float]] = deque()

    def set_number(self, node: str, attr: str, value: float) -> None:
        """Give an optimizer another number from the next step on (see `numbers.Numbers`); one that
        it does not have, or that is out of range, changes nothing."""
        self._numbers.append((node, attr, value))

    def take_numbers(self) -> Iterator[tuple[str, str, float]]:
        """The numbers that were set since the last call, in order; for the loop."""
        while self._numbers:
            yield self._numbers.popleft()

    def pause(self) -> None:
        with self._condition:
            self._paused = True

    def resume(self) -> None:
        with self._condition:
            self._paused = False
            self._steps = 0
            self._condition.notify_all()

    def step(self, count: int = 1) -> None:
        """Run ``count`` steps, then pause again."""
        with self._condition:
            self._paused = True
            self._steps += count
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def stopped(self) -> bool:
        return self._stopped

    def allow(self, wanted: int) -> int:
        """How many of ``wanted`` steps may run now; blocks while paused; 0 once stopped."""
        while (granted := self._grant(wanted)) is None:
            self._idle()
        return granted

    def _grant(self, wanted: int) -> int | None:
        """The steps that may run, or None if the training is still paused after a short wait."""
        with self._condition:
            if self._stopped:
                return 0
            if not self._paused:
                return wanted
            if not self._steps:
                self._condition.wait(WAIT_SECONDS)
                return None
            granted = min(wanted, self._steps)
            self._steps -= granted
            return granted
