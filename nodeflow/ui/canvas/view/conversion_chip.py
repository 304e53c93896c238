"""What would make a refused wire fit, at the port that refused it: Enter or a click takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from nodeflow.document.edit import commands
from nodeflow.document.edit.conversions import Conversion, insert_conversion
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas.gestures.base import SNAP
from nodeflow.ui.canvas.scene import array_painting, card_data, wire_table
from nodeflow.ui.canvas.view.free_position import uncovered
from nodeflow.ui.core import theme as themes

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

MOST = 3
CARD = 192.0
"""The usual width of a conversion's card, with the types of its ports."""
SMALLEST_GAP = 24.0


class ConversionChip(QFrame):
    """A small row of buttons; it goes with Escape, a click elsewhere, or its being taken."""

    def __init__(
        self,
        view: CanvasView,
        wire: Wire,
        offers: Sequence[Conversion],
        at: QPointF,
        picked: tuple[str, str] | None,
    ) -> None:
        super().__init__(view)
        self.setObjectName("conversionChip")
        self.setAccessibleName("Conversion that would fit")
        self.view, self.wire, self.picked = view, wire, picked
        self.offers = list(offers[:MOST])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(5, 5, 5, 5)
        layout.setSpacing(4)
        self.buttons = [self._button(offer, layout) for offer in self.offers]
        self._dress()
        self.adjustSize()
        place = QRectF(QPointF(at.x() - self.width() - 16, at.y() + 14), self.size().toSizeF())
        self.move(view.kept_inside(place).topLeft().toPoint())
        self.show()
        self.raise_()
        self.buttons[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def _button(self, offer: Conversion, layout: QHBoxLayout) -> QPushButton:
        button = QPushButton(offer.title, self)
        button.setFont(themes.font(12, 600))
        button.setToolTip(f"Gives {card_data.type_text(offer.type)}")
        button.setIcon(themes.icon("plus", self.view.theme, "accent", 14))
        button.clicked.connect(self._on_clicked)
        button.installEventFilter(self)
        layout.addWidget(button)
        return button

    def _dress(self) -> None:
        theme = self.view.theme
        self.setStyleSheet(
            f"#conversionChip {{ background: {theme.raised}; border: 1px solid {theme.accent};"
            " border-radius: 10px; }"
            f"QPushButton {{ background: transparent; color: {theme.ink}; border: none;"
            " border-radius: 6px; padding: 5px 10px; }"
            f"QPushButton:hover, QPushButton:focus {{ background: {theme.accent_soft}; }}"
        )

    def take(self, index: int) -> None:
        """Insert one of the offers."""
        view, wire, offer = self.view, self.wire, self.offers[index]
        self.close_chip()
        with view.reporting():
            view.select(insert_between(view, offer, wire, self.picked))

    def close_chip(self) -> None:
        """Go, doing nothing."""
        if self.view.chip is self:
            self.view.chip = None
            had_focus = self.isAncestorOf(self.window().focusWidget() or self.view)
            self.hide()
            self.deleteLater()
            if had_focus:
                self.view.setFocus()
            self.view.update()

    def paint(self, painter: QPainter) -> None:
        """The wire that waits for the answer, in view coordinates of the canvas."""
        view = self.view
        a = view.port_place(self.wire.source, self.wire.source_port, "out")
        b = view.port_place(self.wire.target, self.wire.target_port, "in")
        ends = np.array([[a.x(), a.y(), b.x(), b.y()]])
        painter.setPen(QPen(view.theme.color("accent"), 2.0))
        array_painting.draw_lines(painter, wire_table.smooth(ends, (6.0, 5.0), view.camera.scale))

    def _on_clicked(self) -> None:
        self.take(self.buttons.index(self.sender()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            return self._key(watched, event)
        if event.type() == QEvent.Type.FocusOut:
            focus = self.window().focusWidget()
            if focus is None or not self.isAncestorOf(focus):
                self.close_chip()
        return super().eventFilter(watched, event)

    def _key(self, watched: QObject, event: QKeyEvent) -> bool:
        index = self.buttons.index(watched)
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Tab: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Backtab: -1}
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take(index)
        elif event.key() == Qt.Key.Key_Escape:
            self.close_chip()
        elif event.key() in step:
            self.buttons[(index + step[event.key()]) % len(self.buttons)].setFocus()
        else:
            return False
        return True


def insert_between(
    view: CanvasView, offer: Conversion, wire: Wire, picked: tuple[str, str] | None = None
) -> list[str]:
    """Insert a conversion into a refused wire where it covers nothing, as one undo step; returns
    the new nodes. ``picked`` is a wire that goes for this."""
    document = view.document
    with document.transaction(f"{offer.title} before {document.node(wire.target).name}"):
        pos, step = _places(view, wire, len(offer.steps))
        new = insert_conversion(document, offer, wire, pos, picked, step)
        for node in new:
            commands.move(document, {node: uncovered(view, node)})
    return new


def _places(view: CanvasView, wire: Wire, count: int) -> tuple[tuple[float, float], float]:
    """The corner of the first of so many cards along a wire and the step from each to the next:
    with equal gaps, as far as there is room."""
    start = view.view_to_scene(view.port_place(wire.source, wire.source_port, "out"))
    end = view.view_to_scene(view.port_place(wire.target, wire.target_port, "in"))
    gap = max(SMALLEST_GAP, (end.x() - start.x() - count * CARD) / (count + 1))
    x = (start.x() + end.x() - count * CARD - (count - 1) * gap) / 2
    y = (start.y() + end.y()) / 2 - card_data.row_y(0)
    return (round(x / SNAP) * SNAP, round(y / SNAP) * SNAP), round((CARD + gap) / SNAP) * SNAP
