"""The bar that says that the past is shown, over the graph, with the way back to now."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from nodeflow.number_text import count
from nodeflow.ui.core.engine.shown_step import ShownStep
from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import ElidedLabel, button


class PastBar(QFrame):
    """Hidden while now is shown."""

    def __init__(self, past: ShownStep, themes: ThemeManager) -> None:
        super().__init__()
        self._past = past
        self.setObjectName("pastBar")
        self.setAccessibleName("The past is shown")
        self._sign = QLabel()
        self._sign.setAccessibleName("The past")
        self.text = ElidedLabel("", "strong")
        self.now = button("Back to now", "", past.back)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[1], SPACE[3], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(self._sign)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.now)
        past.changed.connect(self.refresh)
        themes.follow(self.set_theme)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        self._sign.setPixmap(icon("history", theme, "warning", 16).pixmap(QSize(16, 16)))

    @Slot()
    def refresh(self) -> None:
        """Say which step is shown."""
        step = self._past.step
        self.setVisible(step is not None)
        if step is None:
            return
        epoch = self._past.epoch_of(step)
        where = f"step {count(step)}{f', in epoch {count(epoch)}' if epoch else ''}"
        if self._past.is_there:
            said = " ".join((f"The past: {where}, on the batch of that step.", *self._past.notices))
            self.text.setText(said)
        else:
            self.text.setText(f"Going to {where}…")
