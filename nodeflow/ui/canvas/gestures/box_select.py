"""Selecting with a rubber band."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.theming.theme import Theme


class BoxSelect(Gesture):
    """A rubber band that selects the nodes it touches and the frames it contains.

    With Shift it adds to the selection, with Ctrl it toggles.
    """

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, scene: SceneModel, viewport: Viewport, selection: Selection) -> None:
        super().__init__()
        self._scene, self._viewport, self._selection = scene, viewport, selection

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self._before = self._scene.selected.copy()
        self._frames_before = frozenset(self._selection.frames)
        self._anchor = self._viewport.camera.to_scene(at)
        self._keys = modifiers
        if not modifiers & (Modifiers.ShiftModifier | Modifiers.ControlModifier):
            self._selection.select([])

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        if not self.is_drag:
            return
        inside = np.zeros_like(self._before)
        inside[self._scene.nodes_in(self._area())] = True
        frames = self._frames()
        if self._keys & Modifiers.ControlModifier:
            inside, frames = self._before ^ inside, self._frames_before ^ frames
        elif self._keys & Modifiers.ShiftModifier:
            inside, frames = self._before | inside, self._frames_before | frames
        self._selection.select_mask(inside, frames=frames)

    def _frames(self) -> frozenset[str]:
        """Return the frames that lie wholly inside the rubber band."""
        area, frames = self._area(), self._scene.document.frames.values()
        return frozenset(frame.id for frame in frames if area.contains(QRectF(*frame.rect)))

    def cancel(self) -> None:
        self._selection.select_mask(self._before, frames=self._frames_before)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        if self.is_drag:
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.setBrush(theme.color("accent", 0.10))
            painter.drawRect(self._viewport.camera.rect_to_view(self._area()))

    def _area(self) -> QRectF:
        return QRectF(self._anchor, self._viewport.camera.to_scene(self.at)).normalized()
