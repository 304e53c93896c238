"""Tooltips placed beside the area they explain, and tooltips with the whole text of shortened
cells.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from nodeflow.ui.core.widgets.plain_tips import plain_tip

GAP = 6


def show_beside(text: str, area: QRect, widget: QWidget) -> None:
    """Show a tooltip under an area of a widget; above or beside it if there is no room.

    Args:
        text: rich text; an empty text hides the tooltip.
        area: in the widget's coordinates.
    """
    if not text:
        QToolTip.hideText()
        return
    where = QRect(widget.mapToGlobal(area.topLeft()), area.size())
    QToolTip.showText(where.bottomLeft() + QPoint(0, GAP), text, widget, area)
    tip = shown_tip()
    screen = widget.screen()
    if tip is not None and screen is not None:
        tip.move(place_beside(where, tip.rect(), screen.availableGeometry()))


def shown_tip() -> QWidget | None:
    """Return the label of the visible tooltip, or None."""
    tips = (w for w in QApplication.topLevelWidgets() if w.inherits("QTipLabel"))
    return next((tip for tip in tips if tip.isVisible()), None)


def place_beside(area: QRect, tip: QRect, screen: QRect) -> QPoint:
    """Return the position of a tooltip: under the area, else above it, else at its right or
    left.
    """
    x = max(screen.left(), min(area.left(), screen.right() - tip.width()))
    y = max(screen.top(), min(area.top(), screen.bottom() - tip.height()))
    if area.bottom() + GAP + tip.height() <= screen.bottom():
        return QPoint(x, area.bottom() + GAP)
    if area.top() - GAP - tip.height() >= screen.top():
        return QPoint(x, area.top() - GAP - tip.height())
    if area.right() + GAP + tip.width() <= screen.right():
        return QPoint(area.right() + GAP, y)
    return QPoint(max(screen.left(), area.left() - GAP - tip.width()), y)


class CutTextDelegate(QStyledItemDelegate):
    """An item delegate that shows the whole text of a shortened cell as its tooltip."""

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        if event.type() != QEvent.Type.ToolTip or index.data(Qt.ItemDataRole.ToolTipRole):
            return super().helpEvent(event, view, option, index)
        area = view.visualRect(index)  # pyright: ignore[reportArgumentType]
        text = index.data(Qt.ItemDataRole.DisplayRole)
        whole = self.sizeHint(option, index).width()
        cut = isinstance(text, str) and whole > area.width()
        show_beside(plain_tip(text) if cut else "", area, view.viewport())
        return True
