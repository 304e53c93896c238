"""Nodes coloured by a measure: a line around the card and a band along its top."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from nodeflow.drawing.cards.card_looks import RADIUS
from nodeflow.ui.canvas.paint.card_layer import view_rects
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.detail import BLOCK, FULL
from nodeflow.ui.canvas.scene.tints import PLAIN, level_color
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import mix

BAND, LINE = 6.0, 3.0
"""Height of the band and width of the line at full size, in pixels."""
MOST_ROUND = 400
"""Maximum number of visible nodes with rounded bands. With more, they are filled rectangles."""


def paint_node_tints(painter: QPainter, context: PaintContext) -> None:
    """Paint the colours of the visible nodes."""
    tints, scene = context.tints, context.scene
    if tints is None:
        return
    slots = context.nodes()
    if not len(slots):
        return
    levels, rects = tints.of_nodes(scene, slots), view_rects(context, slots)
    plain = context.level == BLOCK or len(slots) > MOST_ROUND
    dimmed = scene.dimmed[slots]
    codes = (levels - PLAIN) * 2 + dimmed
    for code in array_painting.distinct(codes):
        level = int(code) // 2 + PLAIN
        if level == PLAIN and not plain:
            continue
        color = level_color(context.theme, level)
        if code % 2:
            color = mix(context.theme.color("canvas"), color, context.dim)
        chosen = np.ascontiguousarray(rects[codes == code])
        if plain:
            _paint_blocks(painter, color, chosen)
        else:
            _paint_cards(painter, context, color, chosen)


def _paint_blocks(painter: QPainter, color: QColor, rects: np.ndarray) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    rects[:, 2:] = np.maximum(rects[:, 2:], 1.5)
    array_painting.draw_rects(painter, rects)


def _paint_cards(
    painter: QPainter, context: PaintContext, color: QColor, rects: np.ndarray
) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    scale = min(context.scale, 1.0)
    line, band = max(2.5, LINE * scale), BAND * context.scale
    has_band = context.level == FULL  # names reach up to the top of smaller cards
    radius = RADIUS * context.scale
    for x, y, width, height in rects.tolist():
        card = QRectF(x, y, width, height)
        if has_band and height > 3 * band:
            shape, top = QPainterPath(), QPainterPath()
            shape.addRoundedRect(card, radius, radius)
            top.addRect(QRectF(card.topLeft(), QPointF(card.right(), y + band)))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawPath(shape.intersected(top))
        painter.setPen(QPen(color, line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        inner = card.adjusted(line / 2 - 1, line / 2 - 1, 1 - line / 2, 1 - line / 2)
        painter.drawRoundedRect(inner, radius, radius)
