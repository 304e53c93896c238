"""What the mouse does on the canvas, one object per gesture: start, move, end, cancel.

A gesture shows what would happen in the overlay and changes the document only in ``end``, through
one command: one undo step. ``cancel`` leaves everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit import commands
from nodeflow.ui.canvas.paint.background_layer import frame_color

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

Modifiers = Qt.KeyboardModifier
DRAG_START = 4.0
SNAP = 8.0
SMALLEST_FRAME = (96.0, 64.0)


class Gesture:
    """Base: positions are view coordinates; ``view`` is the canvas."""

    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, view: CanvasView) -> None:
        self.view = view
        self.origin = QPointF()
        self.at = QPointF()

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        self.origin = self.at = QPointF(at)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        self.at = QPointF(at)
        self.view.update()

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        """Do it."""

    def cancel(self) -> None:
        """Undo what the gesture showed; nothing has changed yet."""

    def paint_below(self, painter: QPainter) -> None:
        """Draw over the picture, but under the cards that are dragged."""

    def paint(self, painter: QPainter) -> None:
        """Draw over the picture, in view coordinates."""

    @property
    def moved(self) -> bool:
        step = self.at - self.origin
        return abs(step.x()) + abs(step.y()) >= DRAG_START


class Pan(Gesture):
    """Moves the view with the middle button, or with the space key held."""

    cursor = Qt.CursorShape.ClosedHandCursor

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        self.view.pan(at.x() - self.at.x(), at.y() - self.at.y())
        self.at = QPointF(at)

    def cancel(self) -> None:
        """Back to where it began."""
        self.view.pan(self.origin.x() - self.at.x(), self.origin.y() - self.at.y())


class Refuse(Gesture):
    """A drag that would edit a document which is only looked at: says what to do."""

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        said = self.moved
        super().move(at, modifiers)
        if self.moved and not said:
            self.view.say(self.view.document.locked)


class BoxSelect(Gesture):
    """Selects nodes that the rubber band touches and frames that it holds; begun with shift it
    adds, with ctrl it toggles."""

    cursor = Qt.CursorShape.CrossCursor

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self.before = self.view.scene.selected.copy()
        self.before_along = frozenset(self.view.frames_along)
        self.anchor = self.view.view_to_scene(at)
        self.keys = modifiers
        if not modifiers & (Modifiers.ShiftModifier | Modifiers.ControlModifier):
            self.view.select([])

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        if not self.moved:
            return
        inside = np.zeros_like(self.before)
        inside[self.view.scene.nodes_in(self._area())] = True
        frames = frozenset(self._frames())
        if self.keys & Modifiers.ControlModifier:
            self.view.set_selected(self.before ^ inside, along=self.before_along ^ frames)
        elif self.keys & Modifiers.ShiftModifier:
            self.view.set_selected(self.before | inside, along=self.before_along | frames)
        else:
            self.view.set_selected(inside, along=frames)

    def _frames(self) -> list[str]:
        """The frames that lie wholly inside."""
        area, frames = self._area(), self.view.document.frames.values()
        return [frame.id for frame in frames if area.contains(QRectF(*frame.rect))]

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self.view.update()

    def cancel(self) -> None:
        self.view.set_selected(self.before, along=self.before_along)
        self.view.update()

    def paint(self, painter: QPainter) -> None:
        if not self.moved:
            return
        color = self.view.theme.color("accent")
        painter.setPen(QPen(color, 1))
        painter.setBrush(self.view.theme.color("accent", 0.10))
        painter.drawRect(self.view.camera.rect_to_view(self._area()))

    def _area(self) -> QRectF:
        return QRectF(self.anchor, self.view.view_to_scene(self.at)).normalized()


class ResizeFrame(Gesture):
    """Drags a frame's lower right corner."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, view: CanvasView, frame: str) -> None:
        super().__init__(view)
        self.frame = frame

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self.at = QPointF(at)
        if self.moved:
            rect = self._rect()
            values = (rect.x(), rect.y(), rect.width(), rect.height())
            commands.set_frame(self.view.document, self.frame, rect=values)

    def paint(self, painter: QPainter) -> None:
        color = frame_color(self.view.theme, self.view.document.frames[self.frame].color)
        painter.setPen(QPen(color, 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(self.view.camera.rect_to_view(self._rect()), 12, 12)

    def _rect(self) -> QRectF:
        x, y, width, height = self.view.document.frames[self.frame].rect
        step = (self.at - self.origin) / self.view.camera.scale
        width = max(SMALLEST_FRAME[0], round((width + step.x()) / SNAP) * SNAP)
        height = max(SMALLEST_FRAME[1], round((height + step.y()) / SNAP) * SNAP)
        return QRectF(x, y, width, height)
