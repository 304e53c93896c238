"""Badges at the lower right corners of cards, which show findings of a check."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.detail import BLOCK
from nodeflow.ui.core.painting import text_metrics


def paint_badges(painter: QPainter, context: PaintContext) -> None:
    """Paint the badges of visible nodes, unless cards are mere blocks at this zoom."""
    badges = context.scene.badges
    style, height = text_metrics.BADGE, 18.0
    grown = context.detail.badge(style)
    if not badges or context.level == BLOCK or not grown:
        return
    style, height = context.detail.legible(style), height * grown
    slots = {slot: badge for i, badge in badges.items()
             if (slot := context.scene.nodes.get(i)) is not None}  # fmt: skip
    painter.save()
    context.place(painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for slot in context.nodes().tolist():
        badge = slots.get(slot)
        if badge is None:
            continue
        rect = context.scene.rect(slot)
        width = text_metrics.width(badge.text, style) + height
        area = QRectF(rect.right() - width + 8, rect.bottom() - height / 2, width, height)
        painter.setPen(QPen(context.theme.color("canvas"), height / 10))
        painter.setBrush(context.theme.color(badge.role))
        painter.drawRoundedRect(area, height / 2, height / 2)
        text_metrics.draw(
            painter,
            area.center().x(),
            area.center().y() + style[0] * 0.36,
            badge.text,
            style,
            context.theme.color("surface"),
            align="center",
            as_path=context.exporting,
        )
    painter.restore()
