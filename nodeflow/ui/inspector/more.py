"""The inspector's *More*: one remembered switch that shows rarely changed settings."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton

from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme import Theme, icon


class More(QObject):
    """The switch that shows advanced settings, on all pages.

    Args:
        settings: remembers the switch. Without them, it is closed at first and not remembered.

    Signals:
        switched: the switch was opened or closed.
    """

    switched = Signal()

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self._settings = settings
        self._is_open = settings is not None and settings.shows_more

    @property
    def is_open(self) -> bool:
        return self._is_open

    @Slot()
    def switch(self) -> None:
        """Open or close the switch."""
        self._is_open = not self._is_open
        if self._settings is not None:
            self._settings.shows_more = self._is_open
        self.switched.emit()


class MoreButton(QPushButton):
    """The button of the switch, below the settings of a page.

    It is hidden if the page has nothing to fold.
    """

    def __init__(self, more: More, theme: Theme) -> None:
        super().__init__()
        self._more, self._theme = more, theme
        self.setProperty("kind", "link")
        self.setProperty("flush", "true")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setIconSize(QSize(14, 14))
        self.setToolTip("Settings that few graphs change. Changed ones are always shown.")
        self.clicked.connect(more.switch)
        more.switched.connect(self._look)
        self._look()

    @Slot()
    def _look(self) -> None:
        is_open = self._more.is_open
        self.setIcon(icon("chevron-up" if is_open else "chevron-down", self._theme, "accent", 14))
        self.setText("Less" if is_open else "More")
        self.setAccessibleName("Fewer settings" if is_open else "More settings")
