"""The sheet that views draw on: a painter with the theme, text, and many dots at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF

from nodeflow.ui.core import array_painting, text_metrics
from nodeflow.ui.core.theme import Theme

LINE = 16.0
"""Height of a line of small text."""
SHORTEST = 30.0
"""Minimum width of a name in a legend, unless the name is shorter."""


@dataclass(frozen=True)
class Sheet:
    """A painter and its drawing style.

    Attributes:
        as_path: draw text as outlines and dots as ellipses, for exported pictures.
        is_small: draw no text, because it would be too small to read.
        note: text at the top right, beside the legend.
    """

    painter: QPainter
    theme: Theme
    as_path: bool = False
    is_small: bool = False
    note: str = ""

    # ---- text -----------------------------------------------------------------------------------

    def text(
        self, x: float, y: float, text: str, role: str = "ink_muted", align: str = "left"
    ) -> None:
        """Draw one line of small text with its baseline at y."""
        if not self.is_small:
            text_metrics.draw(
                self.painter,
                x,
                y,
                text,
                text_metrics.CAPTION,
                self.theme.color(role),
                align=align,
                as_path=self.as_path,
            )

    def paragraph(self, rect: QRectF, text: str, role: str) -> None:
        """Draw wrapped lines of text in the middle of a rectangle."""
        most = max(1, int(rect.height() // LINE))
        lines = text_metrics.wrap(text, text_metrics.CAPTION, rect.width() - 16, most)
        y = rect.center().y() - LINE * (len(lines) - 1) / 2 + 4
        for line in lines:
            self.text(rect.center().x(), y, line, role, "center")
            y += LINE

    # ---- shapes ---------------------------------------------------------------------------------

    def box(self, rect: QRectF, fill: QColor | None, edge: QColor | None) -> None:
        """Draw a rectangle."""
        self.painter.setPen(Qt.PenStyle.NoPen if edge is None else QPen(edge, 1))
        self.painter.setBrush(Qt.BrushStyle.NoBrush if fill is None else fill)
        self.painter.drawRect(rect)

    def line(self, points: np.ndarray, color: QColor, width: float, dashed: bool = False) -> None:
        """Draw a line through points (n, 2)."""
        pen = QPen(color, width, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        self.painter.setPen(pen)
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points.tolist()]))

    def dots(
        self, points: np.ndarray, color: QColor, radius: float, edge: QColor, hollow: bool = False
    ) -> None:
        """Draw dots at points (n, 2), filled with a thin edge or hollow."""
        if not len(points):
            return
        if self.as_path:
            for x, y in points.tolist():
                _dot(self.painter, QPointF(x, y), radius, color, edge, hollow)
            return
        at = self.painter.transform()
        pixels = max(at.m11(), 0.05) * self.painter.device().devicePixelRatioF()
        sprite, reach = _sprite(
            color.rgba(), edge.rgba(), hollow, round(radius, 2), round(pixels, 3)
        )
        rows = np.zeros((len(points), array_painting.FRAGMENT_FIELDS))
        rows[:, :2] = points
        rows[:, 4] = rows[:, 5] = reach
        rows[:, 6] = rows[:, 7] = 1 / pixels
        rows[:, 9] = 1.0
        array_painting.draw_fragments(self.painter, rows, sprite)

    def image(self, rect: QRectF, pixels: np.ndarray) -> None:
        """Draw an image (h, w, 4) of blue, green, red, 255, whose first row is at the bottom."""
        flipped = np.ascontiguousarray(pixels[::-1])
        height, width = flipped.shape[:2]
        image = QImage(flipped.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self.painter.save()
        self.painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.painter.drawImage(rect, image)
        self.painter.restore()


@lru_cache(maxsize=256)
def _sprite(
    color: int, edge: int, hollow: bool, radius: float, pixels: float
) -> tuple[QPixmap, int]:
    """Return the picture of a dot and its size in pixels."""
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


def legend(sheet: Sheet, rect: QRectF, entries: list[tuple[str, QColor, str]]) -> float:
    """Draw names with their colours in one line at the top left of a rectangle.

    Args:
        entries: (name, colour, mark) with mark ``dot``, ``ring``, ``line`` or ``box``; entries that
            do not fit are left out.

    Returns:
        The x coordinate at the end of the line.
    """
    if sheet.is_small:
        return rect.left()
    painter, theme = sheet.painter, sheet.theme
    if sheet.note:
        width = text_metrics.width(sheet.note, text_metrics.CAPTION) + 10
        rect = rect.adjusted(0, 0, -width, 0)
    x, y = rect.left(), rect.top() + LINE / 2
    widths = [text_metrics.width(name, text_metrics.CAPTION) for name, _, _ in entries]
    longest = math.inf
    while widths:
        longest = fair_share(widths, rect.width() - 24 * len(widths) + 10)
        if longest >= SHORTEST:
            break
        widths.pop()  # drop the last entries before the others become illegible
    entries = entries[: len(widths)]
    for full, color, mark in entries:
        name = text_metrics.elide(full, text_metrics.CAPTION, longest)
        width = text_metrics.width(name, text_metrics.CAPTION)
        if not name or x + 14 + width > rect.right():
            break
        if mark == "line":
            painter.setPen(QPen(color, 2))
            painter.drawLine(QPointF(x, y), QPointF(x + 10, y))
        elif mark == "box":
            sheet.box(QRectF(x + 1, y - 4, 8, 8), color, None)
        else:
            _dot(painter, QPointF(x + 5, y), 3.2, color, theme.color("sunken"), mark == "ring")
        sheet.text(x + 14, y + 4, name)
        x += 14 + width + 10
    return x


def fair_share(widths: list[float], room: float) -> float:
    """Return the width limit at which all names fit; short names leave their rest to the others."""
    for index, width in enumerate(sorted(widths)):
        share = room / (len(widths) - index)
        if width > share:
            return share
        room -= width
    return math.inf
