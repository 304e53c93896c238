"""Resizing a frame by its lower right corner."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.gestures.base import SMALLEST_FRAME, SNAP, Gesture, Modifiers
from nodeflow.ui.canvas.paint.background_layer import frame_color
from nodeflow.ui.canvas.scene.camera import Camera
from nodeflow.ui.core.theming.theme import Theme


class ResizeFrame(Gesture):
    """A drag of a frame's lower right corner along the grid."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, document: Document, camera: Camera, frame: str) -> None:
        super().__init__()
        self._document, self._camera, self._frame = document, camera, frame

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self.at = QPointF(at)
        if self.is_drag:
            rect = self._rect()
            values = (rect.x(), rect.y(), rect.width(), rect.height())
            commands.set_frame(self._document, self._frame, rect=values)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        color = frame_color(theme, self._document.frames[self._frame].color)
        painter.setPen(QPen(color, 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(self._camera.rect_to_view(self._rect()), 12, 12)

    def _rect(self) -> QRectF:
        x, y, width, height = self._document.frames[self._frame].rect
        step = (self.at - self.origin) / self._camera.scale
        width = max(SMALLEST_FRAME[0], round((width + step.x()) / SNAP) * SNAP)
        height = max(SMALLEST_FRAME[1], round((height + step.y()) / SNAP) * SNAP)
        return QRectF(x, y, width, height)
