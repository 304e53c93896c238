"""The tabs of the bottom panels: a button that opens further panels, and closing with the mouse.

Qt makes the tab bar of docks itself, so this module finds that bar and places a button beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QTabBar, QToolButton

from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager

ROOM = 32
"""Width of the button at the end of the tabs, in pixels."""


class PanelTabs(QObject):
    """The tab bar at the bottom of a window.

    Args:
        menu: the menu of all panels, shown by the button and below the entry that closes a tab.
        close: closes the panel with a title.
        can_close: returns whether that panel can be closed.
        width: returns the width of the docks below the tabs.
    """

    def __init__(
        self,
        window: QMainWindow,
        themes: ThemeManager,
        menu: QMenu,
        close: Callable[[str], None],
        can_close: Callable[[str], bool],
        width: Callable[[], int],
    ) -> None:
        super().__init__(window)
        self._window, self._menu = window, menu
        self._close, self._can_close, self._width = close, can_close, width
        self._bar: QTabBar | None = None
        self.button = QToolButton(window)
        self.button.setObjectName("morePanels")
        self.button.setAccessibleName("More panels")
        self.button.setToolTip("Open or close panels")
        self.button.setAutoRaise(True)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(menu)
        self.button.hide()
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._place)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self.button.setIcon(icon("plus", theme, "ink_muted", 14))

    @Slot()
    def look(self, *_: object) -> None:
        """Place the button again, because Qt has arranged the tabs."""
        self._timer.start()

    @Slot()
    def _place(self) -> None:
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        bars = self._window.findChildren(QTabBar, options=direct)
        bar = next((bar for bar in bars if bar.isVisible() and bar.count()), None)
        if bar is None:
            self.button.hide()
            return
        if bar is not self._bar:
            self._bar = bar
            bar.setElideMode(Qt.TextElideMode.ElideNone)
            bar.setUsesScrollButtons(True)
            bar.installEventFilter(self)
        bar.setMaximumWidth(max(ROOM, self._width() - ROOM))
        end = max(bar.tabRect(index).right() for index in range(bar.count()))
        left = bar.x() + min(end + 4, bar.width())
        self.button.setGeometry(left, bar.y(), ROOM - 4, bar.height() - 2)
        self.button.raise_()
        self.button.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (
            QEvent.Type.Resize,
            QEvent.Type.Move,
            QEvent.Type.Show,
            QEvent.Type.Hide,
            QEvent.Type.LayoutRequest,
        ):
            self.look()
        elif kind == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            return self._on_release(watched, event)
        return super().eventFilter(watched, event)

    def _on_release(self, bar: QObject, event: QMouseEvent) -> bool:
        assert isinstance(bar, QTabBar)
        index = bar.tabAt(event.position().toPoint())
        title = bar.tabText(index)
        if event.button() == Qt.MouseButton.MiddleButton and self._can_close(title):
            self._close(title)
            return True
        if event.button() == Qt.MouseButton.RightButton and index >= 0:
            self._open_menu(title, event.globalPosition().toPoint())
            return True
        return False

    def _open_menu(self, title: str, place: QPoint) -> None:
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._can_close(title):
            menu.addAction(f"Close {title}").triggered.connect(lambda: self._close(title))
            menu.addSeparator()
        self._menu.aboutToShow.emit()
        for action in self._menu.actions():
            menu.addAction(action)
        menu.popup(place)
