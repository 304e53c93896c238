"""Offers conversions that make a refused wire fit, as buttons at the port that refused it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.conversions import (
    Offer,
    converted_wire,
    insert_conversion,
    offer_label,
)
from nodeflow.document.model.records import Wire
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.gestures.base import SNAP
from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.canvas.view.free_position import free_position
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.core.widgets.plain_tips import plain_tip

MOST = 3
CARD = 192.0
"""The usual width of a conversion's card with visible port types, in scene units."""
SMALLEST_GAP = 24.0


class ConversionChip(QFrame):
    """A row of buttons at a point of the view. Enter or a click takes an offer; Escape and losing
    the focus close it.

    ``take(index)`` inserts an offer, ``close_chip()`` discards them.
    """

    def __init__(
        self,
        canvas: QWidget,
        theme: Theme,
        offers: Sequence[Offer],
        take: Callable[[int], None],
        close_chip: Callable[[], None],
    ) -> None:
        super().__init__(canvas)
        self.setObjectName("conversionChip")
        self.setAccessibleName("Conversions that fit")
        self.take, self.close_chip = take, close_chip
        layout = QHBoxLayout(self)
        layout.setContentsMargins(5, 5, 5, 5)
        layout.setSpacing(4)
        self.buttons = [self._button(theme, offer, layout) for offer in offers]
        self._dress(theme)
        self.adjustSize()

    def _button(self, theme: Theme, offer: Offer, layout: QHBoxLayout) -> QPushButton:
        button = QPushButton(offer.title, self)
        button.setFont(themes.font(12, 600))
        button.setToolTip(plain_tip(f"Gives {card_data.type_text(offer.type)}"))
        button.setIcon(themes.icon("plus", theme, "accent", 14))
        button.clicked.connect(self._on_clicked)
        button.installEventFilter(self)
        layout.addWidget(button)
        return button

    def _index(self, button: QObject) -> int:
        assert isinstance(button, QPushButton)
        return self.buttons.index(button)

    def _dress(self, theme: Theme) -> None:
        self.setStyleSheet(
            f"#conversionChip {{ background: {theme.raised}; border: 1px solid {theme.accent};"
            " border-radius: 10px; }"
            f"QPushButton {{ background: transparent; color: {theme.ink}; border: none;"
            " border-radius: 6px; padding: 5px 10px; }"
            f"QPushButton:hover, QPushButton:focus {{ background: {theme.accent_soft}; }}"
        )

    def _on_clicked(self) -> None:
        self.take(self._index(self.sender()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(self._index(watched), event.key())
        if event.type() == QEvent.Type.FocusOut:
            focus = self.window().focusWidget()
            if focus is None or not self.isAncestorOf(focus):
                self.close_chip()
        return super().eventFilter(watched, event)

    def _key(self, index: int, key: int) -> bool:
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take(index)
        elif key == Qt.Key.Key_Escape:
            self.close_chip()
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Tab):
            self.buttons[(index + 1) % len(self.buttons)].setFocus()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Backtab):
            self.buttons[index - 1].setFocus()
        else:
            return False
        return True


class ConversionOffers:
    """The conversions that are offered for one refused wire of a canvas, shown by ``chip``."""

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        renderer: Renderer,
        signals: CanvasSignals,
    ) -> None:
        self._canvas, self._scene, self._viewport = canvas, scene, viewport
        self._selection, self._renderer, self._signals = selection, renderer, signals
        self.chip: ConversionChip | None = None
        self._offers: list[Offer] = []
        self._wire = Wire("", "", "", "")
        self._picked: tuple[str, str] | None = None

    def offer(
        self,
        wire: Wire,
        offers: Sequence[Offer],
        at: QPointF,
        picked: tuple[str, str] | None,
    ) -> None:
        """Show a popup that offers conversions for a wire that was refused because its types do not
        match.

        Args:
            wire: the refused wire.
            at: the point of the view near which to show the popup.
            picked: an existing wire that an accepted offer replaces.
        """
        self.close()
        self._wire, self._offers, self._picked = wire, list(offers[:MOST]), picked
        theme = self._renderer.theme
        self.chip = chip = ConversionChip(self._canvas, theme, self._offers, self.take, self.close)
        place = QRectF(QPointF(at.x() - chip.width() - 16, at.y() + 14), chip.size().toSizeF())
        chip.move(self._viewport.kept_inside(place).topLeft().toPoint())
        chip.show()
        chip.raise_()
        chip.buttons[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def take(self, index: int) -> None:
        """Insert one of the offered conversions."""
        wire, offer = self._wire, self._offers[index]
        self.close()
        with self._signals.reporting():
            self._selection.select(self.insert(offer, wire, self._picked))

    def close(self) -> None:
        """Discard the offered conversions, if there are any."""
        chip, self.chip = self.chip, None
        if chip is not None:
            had_focus = chip.isAncestorOf(chip.window().focusWidget() or self._canvas)
            chip.hide()
            chip.deleteLater()
            if had_focus:
                self._canvas.setFocus()
            self._canvas.update()

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw the wire that was refused because its types do not match, while conversions are
        offered to the user.
        """
        if self.chip is None:
            return
        a, b = self._ends(self._wire)
        ends = np.array([[a.x(), a.y(), b.x(), b.y()]])
        painter.setPen(QPen(theme.color("accent"), 2.0))
        scale = self._viewport.camera.scale
        array_painting.draw_lines(painter, wire_shape.smooth(ends, (6.0, 5.0), scale))

    def insert(self, offer: Offer, wire: Wire, picked: tuple[str, str] | None = None) -> list[str]:
        """Insert a conversion into a refused wire at a free position, as one undo step.

        Args:
            picked: an existing wire that the conversion replaces.

        Returns:
            The ids of the new nodes.
        """
        document = self._scene.document
        with document.transaction(offer_label(document, offer, wire)):
            pos, step = self._positions(converted_wire(document, offer, wire), len(offer.steps))
            new = insert_conversion(document, offer, wire, pos, picked, step)
            for node in new:
                commands.move(document, {node: free_position(self._scene, node)})
        return new

    def _positions(self, wire: Wire, count: int) -> tuple[tuple[float, float], float]:
        """Return where to place ``count`` new cards along a wire: the corner of the first, and the
        distance from each to the next.

        The gaps between the cards are equal, and at least `SMALLEST_GAP`.
        """
        start, end = map(self._viewport.camera.to_scene, self._ends(wire))
        gap = max(SMALLEST_GAP, (end.x() - start.x() - count * CARD) / (count + 1))
        x = (start.x() + end.x() - count * CARD - (count - 1) * gap) / 2
        y = (start.y() + end.y()) / 2 - card_data.row_y(0)
        step = round((CARD + gap) / SNAP) * SNAP
        return (round(x / SNAP) * SNAP, round(y / SNAP) * SNAP), step

    def _ends(self, wire: Wire) -> tuple[QPointF, QPointF]:
        """Return both ends of a wire, in view coordinates."""
        start = self._viewport.port_position(wire.source, wire.source_port, "out")
        return start, self._viewport.port_position(wire.target, wire.target_port, "in")
