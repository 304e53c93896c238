"""Presets for panning and zooming: with a mouse, a touchpad, or by dragging the background."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QWheelEvent

PRESETS = {
    "mouse": "Mouse: the wheel zooms, the middle button or Space pans",
    "touchpad": "Touchpad: scrolling pans, pinching or Ctrl zooms",
    "drag": "Dragging the background pans; Shift and dragging selects",
}
DEFAULT = "mouse"


def wheel_pan(event: QWheelEvent, preset: str) -> QPointF | None:
    """Return how far a wheel event pans the view, in pixels. Return None if it zooms.

    With Ctrl it always zooms; a pinch on a touchpad also arrives with Ctrl. Otherwise a touchpad,
    which reports pixels, pans in every preset.
    """
    pixels, angle = event.pixelDelta(), event.angleDelta()
    keys = event.modifiers()
    if keys & Qt.KeyboardModifier.ControlModifier:
        return None
    if not pixels.isNull():
        return QPointF(pixels)
    if keys & Qt.KeyboardModifier.ShiftModifier:
        return QPointF(angle.y() or angle.x(), 0)
    if preset == "touchpad" or (angle.x() and not angle.y()):
        return QPointF(angle.x(), angle.y())
    return None
