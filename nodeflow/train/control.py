"""Pause, single-step and stop a training that runs in another thread."""

from __future__ import annotations

import threading


class Control:
    """Shared between the loop and whoever steers it; every method may be called from any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._paused = False
        self._stopped = False
        self._steps = 0

    def pause(self) -> None:
        with self._condition:
            self._paused = True

    def resume(self) -> None:
        with self._condition:
            self._paused = False
            self._steps = 0
            self._condition.notify_all()

    def step(self, count: int = 1) -> None:
        """Let ``count`` steps through, then stay paused."""
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
        """How many of ``wanted`` steps may run now; waits while paused; 0 once stopped."""
        with self._condition:
            while self._paused and not self._steps and not self._stopped:
                self._condition.wait(0.05)
            if self._stopped:
                return 0
            if not self._paused:
                return wanted
            granted = min(wanted, self._steps)
            self._steps -= granted
            return granted
