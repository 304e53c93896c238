"""Dock widgets with a quiet title line; those at the bottom are tabs without one."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QMainWindow, QToolButton, QWidget

from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import label
from nodeflow.ui.panels.parts.in_front import InFront

NO_FOCUS = Qt.FocusPolicy.NoFocus
BOTTOM_ROOM = QSize(752, 208)
"""What the panels at the bottom ask for together: none that is made later moves the others."""


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
    """The place of a panel in the window, empty until the panel is made.

    Args:
        tabbed: shown as one of several tabs, which carry its name.

    Signals:
        needed(): the dock comes to the front without a panel.
    """

    needed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        name: str,
        title: str,
        themes: ThemeManager,
        tabbed: bool = False,
    ) -> None:
        super().__init__(title, window)  # a parent that comes later means styling all of it again
        self.setObjectName(name)
        self._empty = QWidget()
        self.setWidget(self._empty)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        if tabbed:
            empty = QWidget()
            empty.setFixedHeight(0)
            self.setTitleBarWidget(empty)
            self._empty.setMinimumSize(BOTTOM_ROOM)
            self.setAllowedAreas(Qt.DockWidgetArea.BottomDockWidgetArea)
        else:
            self.setTitleBarWidget(DockTitle(title, self, themes))
        self.visibilityChanged.connect(self._on_visibility)

    @property
    def is_front(self) -> bool:
        """Whether the panel can be seen: Qt counts a tab behind another one as visible."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def fill(self, panel: QWidget) -> None:
        """Take the panel in; it has its place in the order of Tab, whenever that is."""
        self.setWidget(panel)
        self._empty.deleteLater()
        self._put_in_order(panel)
        in_front = getattr(panel, "in_front", None)
        if isinstance(in_front, InFront):
            in_front.follow(self, self.is_front)

    @Slot(bool)
    def _on_visibility(self, is_front: bool) -> None:
        if is_front and self.widget() is self._empty:
            self.needed.emit()

    def _put_in_order(self, panel: QWidget) -> None:
        """Let Tab reach a panel where it reaches the dock: Qt appends what comes later."""
        # not by nextInFocusChain: in PySide one of both widgets then ends with the other
        parts = [each for each in panel.findChildren(QWidget) if each.window() is self.window()]
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # only what takes the focus has an order
        takers = (each for each in (self, panel, *parts) if each.focusPolicy() is not NO_FOCUS)
        for before, after in pairwise(takers):
            self.setTabOrder(before, after)
        self.setFocusPolicy(NO_FOCUS)
