"""The drawing of one curve: a smoothed line over a band from minimum to maximum.

Imports pyqtgraph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from nodeflow.ui.panels.plots.curve import AXES, Columns, Curve
from nodeflow.ui.panels.plots.number_axis import log10
from nodeflow.ui.panels.plots.plotting import pg

FAINT = 0.28
"""Opacity of the band from minimum to maximum under a smoothed line."""
WIDTH = 1.75
DOT = 3.0
BETWEEN_DOTS = 9.0
"""Minimum distance between values at which they are drawn as dots, in pixels."""
FARTHEST = 1e5
"""Limit of pixel coordinates, since Qt's coordinates are limited."""


class CurveItem(pg.GraphicsObject):
    """The graphics item of one curve. Its points are recomputed for the visible part.

    Attributes:
        columns: the points drawn last.
    """

    def __init__(self, curve: Curve) -> None:
        super().__init__()
        self.curve = curve
        self.axis, self.log_x, self.log_y = AXES[0], False, False
        self.is_fine = True
        self.columns = Columns(*(np.empty(0) for _ in range(4)))
        self._color, self._ground, self._dashed = QColor("black"), QColor("white"), False
        self._key: Any = None
        self._bounds = QRectF()

    def set_curve(self, curve: Curve) -> None:
        """Draw another curve from now on."""
        self.curve, self._key = curve, None
        self.update()

    def set_style(self, color: QColor, ground: QColor, dashed: bool = False) -> None:
        self._color, self._ground, self._dashed = color, ground, dashed
        self.update()

    @property
    def color(self) -> QColor:
        return self._color

    def set_axes(self, axis: str, log_x: bool, log_y: bool) -> None:
        if (axis, log_x, log_y) != (self.axis, self.log_x, self.log_y):
            self.axis, self.log_x, self.log_y = axis, log_x, log_y
            self.update()

    # ---- for pyqtgraph ------------------------------------------------------------------------

    def boundingRect(self) -> QRectF:
        return self._bounds

    def viewTransformChanged(self) -> None:
        # This call must precede the change of the bounds, because Qt finds the item by the old
        # bounds.
        self.prepareGeometryChange()
        box = self.getViewBox()
        self._bounds = QRectF() if box is None else box.viewRect()

    # ---- drawing ------------------------------------------------------------------------------

    def look(self, low: float, high: float, pixels: int) -> Columns:
        """Return the points to draw between two positions of the view, recomputed if necessary."""
        curve = self.curve
        key = (low, high, pixels, self.axis, self.log_x, curve.count, curve.smoothing)
        if key != self._key:
            self._key = key
            edges = np.linspace(low, high, max(pixels, 2) + 1)
            self.columns = curve.columns(self.axis, 10.0**edges if self.log_x else edges)
        return self.columns

    def paint(self, painter: QPainter, *_: object) -> None:
        box = self.getViewBox()
        if box is None or not self.curve.count:
            return
        view = box.viewRect()  # pyqtgraph's own viewRect may be outdated
        low_x, high_x = box.viewRange()[0]  # exactly the range that the plot fitted
        columns = self.look(float(low_x), float(high_x), max(2, round(box.width())))
        x = log10(columns.x) if self.log_x else columns.x
        low, high, smooth = columns.low, columns.high, columns.smooth
        if self.log_y:
            floor = 10.0 ** min(view.top() - view.height(), 300.0)
            low = np.where(high > 0, np.maximum(low, floor), np.nan)  # below the bottom of the plot
            low, high, smooth = log10(low), log10(high), log10(smooth)
        shown = np.isfinite(x) & np.isfinite(high)
        x, low, high, smooth = x[shown], low[shown], high[shown], smooth[shown]
        if not len(x):
            return
        to_pixels = painter.transform()  # numpy transforms faster than the painter
        x = x * to_pixels.m11() + to_pixels.dx()
        low, high, smooth = (
            np.clip(part * to_pixels.m22() + to_pixels.dy(), -FARTHEST, FARTHEST)
            for part in (low, high, smooth)
        )
        spacing = (x[-1] - x[0]) / max(len(x) - 1, 1)
        painter.save()
        painter.resetTransform()
        self._draw(painter, columns.is_plain, x, low, high, smooth, spacing)
        painter.restore()

    def _draw(
        self,
        painter: QPainter,
        is_plain: bool,
        x: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        smooth: np.ndarray,
        spacing: float,
    ) -> None:
        """Draw the points of a curve, given in pixels."""
        has_dots = is_plain and bool(len(x) == 1 or spacing >= BETWEEN_DOTS)
        is_smoothed = self.curve.smoothing > 0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self.is_fine)
        if is_smoothed:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, self.is_fine and has_dots)
            self._line(painter, *_zigzag(x, low, high), QPen(self._faint, 1))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, self.is_fine)
        pen = QPen(self._color, WIDTH)
        if self._dashed:
            pen.setDashPattern([4, 3])
        if is_smoothed:
            finite = np.isfinite(smooth)
            x_shown, y_shown = x[finite], smooth[finite]
            if self.is_fine or self._dashed:
                self._line(painter, x_shown, y_shown, pen)
            else:  # two thin lines are drawn much faster than a thick one
                pen = QPen(self._color, 1)
                self._line(painter, x_shown, y_shown, pen)
                self._line(painter, x_shown, y_shown + 1, pen)
        else:
            self._line(painter, *_zigzag(x, low, high), pen)
        if has_dots:
            self._dots(painter, x, high)

    @property
    def _faint(self) -> QColor:
        color = QColor(self._color)
        color.setAlphaF(FAINT)
        return color

    def _line(self, painter: QPainter, x: np.ndarray, y: np.ndarray, pen: QPen) -> None:
        if len(x) < 2:
            return
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(pg.functions.arrayToQPolygonF(x, y))

    def _dots(self, painter: QPainter, x: np.ndarray, y: np.ndarray) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._ground, 1.5))
        painter.setBrush(self._color)
        for at in zip(x.tolist(), y.tolist(), strict=True):
            painter.drawEllipse(QPointF(*at), DOT, DOT)


def _zigzag(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a line that goes up in one column and down in the next, through all minima and
    maxima.
    """
    if (low == high).all():
        return x, high
    ends = np.stack([low, high], axis=1)
    ends[1::2] = ends[1::2, ::-1]
    return np.repeat(x, 2), ends.ravel()
