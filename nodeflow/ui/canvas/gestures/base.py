"""The base of gestures: mouse actions between press and release, with start, end and cancel.

A gesture previews its result and changes the document only in ``end``, through one command: one
undo step. ``cancel`` leaves everything as it was.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from nodeflow.ui.core.theming.theme import Theme

Modifiers = Qt.KeyboardModifier
DRAG_THRESHOLD = 4.0
"""Pixels. A shorter move is a click."""
SNAP = 8.0
"""Grid spacing for dragged things, in scene units."""
SMALLEST_FRAME = (96.0, 64.0)


class Gesture:
    """One drag. Positions are view coordinates; the canvas repaints after each move."""

    cursor = Qt.CursorShape.ArrowCursor
    scrolls_at_edge = True
    """Whether the view scrolls while the pointer is held at its edge."""

    def __init__(self) -> None:
        self.origin = QPointF()
        self.at = QPointF()

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        self.origin = self.at = QPointF(at)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        self.at = QPointF(at)

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        """Carry out the gesture."""

    def cancel(self) -> None:
        """Remove the preview. The document has not changed."""

    def paint_below(self, painter: QPainter, theme: Theme) -> None:
        """Draw over the frame, but under the dragged cards."""

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw over the frame, in view coordinates."""

    @property
    def is_drag(self) -> bool:
        """Whether the pointer has moved beyond the drag threshold."""
        step = self.at - self.origin
        return abs(step.x()) + abs(step.y()) >= DRAG_THRESHOLD
