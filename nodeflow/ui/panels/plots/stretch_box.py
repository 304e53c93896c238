"""The mouse gestures of a plot: select a range to zoom to, pan, zoom. It imports pyqtgraph."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QGraphicsRectItem

from nodeflow.ui.panels.plots.plotting import pg

WHEEL = 1.0015
"""Zoom factor per eighth of a degree of the mouse wheel."""
SHORTEST = 4.0
"""Minimum length of a drag that selects a range, in pixels."""


class StretchBox(pg.ViewBox):
    """The area of a plot that reacts to the mouse.

    Signals:
        asked(low, high): the user wants this part of the x axis.
        whole_asked(): the user wants the whole x axis again.
        clicked(x): the user clicked at this position of the x axis.
    """

    asked = Signal(float, float)
    whole_asked = Signal()
    clicked = Signal(float)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.disableAutoRange()
        self.setDefaultPadding(0)
        self.stretch = QGraphicsRectItem()
        self.stretch.setZValue(1000)
        self.stretch.hide()
        self.addItem(self.stretch, ignoreBounds=True)
        self._clicked_at = 0.0
        self._single = QTimer(self, singleShot=True)
        """Runs after a click until no double click can follow."""
        self._single.timeout.connect(self._on_single)

    @property
    def span(self) -> tuple[float, float]:
        """The two ends of the visible part of the x axis."""
        low, high = self.viewRange()[0]
        return float(low), float(high)

    # pyqtgraph calls these methods by their names.

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        ev.accept()
        is_stretch = ev.button() == Qt.MouseButton.LeftButton and not (
            ev.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        if is_stretch and axis is None:
            self._drag_stretch(ev)
        else:
            self._pan(ev)

    def _drag_stretch(self, ev: Any) -> None:
        first, last = (self.mapToView(p).x() for p in (ev.buttonDownPos(), ev.pos()))
        low, high = sorted((first, last))
        left, right = self.span
        low, high = max(low, left), min(high, right)
        if not ev.isFinish():
            area = self.viewRect()
            self.stretch.setRect(QRectF(low, area.top(), max(high - low, 0.0), area.height()))
            self.stretch.show()
            return
        self.stretch.hide()
        if (high - low) / max(right - left, 1e-300) * self.width() >= SHORTEST:
            self.asked.emit(low, high)

    def _pan(self, ev: Any) -> None:
        low, high = self.span
        moved = (ev.lastPos().x() - ev.pos().x()) / max(self.width(), 1.0) * (high - low)
        self.asked.emit(low + moved, high + moved)

    def wheelEvent(self, ev: Any, axis: int | None = None) -> None:
        ev.accept()
        low, high = self.span
        at = self.mapToView(QPointF(ev.pos())).x()
        factor = WHEEL ** -ev.delta()
        self.asked.emit(at - (at - low) * factor, at + (high - at) * factor)

    def mouseClickEvent(self, ev: Any) -> None:
        if ev.button() != Qt.MouseButton.LeftButton:
            return
        ev.accept()
        if ev.double():
            self._single.stop()
            self.whole_asked.emit()
        else:
            self._clicked_at = self.mapToView(ev.pos()).x()
            self._single.start(QApplication.doubleClickInterval())

    def _on_single(self) -> None:
        self.clicked.emit(self._clicked_at)
