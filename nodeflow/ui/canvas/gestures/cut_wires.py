"""A stroke with Ctrl and the right mouse button that cuts the wires it crosses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit.rewiring import cut_wires
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme

STEP = 3.0
"""Distance in pixels between the recorded points of the stroke."""


class CutWires(Gesture):
    """A stroke that removes every wire it crosses, as one undo step."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(
        self, scene: SceneModel, viewport: Viewport, show_message: Callable[[str], object]
    ) -> None:
        super().__init__()
        self._scene, self._viewport, self._show_message = scene, viewport, show_message
        self.stroke: list[tuple[float, float]] = []
        self.crossed: list[tuple[str, str]] = []

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self._add(at)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        self._add(at)

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self._add(at)
        count = cut_wires(self._scene.document, self.crossed)
        if count:
            self._show_message("Cut one wire." if count == 1 else f"Cut {count} wires.")

    def _add(self, at: QPointF) -> None:
        point = self._viewport.camera.to_scene(at)
        if self.stroke:
            last = self._viewport.camera.to_view(QPointF(*self.stroke[-1])) - at
            if abs(last.x()) + abs(last.y()) < STEP:
                return
            self._cross(self.stroke[-1], (point.x(), point.y()))
        self.stroke.append((point.x(), point.y()))

    def _cross(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        """Find the wires that a segment of the user's cutting stroke crosses, and add them to
        `crossed`.

        Args:
            a, b: the ends of the segment, in scene units.
        """
        scene = self._scene
        area = QRectF(QPointF(*a), QPointF(*b)).normalized().adjusted(-1, -1, 1, 1)
        slots, ends = scene.wires_in(area)
        shown = ~scene.wires.hidden[slots]
        slots, ends = slots[shown], ends[shown]
        if not len(slots):
            return
        points = wire_shape.curve_points(ends, 32, 1.0, scene.wires.lane[slots])
        for slot in slots[_crosses(points, np.array(a), np.array(b))].tolist():
            key = scene.wires.slots.key(slot)
            if key not in self.crossed:
                self.crossed.append(key)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        camera = self._viewport.camera
        color = theme.color("error")
        painter.setPen(QPen(theme.color("error", 0.9), 3.0))
        array_painting.draw_lines(painter, self._viewport.wire_lines(self.crossed))
        places = np.array(self.stroke) * camera.scale + [camera.x, camera.y]
        if len(places) > 1:
            lines = np.concatenate([places[:-1], places[1:]], axis=1)
            painter.setPen(QPen(color, 1.5, Qt.PenStyle.DashLine))
            array_painting.draw_lines(painter, np.ascontiguousarray(lines))


def _crosses(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (n,) whether each of the curves (n, m, 2) crosses the segment from ``a`` to ``b``."""
    start, end = points[:, :-1], points[:, 1:]

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Return a number whose sign tells on which side of the line p–q the point r lies."""
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )

    apart = side(start, end, a) * side(start, end, b) <= 0
    parted = side(a, b, start) * side(a, b, end) <= 0
    return np.asarray((apart & parted).any(axis=1))
