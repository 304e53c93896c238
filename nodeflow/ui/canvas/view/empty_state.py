"""What an empty canvas says: how to begin, and a link to the step-by-step example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.scene import text_metrics
from nodeflow.ui.core import theme as themes

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

TITLE = "An empty canvas"
COUNT = 4
ROW = 52.0
WIDTH = 400.0


def _hints(view: CanvasView) -> tuple[tuple[str, str, str], ...]:
    """Icon, strong words and more of each; the keys are the user's."""
    search, formula = view.keys.text("search"), view.keys.text("formula")
    by_key = (f"Press {search}", "or double click to search and add one.")
    typed = (f"Press {formula}", "to type a formula.")
    return (
        ("move", "Drag an op", "from the palette to here."),
        ("search", *(by_key if search else ("Double click", "to search and add one."))),
        ("square-function", *(typed if formula else ("Edit → Type a formula", "adds its nodes."))),
        ("graduation-cap", "Build a = (b + c) × (c + 2)", "step by step."),
    )


def is_shown(view: CanvasView) -> bool:
    return not view.document.nodes and not view.document.frames and view.ghost is None


def _row(view: CanvasView, index: int) -> QRectF:
    top = view.height() / 2 - ROW * COUNT / 2 + 16
    return QRectF(view.width() / 2 - WIDTH / 2, top + index * ROW, WIDTH, ROW - 8)


def link_rect(view: CanvasView) -> QRectF:
    """Where the link to the tutorial is, in view coordinates."""
    return _row(view, COUNT - 1)


def link_at(view: CanvasView, at: QPointF) -> bool:
    return is_shown(view) and link_rect(view).contains(at)


def paint(painter: QPainter, view: CanvasView) -> None:
    """Draw the hints in the middle of the view."""
    theme = view.theme
    top = _row(view, 0).top()
    x = view.width() / 2
    text_metrics.draw(
        painter, x, top - 22, TITLE, text_metrics.HERO, theme.color("ink"), align="center"
    )
    last = COUNT - 1
    for index, (icon, strong, rest) in enumerate(_hints(view)):
        row = _row(view, index)
        role = "accent" if index == last else "ink_muted"
        if index == last:
            painter.setPen(QPen(theme.color("accent"), 1.25))
            painter.setBrush(theme.color("accent_soft"))
        else:
            painter.setPen(QPen(theme.color("border"), 1))
            painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(row, 10, 10)
        place = QRectF(row.left() + 16, row.center().y() - 10, 20, 20)
        themes.draw_icon(painter, icon, place, theme.color(role))
        y = row.center().y() + 5
        left = row.left() + 52
        ink = theme.color("accent" if index == last else "ink")
        text_metrics.draw(painter, left, y, strong, text_metrics.HINT_STRONG, ink)
        left += text_metrics.width(strong, text_metrics.HINT_STRONG) + 6
        text_metrics.draw(painter, left, y, rest, text_metrics.HINT, theme.color("ink_muted"))
