"""The background layers: the grid, and the document's frames with their titles and notes."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards.card_looks import FRAME_RADIUS, FRAME_TINT, GRID, GRID_DOT
from nodeflow.drawing.frames import frame_labels, frame_titles
from nodeflow.drawing.frames.frame_labels import FrameLabel
from nodeflow.drawing.frames.frame_titles import frame_role, stacked
from nodeflow.ui.canvas.paint import frame_note_painter
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.detail import BLOCK
from nodeflow.ui.core.painting import array_painting, text_metrics
from nodeflow.ui.core.theming.theme import Theme, mix


def paint_background(painter: QPainter, context: PaintContext) -> None:
    """Paint the background, with a grid of dots whose spacing adapts to the zoom."""
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
    size = max(1, round(GRID_DOT * context.dpr))
    columns = np.floor(x * context.dpr + 0.499) - size // 2  # in device pixels
    rows = np.floor(y * context.dpr + 0.499) - size // 2
    if context.exporting:
        _paint_dots(painter, columns, rows, GRID_DOT, context.theme.color("grid"))
        return
    # a row of dots, copied for each row
    strip = QPixmap(int(columns[-1] - columns[0]) + size, size)
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
    """Return the scene rectangle to paint, in view coordinates."""
    corner = (
        QPointF(context.area.left() * context.scale, context.area.top() * context.scale)
        + context.offset
    )
    return QRectF(corner, context.area.size() * context.scale)


def frame_color(theme: Theme, name: str) -> QColor:
    """Return the colour of a frame by its name: ``#rrggbb``, a category, or the default."""
    return QColor(theme.hex(frame_role(name)))


def paint_frames(painter: QPainter, context: PaintContext) -> None:
    """Paint the document's frames behind the nodes, with their titles and notes."""
    painter.save()
    context.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for frame in stacked(context.scene.document.frames.values()):
        rect = QRectF(*frame.rect)
        if rect.intersects(context.area) and frame.id not in context.hidden_frames:
            shift = context.scene.title_shift(frame.id)
            paint_frame(painter, context, rect, frame.title, frame.note, frame.color, shift)
    painter.restore()


def paint_frame(
    painter: QPainter,
    context: PaintContext,
    rect: QRectF,
    title: str,
    note: str,
    color_name: str,
    shift: float = 0.0,
) -> None:
    """Paint a frame, a titled rectangle with a note behind a group of nodes.

    Args:
        shift: distance by which the title is moved to the right.
    """
    theme = context.theme
    color = frame_color(theme, color_name)
    painter.setPen(QPen(mix(theme.color("canvas"), color, 0.35), 1.25))
    painter.setBrush(mix(theme.color("canvas"), color, FRAME_TINT))
    painter.drawRoundedRect(rect, FRAME_RADIUS, FRAME_RADIUS)
    if context.level == BLOCK:
        return
    scale = context.detail.scale
    style, left = frame_titles.title_style(scale), rect.left() + frame_titles.INSET
    room = rect.width() - 2 * frame_titles.INSET
    if not context.labels_frames:
        heading = text_metrics.elide(title, style, room - shift)
        y = rect.top() + 8 + style[0]
        ink = _title_ink(theme, color)
        text_metrics.draw(painter, left + shift, y, heading, style, ink, as_path=context.exporting)
    band = style[0] + 22 if title else 16
    if title and context.labels_frames:
        band = max(band, (frame_labels.STYLES[0][1] + frame_labels.GAP) / scale)
    top = rect.top() + band
    _paint_note(painter, context, QRectF(left, top, room, rect.bottom() - top - 8), note)


def _title_ink(theme: Theme, color: QColor) -> QColor:
    return mix(color, theme.color("ink"), 0.45)


def paint_frame_labels(painter: QPainter, context: PaintContext) -> None:
    """Paint titles as labels beside the cards if their strips are too low for readable titles."""
    for label in context.labels:
        left, top, right, bottom = label.box
        box = QRectF(left, top, right - left, bottom - top)
        if label.frame.id not in context.hidden_frames and box.intersects(context.area):
            corner = box.topLeft() * context.scale + context.offset
            _paint_label(painter, context, QRectF(corner, box.size() * context.scale), label)


def _paint_label(painter: QPainter, context: PaintContext, box: QRectF, label: FrameLabel) -> None:
    color = frame_color(context.theme, label.frame.color)
    ground = mix(context.theme.color("canvas"), color, 0.16)
    ground.setAlphaF(0.92)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 5, 5)
    ink = _title_ink(context.theme, color)
    x, y = box.left() + frame_labels.PAD, box.bottom() - 0.25 * box.height()
    text_metrics.draw(painter, x, y, label.text, label.style, ink)


def _paint_note(painter: QPainter, context: PaintContext, area: QRectF, note: str) -> None:
    """Paint as many lines of a note as fit, in a size that is readable at this scale."""
    scale = context.detail.scale
    style = frame_titles.note_style(scale)
    if note and area.height() > 0 and style[0] * scale >= texts.LEAST:
        ink = context.theme.color("ink_muted")
        frame_note_painter.paint(painter, area, note, style, ink, as_path=context.exporting)
