"""The bar over the graph that names overridden tensors, with a button to remove the overrides."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from nodeflow.host import protocol as p
from nodeflow.number_text import counted
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button

MOST_NAMES = 3


class OverrideBar(QFrame):
    """A bar that names the overridden tensors, hidden if there are none. Drawings on the sketch
    pad do not count.

    Signals:
        list_requested(): the user wants a list of all overrides.
    """

    list_requested = Signal()

    def __init__(self, overrides: Overrides, link: EngineLink, themes: ThemeManager) -> None:
        super().__init__()
        self._overrides, self._link = overrides, link
        self._ran = False
        self.setObjectName("overrideBar")
        self.setAccessibleName("What if")
        self._sign = QLabel()
        self._sign.setAccessibleName("What if")
        self.text = ElidedLabel("", "strong")
        self.list = button("Show overrides", "link", self.list_requested.emit)
        self.back = button("", "", self._take_back)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[1], SPACE[3], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(self._sign)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.list)
        layout.addWidget(self.back)
        overrides.changed.connect(self._on_changed)
        link.state_changed.connect(self.refresh)
        link.previews.connect(self._on_previews)
        themes.follow(self.set_theme)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        self._sign.setPixmap(icon("circle-help", theme, "warning", 16).pixmap(QSize(16, 16)))

    @Slot()
    def refresh(self) -> None:
        """Show which tensors are overridden, and that trainings and runs ignore the overrides."""
        names = self._overrides.hypothetical
        self.setVisible(bool(names))
        if not names:
            return
        self.back.setText("Remove override" if len(names) == 1 else "Remove all")
        if self._ran:
            many = counted(len(names), "override")
            self.text.setText(f"These values come from the run, which ignores the {many}.")
            return
        more = len(names) - MOST_NAMES
        said = [*names[:MOST_NAMES], *([f"{more} more"] if more > 0 else [])]
        what = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
        verb = "is" if len(names) == 1 else "are"
        if self._link.is_training:
            rest = "Nodes show the effect; the training ignores it."
        else:
            rest = "Nodes show the effect; trainings and runs ignore it."
        self.text.setText(f"What if: {what} {verb} overridden. {rest}")

    @Slot()
    def _take_back(self) -> None:
        self._overrides.take_back(*self._overrides.hypothetical)

    @Slot()
    def _on_changed(self) -> None:
        self._ran = False
        self.refresh()

    @Slot(object)
    def _on_previews(self, message: p.Previews) -> None:
        if self._ran == message.watch:
            self._ran = not message.watch
            self.refresh()
