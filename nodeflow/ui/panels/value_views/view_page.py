"""A page with one view, its options and a button that puts it on the node."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.views.view import Choice, ShownView, discover_views, draw_shown
from nodeflow.number_text import count, number
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.views.qt_sheet import Sheet, point_of, rect_of

SIDE_WIDTH = 190
"""Width of the side column, equal to the statistics beside a table."""
COMPUTING = "Computing…"
RATE_TIP = "While training, views take at most 2 % of its time."


class ViewCanvas(QWidget):
    """The widget that draws a view and describes the place under the pointer.

    Signals:
        pointed_at(place): the pointer moved to a place, or left (None).
    """

    pointed_at = Signal(object)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self.shown = ShownView("")
        self._at: QPointF | None = None
        self.setMouseTracking(True)
        self.setMinimumHeight(80)
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_view(self, shown: ShownView) -> None:
        self.shown = shown
        self.setAccessibleName("View")
        self.setAccessibleDescription(shown.text)
        self.update()

    @property
    def pointed(self) -> str:
        """The text about the place under the pointer."""
        drawing, value = discover_views().get(self.shown.view), self.shown.value
        if self._at is None or drawing is None or value is None or value.data is None:
            return ""
        return drawing.at(value.data, self._area, point_of(self._at))

    @property
    def _area(self) -> Rect:
        return rect_of(QRectF(self.rect())).adjusted(0, 2, 0, -2)

    def paintEvent(self, _: QPaintEvent) -> None:
        if not self.shown.view:
            return
        painter = QPainter(self)
        try:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            sheet = Sheet(painter, self._theme, note=self.pointed)
            draw_shown(sheet, self._area, self.shown, COMPUTING)
        finally:
            painter.end()

    def point_at(self, place: QPointF | None) -> None:
        """Describe a place as if the pointer were there."""
        if place != self._at:
            self._at = place
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.point_at(event.position())
        self.pointed_at.emit(self._at)

    def leaveEvent(self, event: QEvent) -> None:
        self.point_at(None)
        self.pointed_at.emit(None)
        super().leaveEvent(event)


class ViewPage(QWidget):
    """The page of a view with its options.

    Signals:
        chosen(option, value): the user chose an option.
        pin_toggled(bool): show the view on the node (True), or the node's value.
    """

    chosen = Signal(str, object)
    pin_toggled = Signal(bool)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.canvas = ViewCanvas(themes)
        self.pin = button("", slot=self._on_pin)
        self.is_pinned = False
        self.state = label("", "muted", wrap=True)
        self._combos: dict[str, QuietCombo] = {}
        self._choices: tuple[Choice, ...] = ()
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(SPACE[2])
        self._rows.setVerticalSpacing(SPACE[1])
        self._rows.setColumnStretch(1, 1)
        side = QWidget()
        side.setFixedWidth(SIDE_WIDTH)
        controls = QVBoxLayout(side)
        controls.setContentsMargins(0, 0, 0, 0)
        controls.setSpacing(SPACE[2])
        controls.addLayout(self._rows)
        controls.addWidget(self.pin)
        controls.addWidget(self.state)
        controls.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[4])
        layout.addWidget(side)
        layout.addWidget(self.canvas, 1)
        themes.follow(self._set_theme)

    def _set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._name_pin()

    def set_pin(self, is_pinned: bool, blocked: str = "") -> None:
        """Set whether the view is shown on the node, or the reason why it cannot be."""
        self.is_pinned = is_pinned
        self.pin.setEnabled(not blocked)
        self.pin.setToolTip(plain_tip(blocked) or "Replaces the node's value; saved with the graph")
        self._name_pin()

    def _name_pin(self) -> None:
        self.pin.setText("Remove from the node" if self.is_pinned else "Show on the node")
        self.pin.setIcon(icon("pin-off" if self.is_pinned else "pin", self._theme, "ink"))

    @Slot()
    def _on_pin(self) -> None:
        self.pin_toggled.emit(not self.is_pinned)

    def show_view(self, shown: ShownView) -> None:
        """Draw a view, and offer its options."""
        self.canvas.show_view(shown)
        drawing, value = discover_views().get(shown.view), shown.value
        if drawing is not None and value is not None and value.data is not None:
            self._offer(drawing.choices(value.data))
        parts = []
        if value is not None and value.step is not None:
            parts.append(f"step {count(value.step)}")
        if value is not None and value.rate is not None:
            parts.append(f"{number(value.rate, 2)} frames per second")
        self.state.setText("\n".join(parts))
        self.state.setToolTip(RATE_TIP if len(parts) > 1 else "")

    def reset(self) -> None:
        """Remove the options until new data arrive, because another node or view is shown."""
        self._offer(())

    def _offer(self, choices: tuple[Choice, ...]) -> None:
        """Update the combo boxes, except those that are open or focused."""
        if choices == self._choices:
            return
        kinds = [choice.option for choice in choices]
        if kinds != list(self._combos):
            while (item := self._rows.takeAt(0)) is not None:
                widget = item.widget()
                if widget is not None:
                    widget.deleteLater()
            self._combos = {}
            for choice in choices:
                self._add_combo(choice)
            self._choices = ()
        known = {choice.option: choice for choice in self._choices}
        self._choices = choices
        for choice in choices:
            combo, before = self._combos[choice.option], known.get(choice.option)
            if before is None or before.values != choice.values:
                combo.clear()
                for value, title in choice.values:
                    combo.addItem(title, value)
            combo.setCurrentIndex(_index(choice))

    def _add_combo(self, choice: Choice) -> None:
        combo = QuietCombo()
        combo.setAccessibleName(choice.title)
        combo.activated.connect(partial(self._on_chosen, choice.option))
        row = self._rows.rowCount()
        self._rows.addWidget(label(choice.title, "caption"), row, 0)
        self._rows.addWidget(combo, row, 1)
        self._combos[choice.option] = combo

    def combo(self, option: str) -> QuietCombo:
        """Return the combo box for an option of the view."""
        return self._combos[option]

    @Slot(str, int)
    def _on_chosen(self, option: str, _: int) -> None:
        value: Any = self._combos[option].currentData()
        self.chosen.emit(option, value)


def _index(choice: Choice) -> int:
    values = [value for value, _ in choice.values]
    return values.index(choice.current) if choice.current in values else -1
