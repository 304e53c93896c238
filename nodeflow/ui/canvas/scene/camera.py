"""The camera: scale and offset between scene and view coordinates.

Scales are powers of two with eight steps per octave, so that cached cards fit again when a zoom
level returns. Offsets are whole device pixels, so that cards are copied without resampling.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF

STEPS_PER_OCTAVE = 8
MIN_STEP = -5 * STEPS_PER_OCTAVE
MAX_STEP = 2 * STEPS_PER_OCTAVE


class Camera:
    """A scale and an offset: view = scene * scale + offset."""

    def __init__(self) -> None:
        self.step = 0
        self.dpr = 1.0
        self.x = 0.0
        self.y = 0.0

    @property
    def scale(self) -> float:
        return 2.0 ** (self.step / STEPS_PER_OCTAVE)

    def to_view(self, point: QPointF) -> QPointF:
        return QPointF(point.x() * self.scale + self.x, point.y() * self.scale + self.y)

    def to_scene(self, point: QPointF) -> QPointF:
        return QPointF((point.x() - self.x) / self.scale, (point.y() - self.y) / self.scale)

    def rect_to_view(self, rect: QRectF) -> QRectF:
        size = rect.size() * self.scale
        return QRectF(self.to_view(rect.topLeft()), size)

    def rect_to_scene(self, rect: QRectF) -> QRectF:
        size = rect.size() / self.scale
        return QRectF(self.to_scene(rect.topLeft()), size)

    def pan(self, dx: float, dy: float) -> None:
        self._place(self.x + dx, self.y + dy)

    def zoom_to(self, step: int, anchor: QPointF) -> bool:
        """Change the scale around the view point ``anchor``. Return whether it changed."""
        step = max(MIN_STEP, min(MAX_STEP, step))
        if step == self.step:
            return False
        fixed = self.to_scene(anchor)
        self.step = step
        self._place(anchor.x() - fixed.x() * self.scale, anchor.y() - fixed.y() * self.scale)
        return True

    def look_at(self, center: QPointF, width: float, height: float) -> None:
        """Show a scene point in the middle of a view of the given size."""
        self._place(width / 2 - center.x() * self.scale, height / 2 - center.y() * self.scale)

    def fit(self, rect: QRectF, width: float, height: float) -> None:
        """Show a whole scene rectangle, at most at scale 1."""
        self.step = self.fitting_step(rect, width, height)
        self.look_at(rect.center(), width, height)

    @staticmethod
    def fitting_step(rect: QRectF, width: float, height: float, margin: float = 32) -> int:
        """Return the largest zoom step, up to scale 1, at which a scene rectangle fits."""
        room_x, room_y = max(width - 2 * margin, 32), max(height - 2 * margin, 32)
        scale = min(room_x / max(rect.width(), 1), room_y / max(rect.height(), 1), 1.0)
        return max(MIN_STEP, math.floor(math.log2(scale) * STEPS_PER_OCTAVE))

    def _place(self, x: float, y: float) -> None:
        self.x = round(x * self.dpr) / self.dpr
        self.y = round(y * self.dpr) / self.dpr
