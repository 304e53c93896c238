"""The base class of gestures: mouse actions between press and release, with start, end and cancel.

A gesture previews its result. Only ``end`` changes the document, through one command and so as
one undo step. ``cancel`` leaves the document unchanged.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from nodeflow.ui.core.theming.theme import Theme

Modifiers = Qt.KeyboardModifier
DRAG_THRESHOLD = 4.0
"""Distance in pixels. A press that moves the pointer this far is a drag; a shorter move is a
click.
"""
SNAP = 8.0
"""Grid spacing for dragged things, in scene units."""
SMALLEST_FRAME = (96.0, 64.0)


class Gesture:
    """One drag of the mouse. Positions are view coordinates.

    The canvas repaints after each move.
    """

    cursor = Qt.CursorShape.ArrowCursor
    scrolls_at_edge = True
    """Whether the view scrolls while the pointer is held at the view's edge."""

    def __init__(self) -> None:
        self.origin = QPointF()
        self.at = QPointF()

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        self.origin = self.at = QPointF(at)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        self.at = QPointF(at)

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        """Apply the result of the gesture to the document."""

    def cancel(self) -> None:
        """Remove the preview. The document has not changed."""

    def paint_below(self, painter: QPainter, theme: Theme) -> None:
        """Draw what this gesture shows above the cached picture of the canvas, but below the
        dragged cards.
        """

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw what this gesture shows above the cached picture of the canvas and the dragged
        cards, in view coordinates.
        """

    @property
    def is_drag(self) -> bool:
        """Whether the pointer has moved beyond the drag threshold."""
        step = self.at - self.origin
        return abs(step.x()) + abs(step.y()) >= DRAG_THRESHOLD
