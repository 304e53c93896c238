"""Gestures that edit nothing: panning the view, and a drag that a read-only document refuses."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt

from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers
from nodeflow.ui.canvas.scene.viewport import Viewport


class Pan(Gesture):
    """A drag of the view: with the middle button, or with the space key held."""

    cursor = Qt.CursorShape.ClosedHandCursor
    scrolls_at_edge = False

    def __init__(self, viewport: Viewport) -> None:
        super().__init__()
        self._viewport = viewport

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        self._viewport.pan(at.x() - self.at.x(), at.y() - self.at.y())
        self.at = QPointF(at)

    def cancel(self) -> None:
        """Restore the view from before the drag."""
        self._viewport.pan(self.origin.x() - self.at.x(), self.origin.y() - self.at.y())


class Refuse(Gesture):
    """A drag that would edit a read-only document. It shows the reason."""

    def __init__(self, reason: str, show_message: Callable[[str], object]) -> None:
        super().__init__()
        self._reason, self._show_message = reason, show_message

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        was_drag = self.is_drag
        super().move(at, modifiers)
        if self.is_drag and not was_drag:
            self._show_message(self._reason)
