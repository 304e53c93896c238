"""The pace of a training that is watched: a maximum number of steps per second."""

from __future__ import annotations

BEAT = 1 / 30
"""Seconds between two groups of steps at a pace faster than the screen can show."""


class Pace:
    """A limit on the speed of a training: the time at which the next steps may run.

    Args:
        speed: steps per second.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds to wait before the next steps; 0 if they may run."""
        return max(0.0, self._next - now)

    def grant(self, wanted: int, now: float) -> int:
        """Return how many of ``wanted`` steps may run now, at least one, so that the speed limit
        holds.

        Short delays are made up for by faster steps later. A long pause is not.
        """
        granted = min(wanted, max(1, int(self.speed * BEAT)))
        self._next = max(self._next, now - BEAT) + granted / self.speed
        return granted
