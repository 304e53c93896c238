"""Dock widgets with a quiet title line; those at the bottom are tabs without one."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QMainWindow, QToolButton, QWidget

from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import label


class DockTitle(QFrame):
    """The name of a panel and the cross that hides it."""

    def __init__(self, title: str, dock: QDockWidget, themes: ThemeManager) -> None:
        super().__init__(dock)
        self.setObjectName("panelHeader")
        self._cross = QToolButton()
        self._cross.setAccessibleName(f"Hide {title}")
        self._cross.setToolTip("Hide (View > Panels brings it back)")
        self._cross.clicked.connect(dock.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[1])
        layout.addWidget(label(title, "strong"))
        layout.addStretch(1)
        layout.addWidget(self._cross)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._cross.setIcon(icon("x", theme, "ink_faint", 14))


class Dock(QDockWidget):
    """A panel in the window.

    Args:
        tabbed: shown as one of several tabs, which carry its name.
    """

    def __init__(
        self,
        window: QMainWindow,
        name: str,
        title: str,
        content: QWidget,
        themes: ThemeManager,
        tabbed: bool = False,
    ) -> None:
        super().__init__(title, window)  # a parent that comes later means styling all of it again
        self.setObjectName(name)
        self.setWidget(content)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        if tabbed:
            empty = QWidget()
            empty.setFixedHeight(0)
            self.setTitleBarWidget(empty)
            self.setAllowedAreas(Qt.DockWidgetArea.BottomDockWidgetArea)
        else:
            self.setTitleBarWidget(DockTitle(title, self, themes))
