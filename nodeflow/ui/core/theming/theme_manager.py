"""The current theme, and a signal that tells every widget of a change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from nodeflow.ui.core.theming.stylesheet import apply_theme
from nodeflow.ui.core.theming.theme import Theme


class ThemeManager(QObject):
    """The theme of a window.

    Signals:
        changed(Theme): the window has another theme. The application's palette and style sheet
            have changed already.
    """

    changed = Signal(object)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.theme = theme

    def set_theme(self, theme: Theme) -> None:
        """Switch the window to another theme."""
        if theme is self.theme:
            return
        self.theme = theme
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, theme)
        self.changed.emit(theme)

    def follow(self, slot: Callable[[Theme], object]) -> None:
        """Call a widget's slot with the theme now and whenever it changes."""
        slot(self.theme)
        self.changed.connect(slot)
