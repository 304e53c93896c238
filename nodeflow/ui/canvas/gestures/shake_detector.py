"""Detects that the pointer is shaken: quickly to and fro, several times."""

from __future__ import annotations

from PySide6.QtCore import QPointF

TURNS = 4
"""Number of changes of direction in a shake."""
STROKE = 18.0
"""Length of the shortest stroke that counts as part of a shake, in pixels."""
WINDOW = 0.9
"""Maximum duration of a shake, in seconds."""


class ShakeDetector:
    """A detector of shakes. The caller passes the time, so that tests need not wait."""

    def __init__(self) -> None:
        self._turn: QPointF | None = None
        self._direction = 0
        self._times: list[float] = []

    def feed(self, at: QPointF, now: float) -> bool:
        """Process a movement of the pointer. Return True if it completes a shake: quick movements
        to and fro, several times. Then start over.

        Args:
            at: the new position of the pointer.
            now: the time in seconds.
        """
        if self._turn is None:
            self._turn = QPointF(at)
            return False
        step = at.x() - self._turn.x()
        if self._direction and step * self._direction >= 0:
            self._turn = QPointF(at) if abs(step) > 0 else self._turn
            return False
        if abs(step) < STROKE:
            return False
        if self._direction:
            self._times = [t for t in self._times if now - t < WINDOW] + [now]
        self._direction = 1 if step > 0 else -1
        self._turn = QPointF(at)
        if len(self._times) < TURNS:
            return False
        self._times.clear()
        return True
