"""Paints the icon of an op."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from nodeflow.drawing.cards.op_icons import glyph_of, icon_of
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming import theme


def draw_op_icon(
    painter: QPainter,
    op: str,
    category: str,
    box: QRectF,
    color: QColor,
    as_path: bool = False,
    scale: float = 1.0,
) -> None:
    """Draw the icon of an op, centred in ``box``.

    Args:
        op: the id of the op.
        category: the op's category, whose icon is used if the op has none.
        color: the colour of the icon.
        as_path: whether to draw text as outlines.
        scale: pixels per unit of the box.
    """
    found = glyph_of(op, box.width(), scale)
    if found is None:
        inset = box.width() * 0.2
        name = icon_of(op, category)
        theme.draw_icon(painter, name, box.adjusted(inset, inset, -inset, -inset), color)
        return
    glyph, style = found
    baseline = box.center().y() + style[0] * 0.36
    text_metrics.draw(
        painter, box.center().x(), baseline, glyph, style, color, align="center", as_path=as_path
    )


def tile(painter: QPainter, box: QRectF, color: QColor, radius: float) -> None:
    """Draw the tinted background of an icon."""
    ground = QColor(color)
    ground.setAlphaF(0.14)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, radius, radius)
