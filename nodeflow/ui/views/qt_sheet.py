"""The drawing surface of views in the window: Qt paints their shapes, many dots with one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from nodeflow.drawing import sheet
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.text_layout import Style
from nodeflow.drawing.theme_colors import Ink
from nodeflow.ui.core.painting import array_painting, text_metrics
from nodeflow.ui.core.painting.pixel_image import pixel_image
from nodeflow.ui.core.theming.theme import Theme


def rect_of(rect: QRectF) -> Rect:
    """Convert a rectangle of Qt to a rectangle of `nodeflow.drawing`."""
    return Rect(rect.left(), rect.top(), rect.width(), rect.height())


def point_of(point: QPointF) -> Point:
    """Convert a point of Qt to a point of `nodeflow.drawing`."""
    return Point(point.x(), point.y())


@dataclass(frozen=True)
class Sheet(sheet.Sheet):
    """A painter and its drawing style.

    Attributes:
        as_path: draw text as outlines and dots as ellipses, for exported pictures.
    """

    painter: QPainter
    theme: Theme
    as_path: bool = False
    is_small: bool = False
    note: str = ""
    scale: float = 1.0

    def line_of_text(
        self, x: float, y: float, text: str, style: Style, ink: Ink, align: str = "left"
    ) -> None:
        color = self.theme.of(ink)
        text_metrics.draw(self.painter, x, y, text, style, color, align=align, as_path=self.as_path)

    def box(self, rect: Rect, fill: Ink | None, edge: Ink | None) -> None:
        self.painter.setPen(Qt.PenStyle.NoPen if edge is None else QPen(self.theme.of(edge), 1))
        self.painter.setBrush(Qt.BrushStyle.NoBrush if fill is None else self.theme.of(fill))
        self.painter.drawRect(QRectF(*rect))

    def bars(self, rects: np.ndarray, fill: Ink) -> None:
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(self.theme.of(fill))
        array_painting.draw_rects(self.painter, np.ascontiguousarray(rects))

    def line(self, points: np.ndarray, ink: Ink, width: float, dashed: bool = False) -> None:
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        pen = QPen(self.theme.of(ink), width, style)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        self.painter.setPen(pen)
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points.tolist()]))

    def dots(
        self, points: np.ndarray, ink: Ink, radius: float, edge: Ink, hollow: bool = False
    ) -> None:
        if not len(points):
            return
        color, border = self.theme.of(ink), self.theme.of(edge)
        if self.as_path:
            for x, y in points.tolist():
                _dot(self.painter, QPointF(x, y), radius, color, border, hollow)
            return
        at = self.painter.transform()
        pixels = max(at.m11(), 0.05) * self.painter.device().devicePixelRatioF()
        sprite, reach = _sprite(
            color.rgba(), border.rgba(), hollow, round(radius, 2), round(pixels, 3)
        )
        rows = np.zeros((len(points), array_painting.FRAGMENT_FIELDS))
        rows[:, :2] = points
        rows[:, 4] = rows[:, 5] = reach
        rows[:, 6] = rows[:, 7] = 1 / pixels
        rows[:, 9] = 1.0
        array_painting.draw_fragments(self.painter, rows, sprite)

    def image(self, rect: Rect, pixels: sheet.Pixels, smooth: bool = True) -> None:
        self.painter.save()
        self.painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        self.painter.drawImage(QRectF(*rect), pixel_image(pixels(self.theme)))
        self.painter.restore()

    def noted(self, note: str, is_small: bool = False) -> Sheet:
        return replace(self, note=note, is_small=is_small)

    @contextmanager
    def clip(self, rect: Rect) -> Iterator[None]:
        self.painter.save()
        self.painter.setClipRect(QRectF(*rect), Qt.ClipOperation.IntersectClip)
        self.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        yield
        self.painter.restore()


@lru_cache(maxsize=256)
def _sprite(
    color: int, edge: int, hollow: bool, radius: float, pixels: float
) -> tuple[QPixmap, int]:
    """Paint a round mark of a drawing; return its picture, and the picture's width in pixels."""
    reach = int(np.ceil((radius + 1) * pixels)) * 2
    pixmap = QPixmap(reach, reach)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    try:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(reach / 2, reach / 2)
        painter.scale(pixels, pixels)
        _dot(painter, QPointF(0, 0), radius, QColor.fromRgba(color), QColor.fromRgba(edge), hollow)
    finally:
        painter.end()
    return pixmap, reach


def _dot(
    painter: QPainter, at: QPointF, radius: float, color: QColor, edge: QColor, hollow: bool
) -> None:
    if hollow:
        painter.setPen(QPen(color, radius * 0.55))
        painter.setBrush(edge)
        painter.drawEllipse(at, radius * 0.75, radius * 0.75)
        return
    painter.setPen(QPen(edge, max(radius * 0.22, 0.4)))
    painter.setBrush(color)
    painter.drawEllipse(at, radius, radius)
