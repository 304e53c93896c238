"""The log panel: messages, newest last, which can be copied into a bug report."""

from __future__ import annotations

import html
import logging
import time

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext

MOST_LINES = 2000


class LogPanel(QWidget):
    """The panel that shows log records and the window's own messages."""

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._themes = themes
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(MOST_LINES)
        self.text.setProperty("role", "mono")
        self.text.setFrameStyle(0)
        self.text.setStyleSheet("QPlainTextEdit { background: transparent; border: none; }")
        self.text.setPlaceholderText("Nothing to report.")
        self.text.setAccessibleName("Log")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.addWidget(self.text)

    @Slot(int, str)
    def append(self, level: int, text: str) -> None:
        """Add a message of one or more lines, with the time."""
        role = "error" if level >= logging.ERROR else "ink"
        role = "warning" if level == logging.WARNING else role
        color = self._themes.theme.color(role).name()
        faint = self._themes.theme.color("ink_faint").name()
        body = html.escape(text).replace("\n", "<br>").replace("  ", "&nbsp;&nbsp;")
        stamp = time.strftime("%H:%M:%S")
        self.text.appendHtml(
            f"<span style='color:{faint}'>{stamp}</span>&nbsp;&nbsp;"
            f"<span style='color:{color}'>{body}</span>"
        )


def _make(context: PanelContext) -> LogPanel:
    return LogPanel(context.look.themes)


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    if context.window.errors is not None:
        panel.hear(context.window.errors.recorded, LogPanel.append)


SHOW = ActionSpec("show_log", "Show the log", icon="terminal")
PANEL = PanelSpec("log", "Log", Place.BOTTOM, 70, _make, _wire, (SHOW,))
