"""A pad for two numbers: a point that is dragged on a plane, or moved by the arrow keys."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from nodeflow.document.edit.stage import is_pair
from nodeflow.number_text import number
from nodeflow.ui.core.theming.theme import Theme

REACH = 3.0
"""The plane reaches from -REACH to REACH, or to twice the value if that is beyond."""
STEP, FINE, COARSE = 0.1, 0.01, 0.5
"""How far a key moves the point, as part of a unit: alone, with Ctrl, with Shift."""
SIDE, MARGIN, POINT = 150, 8.0, 5.0
_KEYS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class Pad(QWidget):
    """The plane of one value of two numbers.

    Signals:
        moved(value): the user chose these numbers, in the form of the shown value.
        sliderReleased: a drag has ended.
    """

    moved = Signal(object)
    sliderReleased = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._is_row, self._is_down = theme, False, False
        self._reach, self._name = REACH, ""
        self.point = (0.0, 0.0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFixedHeight(SIDE)
        self.setMinimumWidth(SIDE // 2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(SIDE, SIDE)

    def isSliderDown(self) -> bool:
        """Return whether the point is being dragged."""
        return self._is_down

    def set_value(self, value: Any) -> None:
        """Show two numbers. If they are out of reach, the plane grows."""
        if not is_pair(value):
            return
        self._is_row = isinstance(value[0], list)
        x, y = value[0] if self._is_row else value
        self._show(float(x), float(y))

    @staticmethod
    def numbers(value: Any) -> str:
        """Return two numbers as text."""
        x, y = value[0] if isinstance(value[0], list) else value
        return f"{number(x)}, {number(y)}"

    def _show(self, x: float, y: float) -> None:
        self.point = x, y
        if max(abs(x), abs(y)) > self._reach:
            self._reach = 2 * max(abs(x), abs(y))
        self.setAccessibleDescription(f"{self.numbers([x, y])}; the arrow keys move the point")
        self.update()

    # ---- the plane ----------------------------------------------------------------------------

    def area(self) -> QRectF:
        """Return the square of the plane."""
        side = min(self.width(), self.height()) - 2 * MARGIN
        corner = QPointF((self.width() - side) / 2, (self.height() - side) / 2)
        return QRectF(corner.x(), corner.y(), side, side)

    def place(self, x: float, y: float) -> QPointF:
        """Return the position of two numbers on the widget."""
        area = self.area()
        scale = area.width() / (2 * self._reach)
        return QPointF(area.center().x() + x * scale, area.center().y() - y * scale)

    def _numbers(self, at: QPointF) -> tuple[float, float]:
        area = self.area()
        scale = 2 * self._reach / area.width()
        x = (at.x() - area.center().x()) * scale
        y = (area.center().y() - at.y()) * scale
        return self._within(x), self._within(y)

    def _within(self, value: float) -> float:
        return round(min(max(value, -self._reach), self._reach), 2) + 0.0

    def _choose(self, x: float, y: float) -> None:
        if (x, y) != self.point:
            self._show(x, y)
            self.moved.emit([[x, y]] if self._is_row else [x, y])

    # ---- mouse and keys -----------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        self._is_down = True
        self._choose(*self._numbers(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_down:
            self._choose(*self._numbers(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_down and event.button() == Qt.MouseButton.LeftButton:
            self._is_down = False
            self.sliderReleased.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = _KEYS.get(Qt.Key(event.key()))
        if direction is None:
            super().keyPressEvent(event)
            return
        modifiers = event.modifiers()
        fine = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        coarse = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        step = FINE if fine else COARSE if coarse else STEP
        x, y = (self._within(n + step * d) for n, d in zip(self.point, direction, strict=True))
        self._choose(x, y)

    # ---- painting -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, theme = self.area(), self._theme
        focus = self.hasFocus()
        painter.setPen(QPen(theme.color("accent" if focus else "border"), 2 if focus else 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(area, 4, 4)
        painter.setPen(QPen(theme.color("border"), 1))
        for step in range(-math.floor(REACH) + 1, math.floor(REACH)):
            share = step / REACH * self._reach
            if step == 0:
                painter.setPen(QPen(theme.color("border_strong"), 1))
            x, y = self.place(share, 0).x(), self.place(0, share).y()
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QPen(theme.color("border"), 1))
        painter.setPen(QPen(theme.color("raised"), 1.5))
        painter.setBrush(theme.color("accent"))
        painter.drawEllipse(self.place(*self.point), POINT, POINT)
