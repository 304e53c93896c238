"""Counts the crashes of the engine, and decides whether it restarts by itself."""

from __future__ import annotations

import time

CRASHES, CRASH_WINDOW = 3, 60.0
"""The engine is not restarted automatically after this many crashes within this many seconds."""


class Crashes:
    """The recent crashes since the user started an engine."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self) -> bool:
        """Note a crash. Return whether the engine is to be restarted."""
        now = time.monotonic()
        self._times = [t for t in self._times if now - t < CRASH_WINDOW] + [now]
        return len(self._times) < CRASHES

    def clear(self) -> None:
        """Forget the crashes, because the user starts an engine."""
        self._times.clear()
