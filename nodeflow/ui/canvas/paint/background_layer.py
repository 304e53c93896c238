"""The background layers: the grid, and frames with their titles and notes."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from nodeflow.ui.canvas.paint import frame_notes
from nodeflow.ui.canvas.paint.card_painter import FULL
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.frame_order import stacked
from nodeflow.ui.core import array_painting, text_metrics
from nodeflow.ui.core.theme import Theme, mix

GRID = 24.0
DOT = 1.5
"""Size of a dot of the grid, in view pixels."""


def paint_background(painter: QPainter, context: PaintContext) -> None:
    """Paint the background with a grid of dots whose spacing adapts to the zoom."""
    painter.fillRect(painter_area(context), context.theme.color("canvas"))
    spacing = GRID
    while spacing * context.scale < 18:
        spacing *= 2
    left = np.floor(context.area.left() / spacing) * spacing
    top = np.floor(context.area.top() / spacing) * spacing
    x = (
        np.arange(left, context.area.right() + spacing, spacing) * context.scale
        + context.offset.x()
    )
    y = (
        np.arange(top, context.area.bottom() + spacing, spacing) * context.scale
        + context.offset.y()
    )
    size = max(1, round(DOT * context.dpr))
    columns = np.floor(x * context.dpr + 0.499) - size // 2  # device pixels
    rows = np.floor(y * context.dpr + 0.499) - size // 2
    if context.exporting:
        _paint_dots(painter, columns, rows, DOT, context.theme.color("grid"))
        return
    strip = QPixmap(int(columns[-1] - columns[0]) + size, size)  # a row of dots, copied per row
    strip.fill(Qt.GlobalColor.transparent)
    strip_painter = QPainter(strip)
    _paint_dots(
        strip_painter, columns - columns[0], rows[:1] * 0, size, context.theme.color("grid")
    )
    strip_painter.end()
    strip.setDevicePixelRatio(context.dpr)
    for row in rows:
        painter.drawPixmap(QPointF(columns[0] / context.dpr, row / context.dpr), strip)


def _paint_dots(
    painter: QPainter, columns: np.ndarray, rows: np.ndarray, size: float, color: QColor
) -> None:
    dots = np.full((len(columns) * len(rows), 4), float(size))
    dots[:, 0] = np.repeat(columns, len(rows))
    dots[:, 1] = np.tile(rows, len(columns))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    array_painting.draw_rects(painter, dots)


def painter_area(context: PaintContext) -> QRectF:
    """The painted scene rectangle in view coordinates."""
    corner = (
        QPointF(context.area.left() * context.scale, context.area.top() * context.scale)
        + context.offset
    )
    return QRectF(corner, context.area.size() * context.scale)


FRAME_RADIUS = 14.0


_FORMER = {"metrics": "metric"}
"""Names of colours in older files."""


def frame_color(theme: Theme, name: str) -> QColor:
    """The colour of a frame by its name: ``#rrggbb``, a category, or the default."""
    if name.startswith("#") and QColor.isValidColorName(name):
        return QColor(name)
    name = _FORMER.get(name, name)
    return theme.category(name) if name in theme.categories else theme.color("accent")


def paint_frames(painter: QPainter, context: PaintContext) -> None:
    """Paint frames behind the nodes, with their titles and notes."""
    painter.save()
    context.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for frame in stacked(context.scene.document.frames.values()):
        rect = QRectF(*frame.rect)
        if rect.intersects(context.area) and frame.id not in context.hidden_frames:
            paint_frame(painter, context, rect, frame.title, frame.note, frame.color)
    painter.restore()


def paint_frame(
    painter: QPainter, context: PaintContext, rect: QRectF, title: str, note: str, color_name: str
) -> None:
    theme = context.theme
    color = frame_color(theme, color_name)
    painter.setPen(QPen(mix(theme.color("canvas"), color, 0.35), 1.25))
    painter.setBrush(mix(theme.color("canvas"), color, 0.07 if not theme.is_dark else 0.10))
    painter.drawRoundedRect(rect, FRAME_RADIUS, FRAME_RADIUS)
    if context.level == "block":
        return
    ink = mix(color, theme.color("ink"), 0.45)
    room = rect.width() - 32
    style = text_metrics.FRAME_TITLE if context.level == FULL else text_metrics.FAR_FRAME_TITLE
    heading = text_metrics.elide(title, style, room)
    y = rect.top() + 11 + style[0]
    text_metrics.draw(painter, rect.left() + 16, y, heading, style, ink, as_path=context.exporting)
    top = rect.top() + (style[0] + 24 if title else 16)
    _paint_note(
        painter, context, QRectF(rect.left() + 16, top, room, rect.bottom() - top - 8), note
    )


def _paint_note(painter: QPainter, context: PaintContext, area: QRectF, note: str) -> None:
    """Paint as many lines of a note as fit, in larger type when zoomed out."""
    if note and area.height() > 0:
        style = text_metrics.NOTE if context.level == FULL else text_metrics.FAR_NOTE
        ink = context.theme.color("ink_muted")
        frame_notes.paint(painter, area, note, style, ink, as_path=context.exporting)
