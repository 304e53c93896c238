"""A page that shows one view, with its choices and a button that puts it on the node."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from nodeflow.number_text import count
from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import label
from nodeflow.ui.inspector.editors import QuietCombo
from nodeflow.ui.views.drawing import Choice, ShownView, discover_views, draw_shown
from nodeflow.ui.views.sheet import Sheet

RATE_TIP = "While training, views take at most 5 % of its time."


class ViewCanvas(QWidget):
    """Draws a view, and says what is under the pointer."""

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
        """What is under the pointer, in words."""
        drawing, value = discover_views().get(self.shown.view), self.shown.value
        if self._at is None or drawing is None or value is None or value.data is None:
            return ""
        return drawing.at(value.data, self._area, self._at)

    @property
    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(0, 2, 0, -2)

    def paintEvent(self, _: QPaintEvent) -> None:
        if not self.shown.view:
            return
        painter = QPainter(self)
        try:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_shown(Sheet(painter, self._theme, note=self.pointed), self._area, self.shown)
        finally:
            painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._at = event.position()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._at = None
        self.update()
        super().leaveEvent(event)


class ViewPage(QWidget):
    """A view with what can be chosen for it.

    Signals:
        chosen(option, value): the user has chosen.
        pin_toggled(bool): show the view on the node, or its value.
    """

    chosen = Signal(str, object)
    pin_toggled = Signal(bool)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.canvas = ViewCanvas(themes)
        self.pin = QToolButton()
        self.pin.setCheckable(True)
        self.pin.setText("Show on the node")
        self.pin.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.pin.clicked.connect(self.pin_toggled)
        self.state = label("", "muted")
        self._combos: dict[str, QuietCombo] = {}
        self._choices: tuple[Choice, ...] = ()
        self._row = QHBoxLayout()
        self._row.setSpacing(SPACE[1])
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        head.addLayout(self._row)
        head.addStretch(1)
        head.addWidget(self.state)
        head.addWidget(self.pin)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addLayout(head)
        layout.addWidget(self.canvas, 1)
        themes.follow(self._set_theme)

    def _set_theme(self, theme: Theme) -> None:
        self.pin.setIcon(icon("pin", theme, "ink"))

    def set_pin(self, is_pinned: bool, blocked: str = "") -> None:
        """Say whether the view is on the node, or why it cannot be."""
        self.pin.setChecked(is_pinned)
        self.pin.setEnabled(not blocked)
        self.pin.setToolTip(blocked or "Draw it on the node, where the value is shown")

    def show_view(self, shown: ShownView) -> None:
        """Draw a view and offer its choices."""
        self.canvas.show_view(shown)
        drawing, value = discover_views().get(shown.view), shown.value
        if drawing is not None and value is not None and value.data is not None:
            self._offer(drawing.choices(value.data))
        parts = []
        if value is not None and value.step is not None:
            parts.append(f"step {count(value.step)}")
        if value is not None and value.rate is not None:
            parts.append(f"{value.rate:.2g} frames per second")
        self.state.setText("  ·  ".join(parts))
        self.state.setToolTip(RATE_TIP if len(parts) > 1 else "")

    def reset(self) -> None:
        """Offer nothing until data come: another node or view is shown."""
        self._offer(())

    def _offer(self, choices: tuple[Choice, ...]) -> None:
        """Update the combo boxes; those that are open or have the focus stay."""
        if choices == self._choices:
            return
        kinds = [choice.option for choice in choices]
        if kinds != list(self._combos):
            while (item := self._row.takeAt(0)) is not None:
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
        combo.setSizeAdjustPolicy(QuietCombo.SizeAdjustPolicy.AdjustToContents)
        combo.activated.connect(partial(self._on_chosen, choice.option))
        self._row.addWidget(label(choice.title, "caption"))
        self._row.addWidget(combo)
        self._combos[choice.option] = combo

    def combo(self, option: str) -> QuietCombo:
        """The combo box of a choice."""
        return self._combos[option]

    @Slot(str, int)
    def _on_chosen(self, option: str, _: int) -> None:
        value: Any = self._combos[option].currentData()
        self.chosen.emit(option, value)


def _index(choice: Choice) -> int:
    values = [value for value, _ in choice.values]
    return values.index(choice.current) if choice.current in values else -1
