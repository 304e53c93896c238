"""The bar over a graph that lies inside another: where one is, the way back, and Unpack."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from nodeflow.ui.theme import SPACE, Theme, icon
from nodeflow.ui.widgets import ElidedLabel, button, label

BACK_KEYS = "Escape, Backspace or Alt+Left"


class Breadcrumbs(QFrame):
    """``graph ▸ node``, with what is shown there.

    Signals:
        back: to the graph outside, please.
        unpack: make what is shown part of that graph.
    """

    back = Signal()
    unpack = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panelHeader")
        self.setAccessibleName("Path")
        self.arrow = QToolButton()
        self.arrow.setAccessibleName("Back to the graph")
        self.arrow.setToolTip(f"Back to the graph ({BACK_KEYS})")
        self.arrow.setShortcut("Alt+Left")
        self.arrow.setIconSize(QSize(16, 16))
        self.arrow.clicked.connect(self.back)
        self.outside = button("", "link", self.back.emit)
        self.outside.setToolTip(self.arrow.toolTip())
        self._between = label("▸", "muted")
        self.inside = label("", "strong")
        self.facts = ElidedLabel("", "caption")
        self.unpack_button = button("Unpack", "", self.unpack.emit)
        self.unpack_button.setToolTip("Replace the node by these nodes, to edit them")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.setSpacing(SPACE[1])
        for widget in (self.arrow, self.outside, self._between, self.inside):
            layout.addWidget(widget)
        layout.addSpacing(SPACE[2])
        layout.addWidget(self.facts, 1)
        layout.addWidget(self.unpack_button)
        self.set_theme(theme)

    @property
    def text(self) -> str:
        """The path as it reads."""
        return f"{self.outside.text()} {self._between.text()} {self.inside.text()}"

    def show_path(self, outside: str, inside: str, facts: str) -> None:
        self.outside.setText(outside)
        self.inside.setText(inside)
        self.facts.setText(facts)

    def set_theme(self, theme: Theme) -> None:
        self.arrow.setIcon(icon("arrow-left", theme, "ink", 16))
